//! What every kind of ledger promises, asked of each in the same words.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nexus_usage::{
    Amount, Answer, Cell, Claim, ErrorKind, Field, Lease, Ledger, Limits, Period, Row, Subject, Time, Totals, WriterId,
};

#[tokio::test]
async fn memory() {
    holds_for(async || Ledger::memory()).await;
}

#[tokio::test]
async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let next = AtomicU32::new(0);
    holds_for(async || {
        let file = format!("{}.db", next.fetch_add(1, Ordering::Relaxed));
        Ledger::sqlite(directory.path().join(file)).await.unwrap()
    })
    .await;
    holds_for(async || Ledger::sqlite(directory.path().join("one.db")).await.unwrap()).await;
}

/// Asks everything of a kind of ledger. Each question gets a ledger that is empty, or at least holds nothing of the subjects that
/// the question is about: subjects are named by the question.
///
/// `open` opens the same ledger each time, or a new one.
pub(crate) async fn holds_for(open: impl AsyncFn() -> Ledger) {
    nothing_is_known_of_a_subject_that_nobody_pushed(&open().await).await;
    cells_are_merged_by_max_whatever_the_order(&open().await).await;
    fields_are_merged_each_on_its_own(&open().await).await;
    what_is_taken_back_counts_apart(&open().await).await;
    periods_and_subjects_are_kept_apart(&open().await).await;
    names_of_any_sort_are_kept(&open().await).await;
    the_largest_totals_are_kept_exactly(&open().await).await;
    a_report_has_every_subject_of_every_period(&open().await).await;
    leases_are_granted_until_the_limit(&open().await).await;
    a_repeated_lease_is_granted_the_same(&open().await).await;
    a_lease_counts_what_others_have_pushed(&open().await).await;
    a_lowered_limit_grants_nothing_more(&open().await).await;
    what_is_given_back_is_for_the_others(&open().await).await;
    an_invalid_claim_counts_as_its_writers_use(&open().await).await;
    no_limit_is_no_limit(&open().await).await;
    admission_is_whole_or_not_at_all(&open().await).await;
    asked_by_many_at_once_the_limit_is_admitted_exactly(&open().await).await;
    open().await.ping().await.unwrap();
    a_closed_ledger_is_unavailable(open().await).await;
}

/// What compaction promises, where periods do not go by themselves. For a ledger of its own: it closes the periods before 2001.
pub(crate) async fn compaction_holds_for(ledger: &Ledger) {
    let (old, kept) = (month("2000-12"), month("2001-01"));
    let cells = [
        cell(1, "folded", old, 5),
        cell(2, "folded", old, 7),
        cell(1, "folded", kept, 1),
    ];
    ledger.push(&cells).await.unwrap();
    assert_eq!(ledger.compact(kept).await.unwrap(), 2, "two cells go");
    assert_eq!(ledger.compact(kept).await.unwrap(), 0, "none goes twice");
    let late = [
        cell(2, "folded", old, 9),
        cell(3, "folded", old, 1),
        cell(1, "folded", kept, 2),
    ];
    assert_eq!(ledger.push(&late).await.unwrap().closed, 2);
    let requests = |row: &Row| (row.period, row.totals.added.api_requests);
    let rows = ledger.report(old, kept).await.unwrap();
    assert_eq!(rows.iter().map(requests).collect::<Vec<_>>(), [(old, 12), (kept, 2)]);
}

#[tokio::test]
async fn memory_compacts() {
    compaction_holds_for(&Ledger::memory()).await;
}

#[tokio::test]
async fn sqlite_compacts() {
    let directory = tempfile::tempdir().unwrap();
    compaction_holds_for(&Ledger::sqlite(directory.path().join("usage.db")).await.unwrap()).await;
}

async fn nothing_is_known_of_a_subject_that_nobody_pushed(ledger: &Ledger) {
    assert_eq!(used(ledger, "never pushed", period()).await, Amount::ZERO);
    assert_eq!(
        used(ledger, "never pushed", period()).await,
        Amount::ZERO,
        "asking made nothing"
    );
}

