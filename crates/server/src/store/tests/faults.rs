use std::time::Duration;

use super::*;
use crate::write::Unavailable;

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
            Outcome::Applied(_) => applied += 50.0,
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
    let idempotency = Some(crate::write::Idempotency {
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
