//! What each change does to the state, and what is refused.

use super::*;
use crate::write::HistogramDelta;

fn fresh() -> Store {
    open(&MemoryDisk::default(), Durability::Flush)
}

fn create(name: &str, kind: Kind) -> Change<'static> {
    Change::Series(target(name, &[], Some(kind)), Op::Ensure)
}

fn delete(name: &str) -> Change<'static> {
    Change::Delete {
        family: Name::new(name).unwrap().into(),
        labels: None,
    }
}

fn delete_series(name: &str, labels: &[(&str, &str)]) -> Change<'static> {
    Change::Delete {
        family: Name::new(name).unwrap().into(),
        labels: Some(Labels::from_pairs(labels.iter().copied()).unwrap().into()),
    }
}

fn plain_add(name: &str, delta: f64) -> Change<'static> {
    Change::Series(target(name, &[], None), Op::Add(delta))
}

#[test]
fn creating_twice_changes_nothing() {
    let store = fresh();
    assert_eq!(accept(&store, vec![create("a", Kind::Counter)]).created, 1);
    accept(&store, vec![plain_add("a", 2.0)]);
    assert_eq!(accept(&store, vec![create("a", Kind::Counter)]).created, 0);
    assert_eq!(dump(&store), "a{} 2");
}

#[test]
fn a_series_is_made_by_its_first_use_if_its_family_is_known() {
    let store = fresh();
    assert_eq!(refuse(&store, vec![plain_add("a", 1.0)]), "0: there is no metric a");
    accept(&store, vec![create("a", Kind::Counter)]);
    accept(
        &store,
        vec![Change::Series(target("a", &[("q", "mail")], None), Op::Add(3.0))],
    );
    assert_eq!(dump(&store), "a{q=\"mail\"} 3\na{} 0");
}

#[test]
fn a_write_happens_whole_or_not_at_all() {
    let store = fresh();
    let refused = refuse(
        &store,
        vec![set("a", 1.0), plain_add("missing", 1.0), create("a", Kind::Counter)],
    );
    assert_eq!(
        refused,
        "1: there is no metric missing\n2: a is a gauge: it cannot be a counter"
    );
    assert_eq!(dump(&store), "");
}

#[test]
fn changes_see_the_ones_before_them_in_the_same_write() {
    let store = fresh();
    accept(
        &store,
        vec![
            create("a", Kind::Counter),
            plain_add("a", 1.0),
            plain_add("a", 1.0),
            delete("a"),
            create("a", Kind::Gauge),
            plain_add("a", -5.0),
        ],
    );
    assert_eq!(dump(&store), "a{} -5");
    assert_eq!(
        refuse(&store, vec![delete("a"), plain_add("a", 1.0)]),
        "1: there is no metric a"
    );
    assert_eq!(
        refuse(&store, vec![delete_series("a", &[]), delete_series("a", &[])]),
        "1: there is no series a"
    );
    assert_eq!(dump(&store), "a{} -5");
}

#[test]
fn a_counter_never_goes_down() {
    let store = fresh();
    accept(&store, vec![create("c", Kind::Counter), plain_add("c", 5.0)]);
    let set = |value| Change::Series(target("c", &[], None), Op::Set(value));
    for (change, expected) in [
        (plain_add("c", -1.0), "0: counter c cannot go down from 5 to 4"),
        (set(4.0), "0: counter c cannot go down from 5 to 4"),
        (
            plain_add("c", f64::NAN),
            "0: c: NaN is not a finite number, which a counter needs",
        ),
        (
            set(f64::INFINITY),
            "0: c: +Inf is not a finite number, which a counter needs",
        ),
        (plain_add("c", f64::MAX), ""),
        (
            plain_add("c", f64::MAX),
            "0: c: +Inf is not a finite number, which a counter needs",
        ),
    ] {
        match submit(&store, vec![change]) {
            Outcome::Refused(refusals) => {
                assert_eq!(format!("0: {}", refusals[0].reason), expected);
            }
            outcome => assert_eq!((expected, matches!(outcome, Outcome::Applied(..))), ("", true)),
        }
    }
    assert_eq!(
        refuse(&store, vec![set(1.7e308), set(f64::MAX), set(1.0)])
            .lines()
            .count(),
        2,
        "5 + MAX is MAX"
    );
}