async fn cells_are_merged_by_max_whatever_the_order(ledger: &Ledger) {
    let pushes = [(1, 10, 10), (1, 10, 10), (2, 5, 15), (1, 25, 30), (1, 10, 30)];
    for (writer, requests, sum) in pushes {
        ledger
            .push(&[cell(writer, "merged", period(), requests)])
            .await
            .unwrap();
        assert_eq!(
            used(ledger, "merged", period()).await.api_requests,
            sum,
            "after {writer} pushed {requests}"
        );
    }
    let both = [
        cell(2, "merged", period(), 4),
        cell(2, "merged", period(), 7),
        cell(1, "merged", period(), 26),
    ];
    ledger.push(&both).await.unwrap();
    assert_eq!(
        used(ledger, "merged", period()).await.api_requests,
        33,
        "several cells, one of them twice"
    );
    ledger.push(&[]).await.unwrap();
    let sums = ledger.sums(period(), &[subject("merged")], writer(2)).await.unwrap();
    assert_eq!(sums[0].own.added.api_requests, 7);
    assert_eq!(sums[0].others().added.api_requests, 26);
}

async fn fields_are_merged_each_on_its_own(ledger: &Ledger) {
    for added in [amount(3, 100, 0), amount(4, 90, 1)] {
        ledger.push(&[of(1, "fields", Totals::added(added))]).await.unwrap();
    }
    assert_eq!(used(ledger, "fields", period()).await, amount(4, 100, 1));
}

async fn what_is_taken_back_counts_apart(ledger: &Ledger) {
    let totals = Totals {
        added: amount(10, 10, 10),
        taken: amount(4, 0, 11),
    };
    ledger.push(&[of(1, "taken back", totals)]).await.unwrap();
    // An older reading: more was not taken back by then, and no less was.
    ledger
        .push(&[of(1, "taken back", Totals::added(amount(9, 9, 9)))])
        .await
        .unwrap();
    let sums = ledger
        .sums(period(), &[subject("taken back")], writer(1))
        .await
        .unwrap();
    assert_eq!((sums[0].all, sums[0].own), (totals, totals));
    assert_eq!(totals.net(Field::IngressBytes), -1);
}

async fn periods_and_subjects_are_kept_apart(ledger: &Ledger) {
    let cells = [
        cell(1, "apart", period(), 1),
        cell(1, "apart", period().next(), 2),
        cell(1, "apart too", period(), 4),
    ];
    ledger.push(&cells).await.unwrap();
    let names = [
        subject("apart too"),
        subject("apart"),
        subject("nor this"),
        subject("apart"),
    ];
    let sums = ledger.sums(period(), &names, writer(1)).await.unwrap();
    let requests: Vec<_> = sums.iter().map(|sum| sum.all.added.api_requests).collect();
    assert_eq!(requests, [4, 1, 0, 1], "in the order of the question");
    assert_eq!(used(ledger, "apart", period().next()).await.api_requests, 2);
    assert!(ledger.sums(period(), &[], writer(1)).await.unwrap().is_empty());
}

async fn names_of_any_sort_are_kept(ledger: &Ledger) {
    let longest = "x".repeat(Subject::NAME_BYTES_MAX);
    let names = [
        "a:b",
        "{a}",
        "a}{b",
        "*",
        "%",
        "'; DROP TABLE usage; --",
        "Käse 🧀",
        " ",
        "A",
        "a",
        &longest,
    ];
    let cells: Vec<_> = names
        .iter()
        .zip(1..)
        .map(|(name, n)| cell(1, name, odd_period(), n))
        .collect();
    ledger.push(&cells).await.unwrap();
    for (name, n) in names.iter().zip(1..) {
        assert_eq!(used(ledger, name, odd_period()).await.api_requests, n, "{name:?}");
    }
    let rows = ledger.report(odd_period(), odd_period()).await.unwrap();
    let mut expected: Vec<_> = names.iter().map(|name| subject(name)).collect();
    expected.sort();
    assert_eq!(
        rows.into_iter().map(|row| row.subject).collect::<Vec<_>>(),
        expected,
        "in the order of names"
    );
}

async fn the_largest_totals_are_kept_exactly(ledger: &Ledger) {
    let largest = Totals::VALUE_MAX;
    ledger
        .push(&[
            cell(1, "large", period(), largest - 1),
            cell(2, "large", period(), largest),
        ])
        .await
        .unwrap();
    ledger
        .push(&[
            cell(1, "large", period(), largest),
            cell(2, "large", period(), largest - 1),
        ])
        .await
        .unwrap();
    assert_eq!(used(ledger, "large", period()).await.api_requests, 2 * largest);
}

async fn a_report_has_every_subject_of_every_period(ledger: &Ledger) {
    let (first, last) = (month("2097-11"), month("2098-01"));
    let cells = [
        cell(1, "b", first, 1),
        cell(2, "b", first, 2),
        cell(1, "a", first, 4),
        cell(1, "b", last, 8),
        cell(1, "b", last.next(), 16),
        cell(1, "b", first.previous(), 32),
    ];
    ledger.push(&cells).await.unwrap();
    let rows = ledger.report(first, last).await.unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.period, row.subject.as_str(), row.totals.added.api_requests))
        .collect();
    assert_eq!(rows, [(first, "a", 4), (first, "b", 3), (last, "b", 8)]);
    assert!(ledger.report(last, first).await.unwrap().is_empty());
}

