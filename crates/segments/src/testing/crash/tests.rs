//! What the double says a crash leaves.

use super::*;
use crate::{Disk, SharedDisk};

fn path(name: &str) -> PathBuf {
    PathBuf::from(name)
}

fn left(disk: &CrashDisk, choices: &[u8]) -> Vec<(String, String)> {
    let cut = disk.power_cut(disk.now(), 4, &mut Choices::new(choices));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\0', "0");
    let files = cut.files().into_iter();
    files
        .map(|(path, bytes)| (path.display().to_string(), text(bytes)))
        .collect()
}

#[test]
fn of_what_was_not_synced_any_length_and_any_page_is_left() {
    let disk = CrashDisk::default();
    let mut file = disk.create(&path("d/a")).unwrap();
    file.append(b"synced").unwrap();
    file.sync().unwrap();
    disk.sync_directory(&path("d")).unwrap();
    file.append(b"unsynced").unwrap();
    let one = |text: &str| vec![("d/a".to_owned(), text.to_owned())];
    assert_eq!(left(&disk, &[]), one("synced"));
    assert_eq!(left(&disk, &[8, 0xff]), one("syncedunsynced"));
    assert_eq!(left(&disk, &[5, 0xff]), one("syncedunsyn"));
    assert_eq!(left(&disk, &[8, 0b010]), one("synced00sync00"));
    assert_eq!(left(&disk, &[8, 0b101]), one("syncedun0000ed"));
    file.sync().unwrap();
    assert_eq!(left(&disk, &[]), one("syncedunsynced"));
}

#[test]
fn after_a_failed_sync_no_other_one_makes_up_for_it() {
    let disk = CrashDisk::default();
    let mut file = disk.create(&path("d/a")).unwrap();
    disk.sync_directory(&path("d")).unwrap();
    file.append(b"1234").unwrap();
    disk.add_fault(Fault {
        what: Operations::Syncs,
        after: 0,
        times: 1,
        part: 0,
    });
    file.sync().unwrap_err();
    file.append(b"5678").unwrap();
    file.sync().unwrap();
    assert_eq!(disk.synced_again(), 1);
    assert_eq!(left(&disk, &[]), [("d/a".to_owned(), "00005678".to_owned())]);
    assert_eq!(disk.files()[&path("d/a")], b"12345678");
}

#[test]
fn names_that_were_not_synced_come_in_any_order_that_makes_sense() {
    let disk = CrashDisk::with_files(BTreeMap::from([(path("d/old"), b"old".to_vec())]));
    drop(disk.create(&path("d/new")).unwrap());
    disk.rename(&path("d/new"), &path("d/old")).unwrap();
    drop(disk.create(&path("d/other")).unwrap());
    let names = |choices: u8| {
        let files = left(&disk, &[choices]);
        let names: Vec<String> = files.into_iter().map(|(name, bytes)| name + ":" + &bytes).collect();
        names.join(" ")
    };
    assert_eq!(names(0b000), "d/old:old");
    // Without the creation there is nothing to rename; the next choice is about the other file.
    assert_eq!(names(0b010), "d/old:old d/other:");
    assert_eq!(names(0b001), "d/new: d/old:old");
    assert_eq!(names(0b011), "d/old:");
    assert_eq!(names(0b111), "d/old: d/other:");
    disk.sync_directory(&path("elsewhere")).unwrap();
    assert_eq!(names(0b000), "d/old:old");
    disk.sync_directory(&path("d")).unwrap();
    assert_eq!(names(0b000), "d/old: d/other:");
}

#[test]
fn a_kill_leaves_what_was_handed_over_and_a_power_cut_may_still_take_it() {
    let disk = CrashDisk::default();
    let mut file = disk.create(&path("d/a")).unwrap();
    file.append(b"1234").unwrap();
    let killed = disk.killed(1, 3);
    assert_eq!(killed.files(), BTreeMap::from([(path("d/a"), b"123".to_vec())]));
    assert_eq!(disk.killed(2, 0).files()[&path("d/a")], b"1234");
    assert_eq!(disk.killed(0, 0).files(), BTreeMap::new());
    assert_eq!(left(&killed, &[]), []);
    assert_eq!(left(&killed, &[0b11, 2]), [("d/a".to_owned(), "12".to_owned())]);
}

#[test]
fn a_file_that_was_cut_short_may_be_as_before_until_it_is_synced() {
    let disk = CrashDisk::with_files(BTreeMap::from([(path("d/a"), b"base".to_vec())]));
    let mut file = disk.open_alone(&path("d/a")).unwrap();
    file.append(b"1234").unwrap();
    file.cut(6).unwrap();
    assert_eq!(file.length().unwrap(), 6);
    file.append(b"xy").unwrap();
    assert_eq!(disk.files()[&path("d/a")], b"base12xy");
    let one = |text: &str| [("d/a".to_owned(), text.to_owned())];
    assert_eq!(left(&disk, &[]), one("base"));
    assert_eq!(left(&disk, &[0, 4, 0xff]), one("base1234"));
    assert_eq!(left(&disk, &[1, 4, 0xff]), one("base12xy"));
    assert_eq!(disk.killed(2, 0).files()[&path("d/a")], b"base12");
    assert_eq!(disk.killed(1, 0).files()[&path("d/a")], b"base1234");
    file.sync().unwrap();
    assert_eq!(left(&disk, &[]), one("base12xy"));
}

#[test]
fn a_reader_sees_what_is_appended_meanwhile() {
    let disk = CrashDisk::default();
    let mut file = disk.create(&path("d/a")).unwrap();
    let mut reader = disk.open(&path("d/a")).unwrap();
    let mut read = String::new();
    file.append(b"one").unwrap();
    reader.read_to_string(&mut read).unwrap();
    file.append(b" two").unwrap();
    reader.read_to_string(&mut read).unwrap();
    assert_eq!(read, "one two");
    assert_eq!(disk.length(&path("d/a")).unwrap(), Some(7));
    disk.sync_file(&path("d/a")).unwrap();
    disk.sync_directory(&path("d")).unwrap();
    assert_eq!(left(&disk, &[]), [("d/a".to_owned(), "one two".to_owned())]);
}

#[test]
fn locks_end_with_the_process() {
    let disk = CrashDisk::default();
    let held = disk.try_lock(&path("d/lock")).unwrap();
    assert!(disk.try_lock(&path("d/lock")).is_err());
    disk.killed(disk.now(), 0).try_lock(&path("d/lock")).unwrap();
    drop(held);
    let mut file = disk.open_alone(&path("d/lock")).unwrap();
    assert!(disk.open_alone(&path("d/lock")).is_err());
    file.unlock().unwrap();
    disk.open_alone(&path("d/lock")).unwrap();
}
