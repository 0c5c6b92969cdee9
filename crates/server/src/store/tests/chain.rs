//! Segments that are swapped, repeated, renamed, emptied or missing, and those of another hub or of another time.

use std::{collections::BTreeMap, path::Path};

use nexus_segments::{
    Disk,
    testing::{CrashDisk, Fault, Operations},
};

use super::{repair::SNAPSHOT, *};

type Files = BTreeMap<PathBuf, Vec<u8>>;

const NEWEST: &str = "journal/newest";

fn segment(number: u64) -> PathBuf {
    PathBuf::from(format!("journal/{number:06}.log"))
}

fn start(disk: &CrashDisk) -> Store {
    let settings = Settings {
        disk: Arc::new(disk.clone()),
        ..settings(&MemoryDisk::default(), Durability::Sync)
    };
    Store::open(&settings, Clients::new(1)).unwrap().store
}

fn on_memory(files: &Files) -> MemoryDisk {
    let disk = MemoryDisk::default();
    for (path, bytes) in files {
        disk.put(path, bytes.clone());
    }
    disk
}

/// A snapshot cannot be written, but a segment was begun for it.
fn fail_a_snapshot(disk: &CrashDisk, store: &Store) {
    disk.add_fault(Fault {
        what: Operations::All,
        after: 9,
        times: 1,
        part: 0,
    });
    store.snapshot().unwrap_err();
    disk.clear_faults();
}

/// The state of a hub that was killed: a snapshot, and behind it the segments 2, 3 and 4 with an increment each.
fn three_segments() -> Files {
    let disk = CrashDisk::default();
    let store = start(&disk);
    accept(&store, vec![set("a", 1.0)]);
    store.snapshot().unwrap();
    for _ in 0..2 {
        accept(&store, vec![add("a", 1.0)]);
        fail_a_snapshot(&disk, &store);
    }
    accept(&store, vec![add("a", 1.0)]);
    disk.files()
}

#[track_caller]
fn refused(files: &Files, expected: &str) {
    let disk = on_memory(files);
    let examined = examine(&settings(&disk, Durability::Sync), 100).unwrap();
    let found: Vec<_> = examined.damage.iter().map(|damage| &damage.text).collect();
    assert!(found.iter().any(|text| text.contains(expected)), "{found:?}");
    let error = try_open(&disk, Durability::Sync).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(disk.paths(), files.keys().cloned().collect::<Vec<_>>());
    assert!(files.iter().all(|(path, bytes)| disk.get(path).as_ref() == Some(bytes)));
}

#[test]
fn segments_that_are_not_what_or_where_they_were_are_refused() {
    let sound = three_segments();
    assert_eq!(dump(&open(&on_memory(&sound), Durability::Sync)), "a{} 4");
    let check = |change: &dyn Fn(&mut Files), expected: &str| {
        let mut files = sound.clone();
        change(&mut files);
        assert_ne!(files, sound);
        refused(&files, expected);
    };
    let swap = |files: &mut Files, one: u64, other: u64| {
        let (first, second) = (files[&segment(one)].clone(), files[&segment(other)].clone());
        files.insert(segment(one), second);
        files.insert(segment(other), first);
    };
    for (one, other) in [(2, 3), (3, 4), (2, 4)] {
        check(
            &|files| swap(files, one, other),
            "by its header: it was renamed, copied",
        );
    }
    for from in 2..=4 {
        for to in (1..=6).filter(|to| *to != from) {
            let copy = |files: &mut Files| drop(files.insert(segment(to), files[&segment(from)].clone()));
            check(
                &copy,
                &format!("is segment {from} by its header: it was renamed, copied"),
            );
            let renamed = |files: &mut Files| {
                let bytes = files.remove(&segment(from)).unwrap();
                files.insert(segment(to), bytes);
            };
            check(
                &renamed,
                &format!("is segment {from} by its header: it was renamed, copied"),
            );
        }
    }
    let gone = "journal/000004.log: segment 4 was begun, and is missing or empty";
    let lost = |number: u64| {
        format!(
            "changes {number} to {number} are missing: {}",
            segment(number + 1).display()
        )
    };
    // What stood at the end of segment 2 may be there or not: segment 4 says that change 3 was.
    let not_there =
        "journal/000002.log is damaged at offset 112: change 3 should stand there and was durable".to_owned();
    for (number, expected) in [(2, lost(2)), (3, not_there), (4, gone.to_owned())] {
        check(&|files| drop(files.remove(&segment(number))), &expected);
        for emptied in [0, 1, 31, 32, 47] {
            let cut = |files: &mut Files| files.get_mut(&segment(number)).unwrap().truncate(emptied);
            check(&cut, &expected);
        }
        let zeros = |files: &mut Files| drop(files.insert(segment(number), vec![0; 48]));
        check(&zeros, &expected);
    }
    let damaged = "journal/newest is damaged";
    check(&|files| drop(files.insert(NEWEST.into(), Vec::new())), damaged);
    check(&|files| files.get_mut(Path::new(NEWEST)).unwrap().push(b'\n'), damaged);
    // All that a start would read is gone: the file tells.
    let wiped = |files: &mut Files| files.retain(|path, _| path.extension().is_none_or(|end| end != "log"));
    check(&wiped, gone);
    // It protects the end only: without it all is there that was.
    let mut files = sound.clone();
    files.remove(Path::new(NEWEST));
    assert_eq!(dump(&open(&on_memory(&files), Durability::Sync)), "a{} 4");
}