#[test]
fn a_histogram_counts_observations() {
    let store = fresh();
    let define = Definition {
        kind: Some(Kind::Histogram),
        buckets: Some(nexus_metric::Buckets::new(&[1.0, 2.0]).unwrap()),
        ..Definition::default()
    };
    let target = target("h", &[], None).defining(Some(Arc::new(define)));
    for value in [0.5, 1.0, 1.5, 9.0] {
        accept(&store, vec![Change::Series(target.clone(), Op::Observe(value))]);
    }
    let delta = HistogramDelta {
        counts: Box::new([1, 0, 2]),
        sum: 7.0,
    };
    accept(&store, vec![Change::Series(target.clone(), Op::Merge(delta.into()))]);
    assert_eq!(dump(&store), "h{} [3, 1, 3] sum 19");
    let short = HistogramDelta {
        counts: Box::new([1, 0]),
        sum: 7.0,
    };
    assert_eq!(
        refuse(&store, vec![Change::Series(target.clone(), Op::Merge(short.into()))]),
        "0: h has other buckets"
    );
    assert_eq!(
        refuse(&store, vec![Change::Series(target.clone(), Op::Set(1.0))]),
        "0: h is a histogram: use observe"
    );
    assert!(refuse(&store, vec![Change::Series(target, Op::Observe(f64::NAN))]).contains("not a finite number"));
    assert_eq!(
        refuse(
            &store,
            vec![Change::Series(
                super::target("g", &[], Some(Kind::Gauge)),
                Op::Observe(1.0)
            )]
        ),
        "0: g is a gauge: only a histogram can observe"
    );
}

#[test]
fn no_two_families_expose_one_name() {
    let check = |first: (&str, Kind), second: (&str, Kind), collide: bool| {
        let store = fresh();
        accept(&store, vec![create(first.0, first.1)]);
        let apart = submit(&store, vec![create(second.0, second.1)]);
        let together = submit(&fresh(), vec![create(first.0, first.1), create(second.0, second.1)]);
        for outcome in [apart, together] {
            assert_eq!(
                matches!(outcome, Outcome::Refused(_)),
                collide,
                "{first:?} {second:?} {outcome:?}"
            );
        }
    };
    check(("x", Kind::Gauge), ("x_total", Kind::Counter), true);
    check(("x_total", Kind::Counter), ("x", Kind::Gauge), true);
    check(("x", Kind::Histogram), ("x_bucket", Kind::Gauge), true);
    check(("x_sum", Kind::Gauge), ("x", Kind::Histogram), true);
    check(("x_count", Kind::Gauge), ("x", Kind::Histogram), true);
    check(("x_created", Kind::Gauge), ("x_total", Kind::Counter), true);
    check(("a.b", Kind::Gauge), ("a_b", Kind::Gauge), true);
    check(("x", Kind::Gauge), ("x_sum", Kind::Gauge), false);
    check(("x", Kind::Gauge), ("x_total", Kind::Gauge), false);
    check(("x", Kind::Gauge), ("x_count", Kind::Counter), false);
}

#[test]
fn a_deleted_family_frees_its_names_even_within_one_write() {
    let store = fresh();
    accept(&store, vec![create("x", Kind::Gauge)]);
    accept(&store, vec![delete("x"), create("x_total", Kind::Counter)]);
    assert_eq!(dump(&store), "x_total{} 0");
}

#[test]
fn names_of_the_hub_and_kinds_that_it_does_not_keep_are_refused() {
    let store = fresh();
    for (name, kind) in [
        ("metric_nexus_clients", Kind::Gauge),
        ("__x", Kind::Gauge),
        ("s", Kind::Summary),
        ("i", Kind::Info),
    ] {
        refuse(&store, vec![create(name, kind)]);
    }
    refuse(&store, vec![delete("metric_nexus_clients")]);
}