async fn leases_are_granted_until_the_limit(ledger: &Ledger) {
    ledger.push(&[cell(9, "leased", period(), 20)]).await.unwrap();
    for (writer, granted, left) in [(1, 25, 5), (2, 5, 0), (3, 0, 0)] {
        let lease = ledger.lease(&claim(writer, "leased", 0, 25, 50)).await.unwrap();
        assert_eq!(
            (lease.up_to.api_requests, lease.left.api_requests),
            (granted, left),
            "writer {writer}"
        );
    }
}

async fn a_repeated_lease_is_granted_the_same(ledger: &Ledger) {
    for _ in 0..3 {
        let lease = ledger.lease(&claim(1, "repeated", 0, 30, 50)).await.unwrap();
        assert_eq!((lease.up_to.api_requests, lease.left.api_requests), (30, 20));
    }
    let lower = ledger.lease(&claim(1, "repeated", 0, 10, 50)).await.unwrap();
    assert_eq!(lower.up_to.api_requests, 30, "a lease never lowers a claim");
    let other = ledger.lease(&claim(2, "repeated", 0, 30, 50)).await.unwrap();
    assert_eq!((other.up_to.api_requests, other.others.api_requests), (20, 30));
}

async fn a_lease_counts_what_others_have_pushed(ledger: &Ledger) {
    ledger.lease(&claim(1, "over", 0, 10, 50)).await.unwrap();
    // More than it had claimed: what is used is used.
    ledger.push(&[cell(1, "over", period(), 45)]).await.unwrap();
    assert_eq!(
        ledger
            .lease(&claim(2, "over", 0, 10, 50))
            .await
            .unwrap()
            .up_to
            .api_requests,
        5
    );
    // The claim's cell is merged before the claim is looked at.
    ledger.lease(&claim(3, "over", 7, 8, 50)).await.unwrap();
    assert_eq!(used(ledger, "over", period()).await.api_requests, 52);
}

async fn a_lowered_limit_grants_nothing_more(ledger: &Ledger) {
    ledger.lease(&claim(1, "lowered", 0, 40, 50)).await.unwrap();
    let lease = ledger.lease(&claim(1, "lowered", 0, 50, 10)).await.unwrap();
    assert_eq!(
        (lease.up_to.api_requests, lease.left.api_requests),
        (40, 0),
        "what was granted stays"
    );
    assert_eq!(
        ledger
            .lease(&claim(2, "lowered", 0, 5, 10))
            .await
            .unwrap()
            .up_to
            .api_requests,
        0
    );
    assert_eq!(
        ledger
            .lease(&claim(2, "lowered", 0, 5, 45))
            .await
            .unwrap()
            .up_to
            .api_requests,
        5
    );
}

async fn what_is_given_back_is_for_the_others(ledger: &Ledger) {
    ledger.lease(&claim(1, "given back", 0, 50, 50)).await.unwrap();
    ledger
        .give_back(&cell(1, "given back", period(), 12), amount(30, 0, 0))
        .await
        .unwrap();
    assert_eq!(
        ledger
            .lease(&claim(2, "given back", 0, 50, 50))
            .await
            .unwrap()
            .up_to
            .api_requests,
        20
    );
    for _ in 0..2 {
        ledger
            .give_back(&cell(1, "given back", period(), 12), Amount::ZERO)
            .await
            .unwrap();
    }
    assert_eq!(
        ledger
            .lease(&claim(2, "given back", 0, 50, 50))
            .await
            .unwrap()
            .up_to
            .api_requests,
        38
    );
    ledger
        .give_back(&cell(7, "given back", period(), 0), Amount::ZERO)
        .await
        .unwrap();
}

async fn an_invalid_claim_counts_as_its_writers_use(ledger: &Ledger) {
    let over = Claim {
        valid_for: Duration::ZERO,
        ..claim(1, "invalid", 12, 50, 50)
    };
    assert_eq!(ledger.lease(&over).await.unwrap().up_to.api_requests, 50);
    assert_eq!(
        ledger
            .lease(&claim(2, "invalid", 0, 50, 50))
            .await
            .unwrap()
            .up_to
            .api_requests,
        38
    );
    assert_eq!(
        ledger
            .lease(&claim(1, "invalid", 12, 50, 50))
            .await
            .unwrap()
            .up_to
            .api_requests,
        12
    );
}

