//! What generated histories and thought have found, each by its name.

use nexus_segments::testing::{Fault, Operations};

use super::*;
use crate::journal::HEADER_BYTES;

fn start(disk: &CrashDisk, durability: Durability) -> Result<Opened, OpenError> {
    let settings = Settings {
        disk: Arc::new(disk.clone()),
        retry: std::time::Duration::ZERO,
        ..settings(&MemoryDisk::default(), durability)
    };
    Store::open(&settings, Clients::new(1))
}

fn started(disk: &CrashDisk, durability: Durability) -> Store {
    start(disk, durability).unwrap().store
}

/// The disk after a power cut that took everything it could.
fn power_cut(disk: &CrashDisk) -> CrashDisk {
    disk.power_cut(disk.now(), 512, &mut Choices::new(&[]))
}

fn fail(disk: &CrashDisk, what: Operations, after: u32) {
    disk.add_fault(Fault {
        what,
        after,
        times: 1,
        part: usize::MAX,
    });
}

/// The new segment said that all before it was durable, but it had only been read from the operating system's memory.
#[test]
fn a_kill_then_a_start_then_a_power_cut_does_not_look_like_damage() {
    let disk = CrashDisk::default();
    let store = started(&disk, Durability::Flush);
    accept(&store, vec![set("a", 1.0)]);
    let killed = disk.killed(disk.now(), 0);
    let store = started(&killed, Durability::Sync);
    accept(&store, vec![set("b", 1.0)]);
    assert_eq!(dump(&started(&power_cut(&killed), Durability::Sync)), "a{} 1\nb{} 1");
}

/// After a failed sync the page is read back, and even synced again with success, but it is not on the disk.
#[test]
fn a_failed_sync_then_a_kill_then_a_power_cut_loses_nothing_that_was_acknowledged() {
    let disk = CrashDisk::default();
    let store = started(&disk, Durability::Sync);
    fail(&disk, Operations::Syncs, 0);
    let before = disk.now();
    assert_eq!(submit(&store, vec![set("a", 1.0)]), Outcome::Unknown);
    // The write, the sync that failed, and nothing of how the hub comes back.
    let killed = disk.killed(before + 2, 0);
    let store = started(&killed, Durability::Sync);
    accept(&store, vec![add("a", 1.0)]);
    assert_eq!(dump(&started(&power_cut(&killed), Durability::Sync)), "a{} 2");
}

/// A segment's length reached the disk, its header did not: it had been refused as damaged.
#[test]
fn a_segment_of_zeros_that_was_being_made_holds_nothing() {
    let disk = CrashDisk::default();
    let store = started(&disk, Durability::Sync);
    accept(&store, vec![set("a", 1.0)]);
    let mut files = disk.files();
    files.insert(PathBuf::from("journal/000002.log"), vec![0; HEADER_BYTES]);
    assert_eq!(
        dump(&started(&CrashDisk::with_files(files.clone()), Durability::Sync)),
        "a{} 1"
    );
    // Something stands behind it, so it was there, and is damaged.
    files.insert(PathBuf::from("journal/000002.log"), vec![0; HEADER_BYTES + 1]);
    let error = start(&CrashDisk::with_files(files), Durability::Sync).unwrap_err();
    assert!(error.to_string().contains("journal/000002.log"), "{error}");
}

/// Under `snapshot`, what happened while a snapshot was written counts only with that snapshot. If it was lost and the
/// sequences were used again, the old segment told of writes that never were.
#[test]
fn what_happened_during_a_lost_snapshot_does_not_come_back_with_the_next_one() {
    let disk = CrashDisk::default();
    let store = started(&disk, Durability::Snapshot);
    for _ in 0..3 {
        accept(&store, vec![add("a", 1.0)]);
    }
    let (inside, log) = (store.clone(), disk.clone());
    disk.set_hook("new", move |operation| {
        if operation == 1 {
            accept(&inside, vec![add("lost", 1.0)]);
            accept(&inside, vec![add("lost", 1.0)]);
            // The snapshot fails, and the hub ends there.
            fail(&log, Operations::All, 0);
        }
    });
    store.snapshot().unwrap_err();
    let killed = disk.killed(disk.now(), 0);
    let store = started(&killed, Durability::Snapshot);
    assert_eq!(dump(&store), "");
    for _ in 0..4 {
        accept(&store, vec![add("b", 1.0)]);
    }
    store.snapshot().unwrap();
    // The old segments are still there: their removal was not durable.
    let (mut files, kept) = (killed.files(), disk.files());
    files.extend(
        kept.into_iter()
            .filter(|(path, _)| path.ends_with("000001.log") || path.ends_with("000002.log")),
    );
    assert_eq!(
        dump(&started(&CrashDisk::with_files(files), Durability::Snapshot)),
        "b{} 4"
    );
}

/// Replay of changes to a family that was removed put their series into the family that had taken its name meanwhile.
#[test]
fn changes_to_a_removed_family_do_not_get_into_its_namesake() {
    let disk = CrashDisk::default();
    let store = started(&disk, Durability::Flush);
    accept(&store, vec![set("b", 1.0)]);
    let inside = store.clone();
    disk.set_hook("new", move |operation| {
        if operation == 0 {
            let series = |label, kind| Change::Series(target("a", &[("l", label)], Some(kind)), Op::Ensure);
            let delete = Change::Delete {
                family: Name::new("a").unwrap().into(),
                labels: None,
            };
            accept(&inside, vec![series("old", Kind::Gauge)]);
            accept(&inside, vec![delete, series("new", Kind::Counter)]);
        }
    });
    store.snapshot().unwrap();
    let expected = "a{l=\"new\"} 0\nb{} 1";
    assert_eq!(dump(&store), expected);
    assert_eq!(dump(&started(&disk.killed(disk.now(), 0), Durability::Flush)), expected);
}