/// Of bytes, and of metrics of one key, so that it leaves others room.
#[test]
fn what_a_key_may_have_is_bounded_in_memory_and_in_metrics() {
    let limits = StoreLimits {
        families_per_key_max: 2,
        series_per_key_bytes_max: 1000,
        ..StoreLimits::NONE
    };
    let settings = Settings {
        limits,
        ..settings(&MemoryDisk::default(), Durability::Flush)
    };
    let store = Store::open(&settings, Clients::new(1)).unwrap().store;
    let one = |name: &str, value: &str| Change::Series(target(name, &[("n", value)], Some(Kind::Gauge)), Op::Set(1.0));
    let (long, longer) = ("x".repeat(300), "y".repeat(300));
    accept(&store, vec![one("a", &long), one("b", "1")]);
    assert!(refuse(&store, vec![one("c", "1")]).contains("limit of 2 (limits.families_per_key_max)"));
    assert!(refuse(&store, vec![one("a", &longer), one("b", &longer)]).contains("(limits.series_per_key_bytes_max)"));
    accept(&store, vec![delete("a")]);
    accept(&store, vec![one("c", &long)]);
    accept(&store, vec![one("c", &long)]);
}

/// A batch of deletions costs what it deletes, not that for each of them; names that are free again are free.
#[test]
fn many_metrics_that_come_and_go_in_one_write_leave_nothing() {
    let store = fresh();
    let names = || (0..2000).map(|n| format!("m{n}_total"));
    let target = |name: &str| target(name, &[], Some(Kind::Counter));
    let mut changes: Vec<_> = names()
        .map(|name| Change::Series(target(&name), Op::Add(1.0)))
        .collect();
    changes.extend(names().map(|name| delete(&name)));
    changes.push(set("m7", 1.0));
    accept(&store, changes);
    assert_eq!(dump(&store), "m7{} 1");
}

#[test]
fn what_is_added_is_never_swallowed() {
    let store = fresh();
    let add = |name: &str, kind, delta| Change::Series(target(name, &[], Some(kind)), Op::Add(delta));
    let exact = 2f64.powi(53);
    accept(
        &store,
        vec![
            add("a_total", Kind::Counter, exact - 1.0),
            add("a_total", Kind::Counter, 1.0),
        ],
    );
    assert!(refuse(&store, vec![add("a_total", Kind::Counter, 1.0)]).contains("does not change it any more"));
    refuse(
        &store,
        vec![add("b_total", Kind::Counter, exact), add("b_total", Kind::Counter, 1.0)],
    );
    accept(
        &store,
        vec![add("a_total", Kind::Counter, 0.0), add("a_total", Kind::Counter, 2.0)],
    );
    // A gauge is what it is set to; what is measured is never exact.
    accept(&store, vec![add("c", Kind::Gauge, exact), add("c", Kind::Gauge, 1.0)]);
}

