//! What generated histories and thought have found, each by its name.

use super::*;
use crate::disk::crash::{Fault, Operations};

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