async fn no_limit_is_no_limit(ledger: &Ledger) {
    let lease = ledger.lease(&claim(1, "unlimited", 0, 1 << 40, 0)).await.unwrap();
    assert_eq!((lease.up_to.api_requests, lease.left.api_requests), (1 << 40, u64::MAX));
    let answer = ledger.admit(&claim(2, "unlimited", 0, 1 << 40, 0)).await.unwrap();
    assert!(matches!(answer, Answer::Admitted(Lease { up_to, .. }) if up_to.api_requests == 1 << 40));
}

async fn admission_is_whole_or_not_at_all(ledger: &Ledger) {
    let claim = |up_to: Amount| Claim {
        cell: cell(1, "asked", period(), 0),
        up_to,
        limits: Limits {
            api_requests: 3,
            egress_bytes: 100,
            ingress_bytes: 0,
        },
        at: now(),
        valid_for: Duration::from_secs(60),
    };
    let rows = [
        (amount(1, 60, 0), None),
        (amount(2, 101, 0), Some(Field::EgressBytes)),
        (amount(2, 100, 9), None),
        (amount(3, 100, 9), None),
        (amount(3, 100, 9), None),
        (amount(4, 100, 9), Some(Field::ApiRequests)),
    ];
    for (up_to, refused) in rows {
        match (ledger.admit(&claim(up_to)).await.unwrap(), refused) {
            (Answer::Admitted(lease), None) => assert_eq!(lease.up_to, up_to),
            (Answer::Refused(field), Some(expected)) => assert_eq!(field, expected),
            (answer, _) => panic!("{up_to:?}: {answer:?}"),
        }
    }
    // Nothing was claimed for the refused one.
    let other = Claim {
        cell: cell(2, "asked", period(), 0),
        ..claim(amount(0, 1, 0))
    };
    assert!(matches!(
        ledger.admit(&other).await.unwrap(),
        Answer::Refused(Field::EgressBytes)
    ));
}

async fn asked_by_many_at_once_the_limit_is_admitted_exactly(ledger: &Ledger) {
    const LIMIT: u64 = 50;
    let asked = (1..=8).map(|writer| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let mut admitted = 0;
            while let Answer::Admitted(_) = ledger
                .admit(&claim(writer, "many", admitted, admitted + 1, LIMIT))
                .await
                .unwrap()
            {
                admitted += 1;
            }
            admitted
        })
    });
    let asked: Vec<_> = asked.collect();
    let mut admitted = 0;
    for task in asked {
        admitted += task.await.unwrap();
    }
    assert_eq!(admitted, LIMIT);
}

async fn a_closed_ledger_is_unavailable(ledger: Ledger) {
    ledger.close().await;
    ledger.close().await;
    assert_eq!(ledger.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    let push = ledger.clone().push(&[cell(1, "closed", period(), 1)]).await;
    assert_eq!(push.unwrap_err().kind(), ErrorKind::Unavailable);
}

fn writer(n: u128) -> WriterId {
    WriterId::from_bits(n)
}

fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

fn month(text: &str) -> Period {
    text.parse().unwrap()
}

/// A period that no ledger forgets while a test runs.
fn period() -> Period {
    month("2099-12")
}

/// One that only one question is about, since its report must hold nothing else.
fn odd_period() -> Period {
    month("2098-07")
}

fn now() -> Time {
    Time::now()
}

fn amount(api_requests: u64, egress_bytes: u64, ingress_bytes: u64) -> Amount {
    Amount {
        api_requests,
        egress_bytes,
        ingress_bytes,
    }
}

fn cell(n: u128, name: &str, period: Period, requests: u64) -> Cell {
    Cell {
        writer: writer(n),
        subject: subject(name),
        period,
        totals: Totals::added(amount(requests, 0, 0)),
    }
}

fn of(n: u128, name: &str, totals: Totals) -> Cell {
    Cell {
        totals,
        ..cell(n, name, period(), 0)
    }
}

fn claim(n: u128, name: &str, used: u64, up_to: u64, limit: u64) -> Claim {
    Claim {
        cell: cell(n, name, period(), used),
        up_to: amount(up_to, 0, 0),
        limits: Limits {
            api_requests: limit,
            ..Limits::UNLIMITED
        },
        at: now(),
        valid_for: Duration::from_secs(60),
    }
}

async fn used(ledger: &Ledger, name: &str, period: Period) -> Amount {
    ledger.sums(period, &[subject(name)], writer(u128::MAX)).await.unwrap()[0]
        .all
        .used()
}
