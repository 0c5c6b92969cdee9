//! Disks that are full or fail.

use std::time::Duration;

use nexus_segments::{
    RealDisk,
    testing::{Choices, CrashDisk, Fault, Operations},
};

use super::*;
use crate::{
    clock::{Clock, Reading},
    write::{Idempotency, Unavailable},
};

pub(super) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

#[test]
fn a_full_disk_makes_the_hub_read_only_until_there_is_room() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    accept(&store, vec![set("a", 1.0)]);
    disk.set_room(10);
    assert_eq!(submit(&store, vec![add("a", 1.0)]), Outcome::Unknown);
    assert_eq!(
        submit(&store, vec![add("a", 1.0)]),
        Outcome::Unavailable(Unavailable::ReadOnly)
    );
    assert!(store.status().read_only().unwrap().contains("cannot be written"));
    assert!(store.snapshot().is_err());
    // What a crash leaves now is what was acknowledged.
    assert_eq!(dump(&open(&disk.copy(), Durability::Flush)), "a{} 1");
    disk.set_room(usize::MAX);
    until("coming back", || store.status().read_only().is_none());
    // The write whose outcome was unknown did happen, once.
    accept(&store, vec![add("a", 1.0)]);
    assert_eq!(dump(&open(&disk.copy(), Durability::Flush)), "a{} 3");
}

#[test]
fn after_a_failed_sync_the_segment_is_given_up() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    accept(&store, vec![set("a", 1.0)]);
    disk.set_syncs_fail(true);
    assert_eq!(submit(&store, vec![add("a", 1.0)]), Outcome::Unknown);
    disk.set_syncs_fail(false);
    until("coming back", || store.status().read_only().is_none());
    assert!(disk.paths().contains(&PathBuf::from("journal/000002.log")));
    accept(&store, vec![add("a", 1.0)]);
    assert_eq!(dump(&open(&disk.copy(), Durability::Sync)), "a{} 3");
}

#[test]
fn a_snapshot_that_fails_leaves_the_old_one() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    accept(&store, vec![set("a", 1.0)]);
    store.snapshot().unwrap();
    let old = disk.get("state.yaml");
    accept(&store, vec![set("a", 2.0)]);
    disk.set_room(100);
    store.snapshot().unwrap_err();
    assert_eq!(disk.get("state.yaml"), old);
    assert_eq!(
        dump(&open(
            &{
                let copy = disk.copy();
                copy.set_room(usize::MAX);
                copy
            },
            Durability::Flush
        )),
        "a{} 2"
    );
}

