//! What is there after a crash or a stop.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::journal::HEADER_BYTES;

#[test]
fn what_was_acknowledged_is_there_after_a_crash() {
    for durability in [Durability::Sync, Durability::Flush] {
        let disk = MemoryDisk::default();
        let store = open(&disk, durability);
        accept(&store, vec![set("a", 1.0), add("b", 2.0)]);
        accept(&store, vec![add("a", 0.5)]);
        assert_eq!(
            dump(&open(&disk.copy(), durability)),
            "a{} 1.5\nb{} 2",
            "{durability:?}"
        );
        store.snapshot().unwrap();
        accept(&store, vec![add("a", 0.5)]);
        assert_eq!(dump(&open(&disk.copy(), durability)), "a{} 2\nb{} 2", "{durability:?}");
    }
}

#[test]
fn stopping_keeps_all_in_every_mode() {
    for durability in [Durability::Sync, Durability::Flush, Durability::Snapshot] {
        let disk = MemoryDisk::default();
        let store = open(&disk, durability);
        accept(&store, vec![set("a", f64::NAN), add("b", f64::NEG_INFINITY)]);
        store.close().unwrap();
        assert!(matches!(submit(&store, vec![add("b", 1.0)]), Outcome::Unavailable(_)));
        let again = open(&disk, durability);
        assert_eq!(dump(&again), "a{} NaN\nb{} -inf");
        again.close().unwrap();
    }
}

#[test]
fn deleted_stays_deleted() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    accept(&store, vec![set("a", 1.0), set("b", 1.0)]);
    store.snapshot().unwrap();
    accept(
        &store,
        vec![Change::Delete {
            family: Name::new("a").unwrap().into(),
            labels: None,
        }],
    );
    assert_eq!(dump(&open(&disk.copy(), Durability::Flush)), "b{} 1");
    store.close().unwrap();
    assert_eq!(dump(&open(&disk, Durability::Flush)), "b{} 1");
}

#[test]
fn a_snapshot_makes_old_segments_go() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    for _ in 0..3 {
        accept(&store, vec![add("a", 1.0)]);
        store.snapshot().unwrap();
    }
    assert_eq!(
        disk.paths(),
        ["journal/000004.log", "journal/newest", "state.yaml"].map(PathBuf::from)
    );
}

#[test]
fn a_tail_that_no_one_was_promised_is_cut_and_reported() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    accept(&store, vec![add("a", 1.0)]);
    let whole = disk.get("journal/000001.log").unwrap();
    accept(&store, vec![add("a", 1.0)]);
    let longer = disk.get("journal/000001.log").unwrap();
    for cut in whole.len()..longer.len() {
        let crashed = disk.copy();
        crashed.put("journal/000001.log", &longer[..cut]);
        let opened = try_open(&crashed, Durability::Flush).unwrap();
        assert_eq!(dump(&opened.store), "a{} 1");
        assert_eq!(
            opened
                .recovered
                .cut
                .iter()
                .map(|cut| (cut.offset, cut.length))
                .collect::<Vec<_>>(),
            if cut == whole.len() {
                vec![]
            } else {
                vec![(whole.len() as u64, (cut - whole.len()) as u64)]
            }
        );
        // What was written behind the cut by the next life is found by the one after it.
        accept(&opened.store, vec![add("a", 5.0)]);
        assert_eq!(dump(&open(&crashed.copy(), Durability::Flush)), "a{} 6");
    }
}

#[test]
fn damage_to_what_was_durable_is_refused_and_nothing_is_changed() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    for _ in 0..3 {
        accept(&store, vec![add("a", 1.0)]);
    }
    let sound = disk.get("journal/000001.log").unwrap();
    let last_frame = sound.len() - (sound.len() - HEADER_BYTES) / 3;
    for at in 0..last_frame {
        let damaged = disk.copy();
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        damaged.put("journal/000001.log", bytes.clone());
        let error = try_open(&damaged, Durability::Sync).unwrap_err().to_string();
        assert!(error.contains("journal/000001.log"), "byte {at}: {error}");
        assert_eq!(damaged.get("journal/000001.log").unwrap(), bytes);
        assert_eq!(damaged.paths(), disk.paths());
    }
}

