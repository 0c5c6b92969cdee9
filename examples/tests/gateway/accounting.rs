//! What is counted: in the month, in the log, and over a kill.

use std::path::Path;

use nexus_usage::{Amount, Ledger, Period};

use crate::{
    curl::Fetched,
    is_ready,
    process::{self, Place},
    report, until,
    upstream::Upstream,
};

/// A key named `k` whose text is `Hello`, with these settings.
pub(crate) fn key(settings: &str) -> String {
    let digest = "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969";
    format!("keys:\n  - name: k\n    sha256: {digest}\n{settings}")
}

/// What all keys have used, as the file of the usage says.
pub(crate) fn used(state: &Path) -> Amount {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = runtime.block_on(async {
        let ledger = Ledger::sqlite(state.join("usage.db")).await.unwrap();
        let all = (Period::new(2000, 1).unwrap(), Period::new(2200, 12).unwrap());
        ledger.report(all.0, all.1).await.unwrap()
    });
    rows.iter().fold(Amount::ZERO, |sum, row| sum.plus(row.totals.used()))
}

#[test]
fn the_log_has_the_bytes_that_curl_counted() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let place = Place::with_example_keys(&upstream);
    let gateway = place.start(&[]);
    let upload = "y".repeat(70_000);
    let announced = [
        gateway.fetch("World", "/bytes/0", &[]),
        gateway.fetch("World", "/bytes/1234567", &[]),
        gateway.fetch("World", "/bytes/5000", &["--head"]),
        gateway.fetch("World", "/status/204", &[]),
        gateway.fetch("World", "/count", &["--data", &upload, "-H", "Expect:"]),
        gateway.fetch("World", "/count", &["--data", &upload, "-H", "Expect: 100-continue"]),
    ];
    let chunked = [
        gateway.fetch("Hello", "/stream/7", &[]),
        gateway.fetch("Hello", "/stream/1", &[]),
    ];
    let stranger = gateway.fetch("", "/bytes/5", &[]);
    let said = gateway.stop();

    let sum = |of: &[Fetched], count: fn(&Fetched) -> u64| of.iter().map(count).sum::<u64>();
    let log = report(&place.state(), &["key", "tenant"], &[]);
    let row = |at: usize| (&log.rows[at].group, log.rows[at].amounts);
    let (group, amounts) = row(0);
    assert_eq!(
        (&*group[0], amounts.calls, amounts.body_bytes),
        ("", 1, stranger.downloaded)
    );
    let (group, amounts) = row(1);
    assert_eq!(
        (&**group, amounts.calls),
        (&["acme".to_owned(), "Acme Ltd".to_owned()][..], 2)
    );
    assert_eq!(
        (amounts.body_bytes, amounts.bytes_in),
        (80_000, sum(&chunked, |one| one.asked))
    );
    let (group, amounts) = row(2);
    assert_eq!((&*group[0], amounts.calls), ("internal", 6));
    assert_eq!(amounts.body_bytes, sum(&announced, |one| one.downloaded));
    assert_eq!(amounts.bytes_in, sum(&announced, |one| one.asked + one.uploaded));
    let continued = "HTTP/1.1 100 Continue\r\n\r\n".len() as u64;
    assert_eq!(
        amounts.bytes_out + continued,
        sum(&announced, |one| one.answered + one.downloaded)
    );
    assert_eq!(log.rows.len(), 3);

    // The month and the pace have the same.
    let downloaded = sum(&announced, |one| one.downloaded) + 80_000;
    let expected = Amount {
        api_requests: 8,
        egress_bytes: downloaded,
        ingress_bytes: 140_000,
    };
    assert_eq!(used(&place.state()), expected);
    let paced = |name: &str| said.iter().map(|line| line[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((paced("sent_bytes"), paced("received_bytes")), (downloaded, 140_000));
}

#[test]
fn a_kill_loses_nothing_that_was_kept() {
    if !is_ready() {
        return;
    }
    const LIMIT: u64 = 40;
    let upstream = Upstream::start();
    let place = Place::new(&upstream, &key(&format!("    monthly: {{ requests: {LIMIT} }}")));
    let calls = || {
        report(&place.state(), &[], &["status=200"])
            .rows
            .first()
            .map_or(0, |row| row.amounts.calls)
    };
    let mut sent = 0;
    let mut kept = 0;
    for _ in 0..3 {
        let gateway = place.start(&[]);
        for _ in 0..5 {
            assert_eq!(gateway.fetch("Hello", "/bytes/1", &[]).status, 200);
            sent += 1;
        }
        // The log may be asked beside the gateway, and so may the month.
        let seen = until("it is kept", || {
            let counted = calls().min(used(&place.state()).api_requests);
            (counted >= kept + 5).then_some(counted)
        });
        for _ in 0..2 {
            assert_eq!(gateway.fetch("Hello", "/bytes/1", &[]).status, 200);
            sent += 1;
        }
        gateway.kill();
        kept = seen;
    }
    let gateway = place.start(&[]);
    let second = place.command(&[]).output().unwrap();
    assert!(!second.status.success(), "two gateways on one state: {second:?}");
    let mut passed = 0;
    while gateway.fetch("Hello", "/bytes/1", &[]).status == 200 {
        passed += 1;
    }
    gateway.stop();
    let (month, log) = (used(&place.state()).api_requests, calls());
    assert_eq!(month, LIMIT);
    assert!(
        (kept..=sent).contains(&(LIMIT - passed)),
        "{kept} kept, {passed} passed, {sent} sent"
    );
    assert!(
        (kept + passed..=sent + passed).contains(&log),
        "{log} logged, {kept} kept, {passed} passed, {sent} sent"
    );
}

#[test]
fn the_report_is_a_table() {
    if !is_ready() {
        return;
    }
    let upstream = Upstream::start();
    let place = Place::with_example_keys(&upstream);
    let gateway = place.start(&[]);
    for path in ["/bytes/10", "/bytes/20", "/status/404"] {
        gateway.fetch("Hello", path, &[]);
    }
    gateway.stop();
    let print = |arguments: &[&str]| {
        let output = process::report(&place.state(), arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let seconds = print(&[]);
    let head: Vec<&str> = seconds.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head[..4], ["window", "key", "status", "calls"]);
    let months = print(&[
        "--window",
        "1mo",
        "--group-by",
        "key,status",
        "--order",
        "-calls",
        "--format",
        "csv",
    ]);
    let rows: Vec<Vec<&str>> = months.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[1..4]).collect();
    assert_eq!(rows, [["acme", "200", "2"], ["acme", "404", "1"]]);
    assert!(!process::report(Path::new("/nowhere"), &[]).status.success());
}