#[test]
fn a_full_queue_turns_writes_away() {
    let disk = MemoryDisk::default();
    let settings = Settings {
        queue_bytes_max: 10,
        ..settings(&disk, Durability::Flush)
    };
    let store = Store::open(&settings, Clients::new(1)).unwrap().store;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcomes = runtime.block_on(async {
        let writes = (0..200).map(|_| store.submit(write_of(vec![add("a", 1.0); 50])));
        futures_util::future::join_all(writes).await
    });
    let (mut applied, mut full) = (0.0, 0);
    for outcome in outcomes {
        match outcome {
            Outcome::Applied(..) => applied += 50.0,
            Outcome::Unavailable(Unavailable::QueueFull) => full += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(full > 0);
    assert_eq!(store.status().queue_full_total(), full);
    assert_eq!(dump(&store), format!("a{{}} {applied}"));
}

#[test]
fn a_write_of_unknown_outcome_is_safe_to_repeat_under_its_key() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Flush);
    accept(&store, vec![set("a", 1.0)]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let idempotency = Some(Idempotency {
        id: [1; 16],
        fingerprint: [1; 8],
    });
    let try_it = || {
        runtime.block_on(store.submit(Write {
            idempotency,
            ..write_of(vec![add("a", 1.0)])
        }))
    };
    disk.set_room(10);
    assert_eq!(try_it(), Outcome::Unknown);
    assert_eq!(try_it(), Outcome::Unavailable(Unavailable::ReadOnly));
    disk.set_room(usize::MAX);
    until("coming back", || store.status().read_only().is_none());
    assert!(matches!(try_it(), Outcome::Replayed(_)));
    assert_eq!(dump(&open(&disk.copy(), Durability::Flush)), "a{} 2");
}

fn open_on(disk: &CrashDisk, durability: Durability) -> Store {
    let settings = Settings {
        disk: Arc::new(disk.clone()),
        ..settings(&MemoryDisk::default(), durability)
    };
    Store::open(&settings, Clients::new(1)).unwrap().store
}

fn once(what: Operations, after: u32, part: usize) -> Fault {
    Fault {
        what,
        after,
        times: 1,
        part,
    }
}

/// What is found after a kill and after power cuts of several sorts.
fn after_crashes(disk: &CrashDisk, at: usize, durability: Durability) -> Vec<String> {
    let mut images = vec![disk.killed(at, 0)];
    if durability == Durability::Sync {
        for choices in [&[][..], &[0xff; 99], &[0x55; 99], &[0xaa; 99]] {
            images.push(disk.power_cut(at, 64, &mut Choices::new(choices)));
        }
    }
    images.iter().map(|image| dump(&open_on(image, durability))).collect()
}

#[test]
fn a_disk_that_is_full_at_any_byte_of_a_frame_loses_nothing_and_doubles_nothing() {
    for durability in [Durability::Sync, Durability::Flush] {
        let frame = {
            let disk = CrashDisk::default();
            let store = open_on(&disk, durability);
            accept(&store, vec![set("a", 1.0)]);
            disk.files()[&PathBuf::from("journal/000001.log")].len() - crate::journal::HEADER_BYTES
        };
        for room in 0..frame {
            let disk = CrashDisk::default();
            let store = open_on(&disk, durability);
            accept(&store, vec![set("a", 1.0)]);
            disk.add_fault(once(Operations::Appends, 0, room));
            let before = disk.now();
            assert_eq!(submit(&store, vec![set("a", 2.0)]), Outcome::Unknown);
            until("coming back", || store.status().read_only().is_none());
            for found in after_crashes(&disk, before + 1, durability) {
                assert_eq!(found, "a{} 1", "{room}");
            }
            accept(&store, vec![add("a", 1.0)]);
            for found in after_crashes(&disk, disk.now(), durability) {
                assert_eq!(found, "a{} 3", "{room}");
            }
            // On a full disk the room of the old segment is needed.
            assert!(!disk.files().contains_key(&PathBuf::from("journal/000001.log")));
        }
    }
}

#[test]
fn a_file_whose_sync_failed_is_never_synced_again() {
    for durability in [Durability::Sync, Durability::Flush] {
        for after in 0..8 {
            let disk = CrashDisk::default();
            let store = open_on(&disk, durability);
            accept(&store, vec![set("a", 1.0)]);
            disk.add_fault(once(Operations::Syncs, after, 0));
            let mut sum = 1.0;
            for _ in 0..4 {
                if matches!(
                    submit(&store, vec![add("a", 1.0)]),
                    Outcome::Applied(..) | Outcome::Unknown
                ) {
                    sum += 1.0;
                }
                until("coming back", || store.status().read_only().is_none());
                let _ = store.snapshot();
                until("coming back", || store.status().read_only().is_none());
            }
            store.close().unwrap();
            assert_eq!(disk.synced_again(), 0);
            assert_eq!(dump(&open_on(&disk, durability)), format!("a{{}} {sum}"));
        }
    }
}

#[test]
fn a_start_without_room_shows_what_was_read_and_takes_writes_when_there_is_room() {
    for durability in [Durability::Sync, Durability::Flush] {
        let disk = CrashDisk::default();
        accept(&open_on(&disk, durability), vec![set("a", 1.0)]);
        for full_from in 0..8 {
            let disk = disk.killed(disk.now(), 0);
            disk.add_fault(Fault {
                times: u32::MAX,
                ..once(Operations::Appends, full_from, 0)
            });
            let store = open_on(&disk, durability);
            assert_eq!(dump(&store), "a{} 1");
            let was_full = store.status().read_only().is_some();
            if was_full {
                assert_eq!(
                    submit(&store, vec![add("a", 1.0)]),
                    Outcome::Unavailable(Unavailable::ReadOnly)
                );
                for found in after_crashes(&disk, disk.now(), durability) {
                    assert_eq!(found, "a{} 1");
                }
            }
            disk.clear_faults();
            until("coming back", || store.status().read_only().is_none());
            accept(&store, vec![add("a", 1.0)]);
            for found in after_crashes(&disk, disk.now(), durability) {
                assert_eq!(found, "a{} 2");
            }
            assert!(was_full || full_from > 4, "{full_from}");
        }
    }
}

#[test]
fn a_snapshot_that_fails_at_any_step_loses_nothing_and_the_hub_goes_on() {
    for durability in [Durability::Sync, Durability::Flush] {
        for part in [0, 1] {
            let mut steps = 0;
            loop {
                let disk = CrashDisk::default();
                let store = open_on(&disk, durability);
                accept(&store, vec![set("a", 1.0), set("b", 1.0), set("c", 1.0)]);
                store.snapshot().unwrap();
                accept(&store, vec![set("a", 2.0)]);
                let before = disk.now();
                disk.add_fault(once(Operations::All, steps, part));
                let taken = store.snapshot();
                until("coming back", || store.status().read_only().is_none());
                for at in before..=disk.now() {
                    for found in after_crashes(&disk, at, durability) {
                        assert_eq!(found, "a{} 2\nb{} 1\nc{} 1", "step {steps}, position {at}");
                    }
                }
                accept(&store, vec![set("a", 3.0)]);
                store.snapshot().unwrap();
                for found in after_crashes(&disk, disk.now(), durability) {
                    assert_eq!(found, "a{} 3\nb{} 1\nc{} 1", "step {steps}");
                }
                assert_eq!(disk.synced_again(), 0);
                if taken.is_ok() {
                    break;
                }
                steps += 1;
            }
            // Segment: create, append, sync, directory. Snapshot: create, blocks, sync, rename, directory.
            assert!(steps > 12, "{steps}");
        }
    }
}

#[test]
fn a_clock_that_jumps_neither_forgets_keys_nor_keeps_them_for_ever() {
    const DAY: u64 = 86_400_000;
    let disk = MemoryDisk::default();
    let reading = Arc::new(Mutex::new(Reading {
        wall_ms: 1000 * DAY,
        steady_ms: 0,
    }));
    let mut settings = Settings {
        clock: Clock::Set(reading.clone()),
        ..settings(&disk, Durability::Flush)
    };
    settings.limits.idempotency.retention_ms = DAY;
    let store = Store::open(&settings, Clients::new(1)).unwrap().store;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let write = |store: &Store, key: u8| {
        let idempotency = Some(Idempotency {
            id: [key; 16],
            fingerprint: [0; 8],
        });
        runtime.block_on(store.submit(Write {
            idempotency,
            ..write_of(vec![add("a", 1.0)])
        }))
    };
    let set_to = |wall_ms, steady_ms| *reading.lock().unwrap() = Reading { wall_ms, steady_ms };
    assert!(matches!(write(&store, 1), Outcome::Applied(..)));
    // A year ahead for a minute, then back to before the first write.
    set_to(1365 * DAY, 60_000);
    assert!(matches!(write(&store, 2), Outcome::Applied(..)));
    assert!(matches!(write(&store, 1), Outcome::Replayed(_)));
    set_to(900 * DAY, 120_000);
    assert!(matches!(write(&store, 3), Outcome::Applied(..)));
    for key in 1..=3 {
        assert!(matches!(write(&store, key), Outcome::Replayed(_)), "{key}");
    }
    // The same from the journal, in the next life, whose steady clock begins anew.
    set_to(900 * DAY + 60_000, 0);
    let store = Store::open(&settings, Clients::new(1)).unwrap().store;
    for key in 1..=3 {
        assert!(matches!(write(&store, key), Outcome::Replayed(_)), "{key}");
    }
    // A day later all of them are forgotten.
    set_to(901 * DAY + 120_000, DAY + 60_000);
    assert!(matches!(write(&store, 4), Outcome::Applied(..)));
    assert_eq!(store.view().catalog.used_keys.len(), 1);
    // Stamps say what the wall clock said.
    let value = store.view().catalog.family("a").unwrap().value("").unwrap();
    assert_eq!(value.stamp().at_ms, 901 * DAY + 120_000);
}

/// A state directory on the file system.
struct OnDisk {
    parent: tempfile::TempDir,
    settings: Settings,
}

impl OnDisk {
    fn new(durability: Durability) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let state = parent.path().join("state");
        std::fs::create_dir_all(state.join("journal")).unwrap();
        let settings = Settings {
            disk: Arc::new(RealDisk),
            snapshot: state.join("state.yaml"),
            journal: state.join("journal"),
            ..settings(&MemoryDisk::default(), durability)
        };
        OnDisk { parent, settings }
    }

    fn open(&self) -> Store {
        Store::open(&self.settings, Clients::new(1)).unwrap().store
    }

    fn state(&self) -> PathBuf {
        self.parent.path().join("state")
    }
}