#[test]
fn a_damaged_snapshot_is_refused_and_kept() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    accept(
        &store,
        vec![
            set("a", 1.0),
            Change::Series(target("h", &[("a", "é\"\n")], Some(Kind::Histogram)), Op::Observe(2.0)),
        ],
    );
    store.close().unwrap();
    let sound = disk.get("state.yaml").unwrap();
    assert_eq!(dump(&open(&disk.copy(), Durability::Flush)).lines().count(), 2);
    for at in 0..sound.len() {
        let damaged = disk.copy();
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        damaged.put("state.yaml", bytes.clone());
        let error = try_open(&damaged, Durability::Flush).unwrap_err().to_string();
        assert!(error.contains("state.yaml"), "byte {at}: {error}");
        assert_eq!(damaged.get("state.yaml").unwrap(), bytes);
    }
    for length in 0..sound.len() {
        let damaged = disk.copy();
        damaged.put("state.yaml", &sound[..length]);
        try_open(&damaged, Durability::Flush).unwrap_err();
    }
}

#[test]
fn a_missing_snapshot_beside_a_journal_that_needs_it_is_refused() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    accept(&store, vec![add("a", 1.0)]);
    store.snapshot().unwrap();
    accept(&store, vec![add("a", 1.0)]);
    let crashed = disk.copy();
    nexus_segments::Disk::remove(&crashed, std::path::Path::new("state.yaml")).unwrap();
    assert!(
        try_open(&crashed, Durability::Flush)
            .unwrap_err()
            .to_string()
            .contains("are missing")
    );
}

#[test]
fn a_file_of_metric_nexus_is_taken_over() {
    let disk = MemoryDisk::default();
    disk.put("state.yaml", "metrics:\n    - key: metric_nexus_clients\n      description: x\n      value: 1\n    - key: kills\n      description: 'Kills: all'\n      value: 1e+06\n    - key: nan\n      description: ''\n      value: .nan\n    - key: up\n      description: ''\n      value: .inf\n");
    let opened = try_open(&disk, Durability::Flush).unwrap();
    assert_eq!(dump(&opened.store), "kills{} 1000000\nnan{} NaN\nup{} inf");
    assert_eq!(opened.imported, Some(PathBuf::from("state.yaml.original")));
    accept(&opened.store, vec![add("kills", 1.0)]);
    assert!(dump(&open(&disk.copy(), Durability::Flush)).contains("kills{} 1000001"));
    // The same file again beside a journal that knows more: refused.
    disk.put("state.yaml", "metrics: []\n");
    assert!(try_open(&disk, Durability::Flush).is_err());
}

#[test]
fn a_state_edited_while_no_hub_runs_is_taken_over() {
    let disk = MemoryDisk::default();
    for round in 0..3 {
        let store = open(&disk, Durability::Flush);
        accept(&store, vec![add("a", 1.0), add("b", 1.0)]);
        store.close().unwrap();
        let edited = format!("metrics:\n- {{key: a, value: {}}}\n", 10 * (round + 1));
        disk.put("state.yaml", edited);
        assert_eq!(
            dump(&open(&disk.copy(), Durability::Flush)),
            format!("a{{}} {}", 10 * (round + 1))
        );
        let again = open(&disk, Durability::Flush);
        accept(&again, vec![add("a", 1.0)]);
        again.close().unwrap();
        assert_eq!(
            dump(&open(&disk.copy(), Durability::Flush)),
            format!("a{{}} {}", 10 * (round + 1) + 1)
        );
    }
}

