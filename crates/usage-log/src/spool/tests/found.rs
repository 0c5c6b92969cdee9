//! What generated histories and thought have found, each by its name.

use nexus_segments::testing::{Fault, Operations};

use super::*;

fn started(disk: &CrashDisk, writer: u8) -> OpenedSpool {
    open(disk, writer).unwrap()
}

fn power_cut(disk: &CrashDisk) -> CrashDisk {
    disk.power_cut(disk.now(), 512, &mut Choices::new(&[]))
}

fn fail(disk: &CrashDisk, what: Operations, after: u32) {
    let (times, part) = (1, 0);
    disk.add_fault(Fault {
        what,
        after,
        times,
        part,
    });
}

/// Which records another process would find.
fn left(disk: &CrashDisk) -> Vec<(u8, u64)> {
    let mut opened = started(&disk.killed(disk.now(), 0), 255);
    read_all(&mut opened).iter().map(number_of).collect()
}

/// All that can be read is stored.
fn store(opened: &mut OpenedSpool) {
    read_all(opened);
    opened.follower.done();
}

/// The next process took it for granted that what it read had been synced.
#[test]
fn what_a_killed_process_left_is_synced_by_the_next_one() {
    let disk = CrashDisk::default();
    let mut first = started(&disk, 1);
    first.appender.append(records(2).iter()).unwrap();
    drop(first);
    let second = started(&disk, 2);
    assert_eq!(second.recovered, 2);
    second.spool.sync().unwrap();
    assert_eq!(left(&power_cut(&disk)), [(1, 1), (1, 2)]);
}

/// The same file was synced again, with success, and what had been written before the failure was not on the disk.
#[test]
fn a_segment_whose_sync_has_failed_is_given_up() {
    let disk = CrashDisk::default();
    let mut opened = started(&disk, 1);
    opened.appender.append(records(1).iter()).unwrap();
    opened.spool.sync().unwrap();
    opened.appender.append(records(1).iter()).unwrap();
    // The directory, then the file.
    fail(&disk, Operations::Syncs, 1);
    opened.spool.sync().unwrap_err();
    opened.appender.append(records(1).iter()).unwrap();
    opened.spool.sync().unwrap();
    assert_eq!(disk.synced_again(), 0);
    assert_eq!(left(&power_cut(&disk)), [(1, 1), (1, 3)]);
    assert_eq!(read_all(&mut opened).len(), 3, "while the power is on, all is there");
}

/// The first segments stayed, the last one was gone: it looked as if something were missing.
#[test]
fn segments_are_removed_in_order_so_that_an_orderly_end_is_known() {
    let check = |faulty: bool, crash: fn(&CrashDisk) -> CrashDisk| {
        let disk = CrashDisk::default();
        let mut opened = started(&disk, 1);
        for _ in 0..8 {
            opened.appender.append(records(3).iter()).unwrap();
        }
        opened.appender.finish().unwrap();
        opened.spool.sync().unwrap();
        assert!(disk.files().len() > 3, "a lock and several segments");
        read_all(&mut opened);
        if faulty {
            fail(&disk, Operations::All, 0);
        }
        opened.follower.done();
        assert_eq!(started(&crash(&disk), 2).gaps, []);
    };
    check(true, |disk| disk.killed(disk.now(), 0));
    // Of the removals, the later ones are kept.
    check(false, |disk| {
        disk.power_cut(disk.now(), 512, &mut Choices::new(&[0b1111_1110, 0xff]))
    });
}

/// All that was on disk was stored and removed, what could not be appended was lost, and nobody was told.
#[test]
fn the_last_segment_stays_and_tells_what_may_be_lost_behind_it() {
    let disk = CrashDisk::default();
    let mut opened = started(&disk, 1);
    opened.appender.append(records(2).iter()).unwrap();
    fail(&disk, Operations::Appends, 0);
    opened.appender.append(records(1).iter()).unwrap_err();
    store(&mut opened);
    assert_eq!(opened.spool.unread(), 0);
    let gaps = started(&disk.killed(disk.now(), 0), 2).gaps;
    assert!(
        gaps.iter().any(|gap| gap.last == 2 && gap.last_possible >= 3),
        "{gaps:?}"
    );
    // The next segment takes its place.
    opened.appender.append(records(1).iter()).unwrap();
    store(&mut opened);
    assert_eq!(left(&disk), [(1, 3)]);
    opened.appender.finish().unwrap();
    store(&mut opened);
    assert_eq!(
        disk.files().into_keys().collect::<Vec<_>>(),
        [PathBuf::from("spool/lock")]
    );
}

/// A file whose length reached the disk and whose bytes did not was set aside as damaged, for ever.
#[test]
fn a_segment_that_was_being_made_leaves_nothing_behind() {
    for bytes in [&b""[..], b"NxUsage2", &[0; 32]] {
        let path = PathBuf::from("spool/000000000001.spool");
        let disk = CrashDisk::with_files([(path, bytes.to_vec())].into());
        let mut opened = started(&disk, 1);
        assert_eq!((opened.recovered, opened.gaps.len()), (0, 0));
        opened.appender.append(records(1).iter()).unwrap();
        assert_eq!(left(&disk), [(1, 1)]);
        assert!(
            disk.files()
                .into_keys()
                .all(|path| path.extension().is_none_or(|it| it != "damaged"))
        );
    }
}

/// Whoever holds the lock is named.
#[test]
fn a_second_log_is_refused_and_told_who_has_the_spool() {
    let disk = CrashDisk::default();
    let _first = started(&disk, 1);
    let error = open(&disk, 2).unwrap_err().to_string();
    assert!(
        error.contains(&format!("is held by process {}", std::process::id())),
        "{error}"
    );
}

/// Written by a hub at commit 11eb874, which was killed: five requests to a resource that is not there, and a scrape.
const RELEASE_0_1: &[u8] = include_bytes!("../../../tests/fixtures/release-0.1.spool");

#[test]
fn what_the_release_before_has_spooled_is_read() {
    let path = PathBuf::from("spool/000000000001.spool");
    let disk = CrashDisk::with_files([(path, RELEASE_0_1.to_vec())].into());
    let mut opened = started(&disk, 1);
    assert_eq!((opened.recovered, opened.gaps.len()), (6, 1));
    let gap = opened.gaps[0];
    assert_eq!((gap.last, gap.last_possible), (6, 6 + 1 + 65_536));
    let entries = read_all(&mut opened);
    assert_eq!(
        entries.iter().map(|entry| number_of(entry).1).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    let (request, scrape) = (&entries[0].record, &entries[5].record);
    let told = |record: &Record| {
        let Dimensions {
            key,
            route,
            method,
            status,
            ..
        } = &record.dimensions;
        format!("{key} {method} {route} {status} {}", record.amounts.bytes_out)
    };
    assert_eq!(told(request), "admin POST none 404 172");
    assert_eq!(told(scrape), "admin GET /metrics 200 15732");
    assert_eq!(request.ended_at.to_string(), "2026-11-30T21:41:00.894812591Z");
}