#[test]
fn a_state_directory_that_is_removed_is_noticed_and_written_anew() {
    for durability in [Durability::Sync, Durability::Flush] {
        let on_disk = OnDisk::new(durability);
        let store = on_disk.open();
        accept(&store, vec![set("a", 1.0)]);
        store.snapshot().unwrap();
        accept(&store, vec![add("a", 1.0)]);
        std::fs::remove_dir_all(on_disk.state()).unwrap();
        // It could still be written, and would be gone with the process.
        assert_eq!(submit(&store, vec![add("a", 1.0)]), Outcome::Unknown);
        until("coming back", || store.status().read_only().is_none());
        accept(&store, vec![add("a", 1.0)]);
        assert_eq!(dump(&on_disk.open()), "a{} 4");
    }
}

#[test]
fn files_that_are_removed_from_an_idle_hub_are_written_anew() {
    for durability in [Durability::Sync, Durability::Flush, Durability::Snapshot] {
        for gone in ["", "journal", "state.yaml"] {
            let on_disk = OnDisk::new(durability);
            let store = on_disk.open();
            accept(&store, vec![set("a", 1.0)]);
            store.snapshot().unwrap();
            store.verify_files();
            assert_eq!(store.status().journal_errors(), 0);
            let path = on_disk.state().join(gone);
            // Moved away is gone too.
            std::fs::rename(&path, on_disk.parent.path().join("elsewhere")).unwrap();
            store.verify_files();
            until("noticing", || store.status().journal_errors() == 1);
            until("coming back", || store.status().read_only().is_none());
            drop(store);
            assert_eq!(dump(&on_disk.open()), "a{} 1");
        }
    }
}

#[test]
fn a_hub_whose_directory_cannot_be_made_again_stays_read_only_and_says_why() {
    let on_disk = OnDisk::new(Durability::Sync);
    let store = on_disk.open();
    accept(&store, vec![set("a", 1.0)]);
    std::fs::remove_dir_all(on_disk.state()).unwrap();
    std::fs::write(on_disk.state(), "in the way").unwrap();
    assert_eq!(submit(&store, vec![add("a", 1.0)]), Outcome::Unknown);
    assert!(store.status().read_only().unwrap().contains("is not there any more"));
    assert_eq!(
        submit(&store, vec![add("a", 1.0)]),
        Outcome::Unavailable(Unavailable::ReadOnly)
    );
    assert_eq!(dump(&store), "a{} 2");
    std::fs::remove_file(on_disk.state()).unwrap();
    until("coming back", || store.status().read_only().is_none());
    assert_eq!(dump(&on_disk.open()), "a{} 2");
}