#[test]
fn an_empty_file_of_metric_nexus_is_taken_over_and_nonsense_is_not() {
    let check = |text: &str, good: bool| {
        let disk = MemoryDisk::default();
        disk.put("state.yaml", text);
        assert_eq!(try_open(&disk, Durability::Flush).is_ok(), good, "{text:?}");
    };
    check("metrics:", true);
    check("metrics: []\n", true);
    check("metrics:\n- {key: a, value: 1, type: counter, labels: {q: mail}}", true);
    check("metrics:\n- {key: __metrics, value: 1}", true);
    check("metrics:\n- {key: a, value: 1}\n- {key: a, value: 1}", false);
    check("metrics:\n- {key: a, value: x}", false);
    check("metrics:\n- {key: 1a, value: 1}", false);
    check("", false);
    check("\u{0}\u{1}", false);
    check("metrics: [", false);
}

fn change() -> impl Strategy<Value = Change<'static>> {
    let name = proptest::sample::select(vec!["a", "b", "h"]);
    let labels = proptest::sample::select(vec!["", "1", "2"]);
    (name, labels, 0..12u8, -4i8..8).prop_map(|(name, label, which, value)| {
        let kind = if name == "h" { Kind::Histogram } else { Kind::Gauge };
        let labels: &[(&str, &str)] = if label.is_empty() { &[] } else { &[("l", label)] };
        let (target, value) = (target(name, labels, Some(kind)), f64::from(value));
        match which {
            0 => Change::Delete {
                family: target.family,
                labels: None,
            },
            1 => Change::Delete {
                family: target.family,
                labels: Some(target.labels),
            },
            2 => Change::DeleteMatching {
                selector: "{l=\"1\"}".parse().unwrap(),
                prefix: "".into(),
            },
            3 => Change::Series(target, Op::Ensure),
            _ if kind == Kind::Histogram => Change::Series(target, Op::Observe(value)),
            4..7 => Change::Series(target, Op::Set(value)),
            _ => Change::Series(target, Op::Add(value)),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// A crash image taken at any moment, snapshots going on, gives the state that was acknowledged.
    #[test]
    fn replay_gives_what_was_acknowledged(writes in vec((vec(change(), 1..5), 0..8u8), 1..40)) {
        let disk = MemoryDisk::default();
        let mut store = open(&disk, Durability::Flush);
        for (changes, then) in writes {
            let _ = submit(&store, changes);
            let expected = dump(&store);
            match then {
                0 => drop(store.snapshot().unwrap()),
                1 => {
                    store.close().unwrap();
                    store = open(&disk, Durability::Flush);
                }
                2 => store = open(&disk.copy(), Durability::Flush),
                _ => continue,
            }
            prop_assert_eq!(dump(&store), expected.clone());
            if then == 2 {
                // Go on with the disk that the new store writes to.
                store.close().unwrap();
                store = open(&disk.copy(), Durability::Flush);
                prop_assert_eq!(dump(&store), expected);
                store = open(&disk, Durability::Flush);
            }
        }
    }
}

/// Snapshots that are written while others write hold newer changes too; replay must not do those twice, nor lose any.
#[test]
fn a_snapshot_among_writers_loses_and_doubles_nothing() {
    for durability in [Durability::Flush, Durability::Snapshot] {
        let disk = MemoryDisk::default();
        let store = open(&disk, durability);
        let many: Vec<Change<'static>> = (0..3000)
            .map(|n| Change::Series(target("a", &[("n", &n.to_string())], Some(Kind::Counter)), Op::Add(0.0)))
            .collect();
        accept(&store, many.clone());
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..60 {
                        let label = format!("{worker}-{}", round % 7);
                        let gone = Change::Delete {
                            family: Name::new("a").unwrap().into(),
                            labels: Some(Labels::from_pairs([("w", &label)]).unwrap().into()),
                        };
                        let mut changes: Vec<Change<'static>> = (0..50)
                            .map(|n| {
                                Change::Series(
                                    target("a", &[("n", &(worker * 700 + n).to_string())], None),
                                    Op::Add(1.0),
                                )
                            })
                            .collect();
                        changes.push(Change::Series(target("a", &[("w", &label)], None), Op::Add(1.0)));
                        accept(store, changes);
                        if round % 3 == 0 {
                            accept(store, vec![gone]);
                        }
                    }
                });
            }
            for _ in 0..10 {
                store.snapshot().unwrap();
            }
        });
        let expected = dump(&store);
        if durability == Durability::Flush {
            assert_eq!(dump(&open(&disk.copy(), durability)), expected);
        }
        store.close().unwrap();
        assert_eq!(dump(&open(&disk, durability)), expected);
    }
}

