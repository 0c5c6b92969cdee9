//! What generated histories and thought have found, each by its name.

use nexus_segments::testing::{Choices, Fault, Operations};

use super::*;

fn power_cut(disk: &CrashDisk) -> CrashDisk {
    disk.power_cut(disk.now(), 64, &mut Choices::new(&[]))
}

fn fail(disk: &CrashDisk, what: Operations, part: usize) {
    disk.add_fault(Fault {
        what,
        after: 0,
        times: 1,
        part,
    });
}

/// The end of a record whose sync had failed was lost, the line's end with it, and the record behind it became a part of it.
#[test]
fn what_follows_a_failed_sync_is_a_line_of_its_own() {
    let (disk, hub) = (CrashDisk::default(), Hub::default());
    let spool = open(&disk);
    spool.append(&[inc("c")], Sync::Sync).unwrap();
    fail(&disk, Operations::Syncs, 0);
    spool.append(&[inc("a")], Sync::Sync).unwrap_err();
    spool.append(&[inc("b")], Sync::Sync).unwrap();
    deliver(&open(&power_cut(&disk)), &hub, TARGET).unwrap();
    assert_eq!([hub.count("c"), hub.count("a"), hub.count("b")], [1, 0, 1]);
}

/// A log was cut into batches and removed, and the process died before the removal was durable. The batches were counted;
/// then the log came back, when the hub had forgotten their keys.
#[test]
fn a_log_that_is_gone_stays_gone_before_anything_of_it_is_sent() {
    for dies in 0..40 {
        let (disk, hub) = (CrashDisk::default(), Hub::default());
        append(&open(&disk), &["a"]);
        disk.add_fault(Fault::death(dies));
        let _ = deliver(&open(&disk), &hub, TARGET);
        disk.clear_faults();
        deliver(&open(&disk), &hub, TARGET).unwrap();
        assert_eq!(hub.count("a"), 1);
        hub.advance(25 * HOUR_MS);
        deliver(&open(&power_cut(&disk)), &hub, TARGET).unwrap();
        assert_eq!(hub.count("a"), 1, "{dies}");
    }
}

/// Whoever is told of an error appends again.
#[test]
fn an_append_of_several_that_fails_leaves_none_of_them() {
    for part in 0..100 {
        let (disk, hub) = (CrashDisk::default(), Hub::default());
        let spool = open(&disk);
        append(&spool, &["b"]);
        fail(&disk, Operations::Appends, part);
        spool.append(&[inc("a"), inc("a")], Sync::Flush).unwrap_err();
        append(&spool, &["c"]);
        let report = deliver(&spool, &hub, TARGET).unwrap();
        assert_eq!((report.damaged, hub.count("a")), (0, 0), "{part}");
        assert_eq!((hub.count("b"), hub.count("c")), (1, 1));
    }
}

/// Written by `nexus` at commit 11eb874: two increments of one series, a value, an append that was cut short, an increment.
const RELEASE_0_1: &[u8] = include_bytes!("../../../tests/fixtures/release-0.1.open");

#[test]
fn what_the_release_before_has_spooled_is_delivered() {
    let disk = CrashDisk::with_files([("spool/open".into(), RELEASE_0_1.to_vec())].into());
    let spool = open(&disk);
    append(&spool, &["a"]);
    let bodies = std::cell::RefCell::new(Vec::new());
    let send = async |_: &Key, body: Vec<u8>| {
        bodies.borrow_mut().push(String::from_utf8(body).unwrap());
        Verdict::<&str>::Counted
    };
    let delivery = Delivery {
        target: TARGET,
        deadline: Duration::from_secs(30),
    };
    let turn = spool.turn().unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = runtime.block_on(turn.deliver(delivery, || 0, send)).unwrap();
    assert_eq!((report.items, report.damaged), (4, 1));
    let expected = r#"{"labels":{"queue":"mail"},"metric":"jobs_total","op":"add","type":"counter","value":2}
{"metric":"temperature","op":"set","value":21.5}
{"metric":"last_total","op":"inc","type":"counter"}
{"op":"inc","metric":"a"}
"#;
    assert_eq!(*bodies.borrow(), [expected]);
}