#[test]
fn series_are_counted_against_the_limits() {
    let disk = MemoryDisk::default();
    let limits = StoreLimits {
        families_max: 2,
        series_max: 4,
        series_per_key_max: 3,
        ..StoreLimits::NONE
    };
    let store = Store::open(
        &Settings {
            limits,
            ..settings(&disk, Durability::Flush)
        },
        Clients::new(1),
    )
    .unwrap()
    .store;
    let one = |n: u32| Change::Series(target("a", &[("n", &n.to_string())], Some(Kind::Gauge)), Op::Add(1.0));
    assert!(refuse(&store, (0..4).map(one).collect()).contains("limit of 3 (limits.series_per_key_max)"));
    accept(&store, vec![one(0), one(1), one(2), one(0)]);
    refuse(&store, vec![one(3)]);
    accept(&store, vec![one(2)]);
    let other = |n| Write {
        owner: "other".into(),
        ..write_of(vec![one(n)])
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(matches!(runtime.block_on(store.submit(other(3))), Outcome::Applied(..)));
    assert!(matches!(runtime.block_on(store.submit(other(4))), Outcome::Refused(_)));
    accept(&store, vec![delete_series("a", &[("n", "0")])]);
    accept(&store, vec![one(4)]);
    // What a write deletes makes room for the next write, not for itself.
    refuse(&store, vec![delete("a"), set("b", 1.0), set("c", 1.0)]);
    accept(&store, vec![delete("a")]);
    accept(&store, vec![set("b", 1.0), set("c", 1.0)]);
    assert!(refuse(&store, vec![set("d", 1.0)]).contains("families_max"));
}

#[test]
fn matching_series_are_deleted() {
    let store = fresh();
    let one = |name: &str, n: &str| Change::Series(target(name, &[("n", n)], Some(Kind::Gauge)), Op::Add(1.0));
    let matching = |selector: &str, prefix: &str| Change::DeleteMatching {
        selector: selector.parse().unwrap(),
        prefix: prefix.to_owned().into(),
    };
    accept(&store, vec![one("a", "1"), one("a", "2"), one("b", "1"), one("c", "1")]);
    assert_eq!(accept(&store, vec![matching("{n=\"1\"}", "b")]).deleted, 1);
    assert_eq!(accept(&store, vec![matching("{n=~\"1|3\"}", "")]).deleted, 2);
    assert_eq!(dump(&store), "a{n=\"2\"} 1");
    accept(&store, vec![Change::Series(target("c", &[], None), Op::Add(1.0))]);
    assert_eq!(accept(&store, vec![matching("{__name__=~\"a|c\"}", "")]).deleted, 2);
    assert_eq!(
        refuse(&store, vec![Change::Series(target("c", &[], None), Op::Add(1.0))]),
        "0: there is no metric c"
    );
}

pub(super) fn keyed(changes: Vec<Change<'static>>, id: u8, fingerprint: u8) -> Write<'static> {
    let idempotency = crate::write::Idempotency {
        id: [id; 16],
        fingerprint: [fingerprint; 8],
    };
    Write {
        idempotency: Some(idempotency),
        ..write_of(changes)
    }
}

pub(super) fn submit_keyed(store: &Store, changes: Vec<Change<'static>>, id: u8, fingerprint: u8) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.submit(keyed(changes, id, fingerprint)))
}

#[test]
fn a_repeat_under_the_same_key_counts_once_also_over_restarts() {
    let disk = MemoryDisk::default();
    let mut store = open(&disk, Durability::Flush);
    let first = submit_keyed(&store, vec![set("a", 1.0), add("a", 1.0)], 1, 1);
    let Outcome::Applied(applied, _) = first else {
        panic!("{first:?}")
    };
    assert_eq!(
        submit_keyed(&store, vec![], 2, 1),
        Outcome::Applied(
            Applied {
                sequence: 3,
                ..Applied::default()
            },
            vec![]
        )
    );
    for round in 0..4 {
        let repeat = || submit_keyed(&store, vec![set("a", 1.0), add("a", 1.0)], 1, 1);
        assert_eq!(repeat(), Outcome::Replayed(applied), "round {round}");
        assert!(matches!(submit_keyed(&store, vec![], 2, 1), Outcome::Replayed(_)));
        assert_eq!(submit_keyed(&store, vec![add("a", 1.0)], 1, 2), Outcome::KeyReused);
        assert_eq!(dump(&store), "a{} 2");
        match round {
            0 => store = open(&disk.copy(), Durability::Flush),
            1 => drop(store.snapshot().unwrap()),
            _ => {
                store.close().unwrap();
                store = open(&disk.copy(), Durability::Flush);
            }
        }
    }
}

#[test]
fn a_refused_write_may_be_tried_again_under_its_key() {
    let store = fresh();
    assert!(matches!(
        submit_keyed(&store, vec![plain_add("a", 1.0)], 1, 1),
        Outcome::Refused(_)
    ));
    accept(&store, vec![create("a", Kind::Gauge)]);
    assert!(matches!(
        submit_keyed(&store, vec![plain_add("a", 1.0)], 1, 1),
        Outcome::Applied(..)
    ));
    assert_eq!(dump(&store), "a{} 1");
}

#[test]
fn repeats_that_arrive_together_count_once() {
    let store = fresh();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let writes = (0..100).map(|_| store.submit(keyed(vec![add("a", 1.0)], 1, 1)));
    let outcomes = runtime.block_on(futures_util::future::join_all(writes));
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Applied(..)))
            .count(),
        1
    );
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Replayed(_)))
            .count(),
        99
    );
    assert_eq!(dump(&store), "a{} 1");
}