/// A snapshot, two segments that were ended and one that goes on, all under `sync`.
fn several_segments() -> nexus_segments::testing::CrashDisk {
    use nexus_segments::testing::{CrashDisk, Fault, Operations};
    let disk = CrashDisk::default();
    let settings = Settings {
        disk: Arc::new(disk.clone()),
        ..settings(&MemoryDisk::default(), Durability::Sync)
    };
    let store = Store::open(&settings, Clients::new(1)).unwrap().store;
    accept(&store, vec![set("a", 1.0)]);
    store.snapshot().unwrap();
    for _ in 0..2 {
        accept(&store, vec![add("a", 1.0)]);
        accept(&store, vec![add("a", 1.0)]);
        // Making the segment succeeds, and taking note of it; then the snapshot fails.
        disk.add_fault(Fault {
            what: Operations::All,
            after: 9,
            times: 1,
            part: 0,
        });
        store.snapshot().unwrap_err();
        disk.clear_faults();
    }
    accept(&store, vec![add("a", 1.0)]);
    accept(&store, vec![add("a", 1.0)]);
    disk
}

#[test]
fn every_flipped_bit_is_refused_naming_the_file_or_in_the_last_frame_reported() {
    let files = several_segments().files();
    let names: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
    assert_eq!(
        names,
        [
            "journal/000002.log",
            "journal/000003.log",
            "journal/000004.log",
            "journal/newest",
            "state.yaml"
        ]
    );
    let last = &files[&PathBuf::from("journal/000004.log")];
    let last_frame = last.len() - (last.len() - HEADER_BYTES) / 2;
    let disk = MemoryDisk::default();
    for (path, bytes) in &files {
        disk.put(path, bytes.clone());
    }
    let settings = settings(&disk, Durability::Sync);
    assert_eq!(open::read(&settings).unwrap().recovered.last, 7);
    for (path, sound) in &files {
        for bit in 0..8 * sound.len() {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            disk.put(path, bytes);
            match open::read(&settings) {
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        error.contains(&path.display().to_string()),
                        "{path:?}, bit {bit}: {error}"
                    );
                }
                Ok(checked) => {
                    assert!(
                        path.ends_with("000004.log") && bit / 8 >= last_frame,
                        "{path:?}, bit {bit}"
                    );
                    assert_eq!(checked.recovered.last, 6);
                    let cut = &checked.recovered.cut[0];
                    assert_eq!((&cut.file, cut.offset), (path, last_frame as u64));
                }
            }
        }
        disk.put(path, sound.clone());
    }
}

#[test]
fn every_segment_that_is_missing_emptied_or_cut_short_is_noticed_but_for_the_last_frame() {
    let files = several_segments().files();
    for (path, sound) in files.iter().filter(|(path, _)| !path.ends_with("newest")) {
        let is_last = path.ends_with("000004.log");
        let last_frame = (sound.len() - HEADER_BYTES) / 2;
        for length in 0..sound.len() - if is_last { last_frame } else { 0 } {
            let disk = MemoryDisk::default();
            for (path, bytes) in &files {
                disk.put(path, bytes.clone());
            }
            disk.put(path, &sound[..length]);
            // What ends behind the last segment's header is what a crash may leave.
            match open::read(&settings(&disk, Durability::Sync)) {
                Err(_) => {}
                Ok(checked) => {
                    assert!(is_last && length >= HEADER_BYTES, "{path:?}, {length}");
                    let cut = !checked.recovered.cut.is_empty();
                    assert!(cut || length == HEADER_BYTES, "{path:?}, {length}");
                }
            }
        }
        let disk = MemoryDisk::default();
        for (path, bytes) in files.iter().filter(|(other, _)| *other != path) {
            disk.put(path, bytes.clone());
        }
        assert!(open::read(&settings(&disk, Durability::Sync)).is_err(), "{path:?}");
    }
}