#[test]
fn an_empty_first_segment_that_is_gone_is_noticed() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    accept(&store, vec![set("a", 1.0)]);
    let disk = disk.copy();
    disk.remove(&segment(1)).unwrap();
    let error = try_open(&disk, Durability::Sync).unwrap_err().to_string();
    assert!(error.contains("segment 1 was begun, and is missing"), "{error}");
}

/// A hub whose snapshot stands for change 1 and whose journal goes on up to change `last`.
fn hub_up_to(disk: &MemoryDisk, name: &str, last: u64) {
    let store = open(disk, Durability::Sync);
    accept(&store, vec![set(name, 1.0)]);
    store.snapshot().unwrap();
    for _ in 1..last {
        accept(&store, vec![add(name, 1.0)]);
    }
}

fn put_snapshot_of(other: &MemoryDisk, into: &MemoryDisk) -> Files {
    into.put(SNAPSHOT, other.get(SNAPSHOT).unwrap());
    let paths = into.paths();
    paths
        .into_iter()
        .map(|path| (path.clone(), into.get(path).unwrap()))
        .collect()
}

#[test]
fn a_snapshot_of_another_hub_is_refused_wherever_its_sequence_lies() {
    let foreign = "does not belong to the snapshot beside it";
    for other in [1, 2, 5, 9] {
        let (mine, others) = (MemoryDisk::default(), MemoryDisk::default());
        hub_up_to(&mine, "mine", 5);
        hub_up_to(&others, "other", other);
        open(&others, Durability::Sync).close().unwrap();
        refused(&put_snapshot_of(&others, &mine.copy()), foreign);
        // Without the journal it is a copy that was put back, and begins a history of its own.
        let restored = MemoryDisk::default();
        restored.put(SNAPSHOT, others.get(SNAPSHOT).unwrap());
        assert_eq!(dump(&open(&restored, Durability::Sync)), format!("other{{}} {other}"));
    }
}

#[test]
fn a_snapshot_of_another_time_of_the_same_hub_is_refused() {
    let foreign = "does not belong to the snapshot beside it";
    let original = MemoryDisk::default();
    hub_up_to(&original, "a", 3);
    // A whole copy goes on by itself, and so does the original, each with a snapshot later on.
    let clone = original.copy();
    let alone = MemoryDisk::default();
    alone.put(SNAPSHOT, original.get(SNAPSHOT).unwrap());
    for (disk, more) in [(&original, 2), (&clone, 4), (&alone, 6)] {
        let store = open(disk, Durability::Sync);
        for _ in 0..more {
            accept(&store, vec![add("a", 100.0)]);
        }
        store.snapshot().unwrap();
        accept(&store, vec![add("a", 1.0)]);
    }
    let all = [&original, &clone, &alone];
    for (place, into) in all.iter().enumerate() {
        for (other, from) in all.iter().enumerate() {
            if place != other {
                refused(&put_snapshot_of(from, &into.copy()), foreign);
            }
        }
    }
}

#[test]
fn a_segment_of_another_time_is_refused_though_its_number_and_its_beginning_fit() {
    let original = MemoryDisk::default();
    let store = open(&original, Durability::Sync);
    accept(&store, vec![set("a", 1.0)]);
    store.close().unwrap();
    drop(store);
    // Both begin segment 3 behind change 1.
    let clone = original.copy();
    for (disk, value) in [(&original, 10.0), (&clone, 20.0)] {
        accept(&open(disk, Durability::Sync), vec![add("a", value)]);
    }
    let mixed = original.copy();
    mixed.put(segment(3), clone.get(segment(3)).unwrap());
    let error = try_open(&mixed, Durability::Sync).unwrap_err().to_string();
    assert!(error.contains("segment 3 was begun, and is missing"), "{error}");
    mixed.put(segment(3), original.get(segment(3)).unwrap());
    // And as the next one, which continues what the first does.
    let mut bytes = clone.get(segment(3)).unwrap();
    bytes[12] = 4;
    let checksum = nexus_segments::checksum(&[&bytes[..44]]).to_le_bytes();
    bytes[44..48].copy_from_slice(&checksum);
    mixed.put(segment(4), bytes);
    let error = try_open(&mixed, Durability::Sync).unwrap_err().to_string();
    assert!(
        error.contains("000004.log does not continue the segment before it"),
        "{error}"
    );
}

/// What `state repair` makes of it is all that can be had.
#[test]
fn segments_under_wrong_names_are_repaired_in_their_own_order() {
    let mut files = three_segments();
    let (two, three) = (files[&segment(2)].clone(), files[&segment(3)].clone());
    files.insert(segment(2), three.clone());
    files.insert(segment(3), two);
    files.insert(segment(9), three);
    let examined = examine(&settings(&on_memory(&files), Durability::Sync), 100).unwrap();
    assert_eq!(
        (examined.damage.len(), examined.recovered.writes, examined.last),
        (3, 3, 4)
    );
}