/// A snapshot could see a new series at zero with the sequence of the change that was about to give it its value; replay
/// then left the change out.
#[test]
fn a_series_is_never_seen_at_zero_with_the_sequence_of_its_first_change() {
    let write = |change| write_of(vec![change]);
    let gone = || Change::Delete {
        family: Name::new("a").unwrap().into(),
        labels: Some(Labels::from_pairs([("l", "1")]).unwrap().into()),
    };
    let new = || Change::Series(target("a", &[("l", "1")], None), Op::Set(7.0));
    let mut state = State::default();
    state.apply(&write(set("a", 7.0)), 1, 0);
    let family = state.family("a").unwrap().clone();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for block in family.blocks() {
                    block.for_each(|series| {
                        let value = series.value().unwrap();
                        // Values are given under even sequences.
                        let seen = matches!(value, Value::Number(0.0, stamp) if stamp.sequence % 2 == 0);
                        assert!(!seen, "{value:?}");
                    });
                }
            }
        });
        for round in 1..30_000 {
            state.apply(&write(new()), 2 * round, 0);
            state.apply(&write(gone()), 2 * round + 1, 0);
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
}

/// A series that was removed and made anew while a snapshot was written could stand in it twice, in the slab where it was and in
/// the one where it came to be: the hub refused to start.
#[test]
fn a_series_that_moves_while_a_snapshot_is_written_is_there_once() {
    for moment in 0..8 {
        let disk = CrashDisk::default();
        let store = started(&disk, Durability::Flush);
        let one = |label, value| Change::Series(target("a", &[("l", label)], Some(Kind::Gauge)), Op::Set(value));
        accept(&store, vec![one("1", 1.0), one("2", 2.0)]);
        let inside = store.clone();
        disk.set_hook("new", move |operation| {
            if operation == moment {
                let gone = Change::Delete {
                    family: Name::new("a").unwrap().into(),
                    labels: Some(Labels::from_pairs([("l", "1")]).unwrap().into()),
                };
                // The first takes the place that was left.
                accept(&inside, vec![gone, one("3", 3.0), one("1", 4.0)]);
            }
        });
        store.snapshot().unwrap();
        let expected = "a{l=\"1\"} 4\na{l=\"2\"} 2\na{l=\"3\"} 3";
        assert_eq!(dump(&store), expected);
        let killed = disk.killed(disk.now(), 0);
        assert_eq!(dump(&started(&killed, Durability::Flush)), expected, "{moment}");
    }
}

/// A snapshot taken among writers holds changes beyond its position. Alone, as a backup, it made the hub use their
/// sequences again, and what got them was acknowledged and left out as old.
#[test]
fn a_snapshot_restored_without_its_journal_takes_writes() {
    let disk = CrashDisk::default();
    let store = started(&disk, Durability::Flush);
    accept(&store, vec![set("a", 1.0)]);
    let inside = store.clone();
    disk.set_hook("new", move |operation| {
        if operation == 1 {
            for _ in 0..5 {
                accept(&inside, vec![add("a", 1.0)]);
            }
        }
    });
    store.snapshot().unwrap();
    let files = disk.files();
    let alone = BTreeMap::from([(PathBuf::from("state.yaml"), files[&PathBuf::from("state.yaml")].clone())]);
    let restored = CrashDisk::with_files(alone);
    let store = started(&restored, Durability::Flush);
    assert_eq!(dump(&store), "a{} 6");
    accept(&store, vec![add("a", 1.0)]);
    assert_eq!(dump(&store), "a{} 7");
    assert_eq!(dump(&started(&power_cut(&restored), Durability::Flush)), "a{} 6");
    assert_eq!(
        dump(&started(&restored.killed(restored.now(), 0), Durability::Flush)),
        "a{} 7"
    );
    // With a journal that ends before what the snapshot knows to be durable there, it is damage.
    let mut files = files;
    files
        .get_mut(&PathBuf::from("journal/000002.log"))
        .unwrap()
        .truncate(HEADER_BYTES + 8);
    let error = start(&CrashDisk::with_files(files), Durability::Flush).unwrap_err();
    assert!(error.to_string().contains("ends after change 1"), "{error}");
}

/// The copy of a state file that is taken over was synced, its name was not: the file could be replaced and the copy be gone.
#[test]
fn the_original_of_a_file_that_is_taken_over_survives_a_power_cut_at_any_moment() {
    let original = b"metrics:\n- {key: a, value: 5}\n".to_vec();
    let disk = CrashDisk::with_files(BTreeMap::from([(PathBuf::from("state.yaml"), original.clone())]));
    let store = started(&disk, Durability::Sync);
    assert_eq!(dump(&store), "a{} 5");
    for at in 0..=disk.now() {
        for choices in 0..=255 {
            let image = disk.power_cut(at, 512, &mut Choices::new(&[choices]));
            let files = image.files();
            let kept = ["state.yaml", "state.yaml.original"].map(|name| files.get(&PathBuf::from(name)));
            assert!(kept.contains(&Some(&original)), "{at}, {choices}");
            if choices % 16 == 1 {
                assert_eq!(dump(&started(&image, Durability::Sync)), "a{} 5");
            }
        }
    }
}
