//! Writes that may happen in part: what is good of them happens, what is refused is named, and a repeat is told the same.

use super::{semantics::keyed, *};
use crate::write::{Expires, GroupKey, Mode, Reason, Refusals};

/// Not defined by itself.
fn plain(name: &str, op: Op) -> Change<'static> {
    Change::Series(target(name, &[], None), op)
}

fn counter(name: &str, op: Op) -> Change<'static> {
    Change::Series(target(name, &[], Some(Kind::Counter)), op)
}

fn delete(name: &str) -> Change<'static> {
    Change::Delete {
        family: Name::new(name).unwrap().into(),
        labels: None,
    }
}

fn expire(name: &str, sequence: u64) -> Change<'static> {
    let Target { family, labels, .. } = target(name, &[], None);
    Change::Expire {
        family,
        labels,
        sequence,
    }
}

fn run(store: &Store, write: Write<'static>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.submit(write))
}

fn each(write: Write<'static>) -> Write<'static> {
    Write {
        mode: Mode::Each,
        ..write
    }
}

fn told(outcome: &Outcome) -> String {
    let counts = |word: &str, applied: &Applied| {
        let Applied {
            changes,
            refused,
            created,
            deleted,
            ..
        } = applied;
        format!("{word} {changes} refused {refused} created {created} deleted {deleted}")
    };
    match outcome {
        Outcome::Applied(applied, refusals) => {
            let refusals = refusals
                .iter()
                .map(|refusal| format!("; {}: {}", refusal.index, refusal.reason));
            counts("applied", applied) + &refusals.collect::<String>()
        }
        Outcome::Replayed(applied) => counts("replayed", applied),
        Outcome::Refused(refusals) => {
            let refusals = refusals
                .iter()
                .map(|refusal| format!("; {}: {}", refusal.index, refusal.reason));
            "refused".to_owned() + &refusals.collect::<String>()
        }
        other => format!("{other:?}"),
    }
}

/// What is answered, and what is there, also after a restart.
#[track_caller]
fn check(changes: Vec<Change<'static>>, expected: &str, there: &str) {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    assert_eq!(told(&run(&store, each(write_of(changes)))), expected);
    assert_eq!(dump(&store), there);
    assert_eq!(dump(&open(&disk.copy(), Durability::Sync)), there);
}

#[test]
fn what_is_good_happens_and_what_is_refused_is_named() {
    check(
        vec![set("a", 1.0), plain("b", Op::Add(1.0)), add("a", 2.0)],
        "applied 2 refused 1 created 1 deleted 0; 1: there is no metric b",
        "a{} 3",
    );
    check(vec![], "applied 0 refused 0 created 0 deleted 0", "");
    check(
        vec![plain("a", Op::Ensure), delete("b")],
        "refused; 0: there is no metric a; 1: there is no metric b",
        "",
    );
}

#[test]
fn each_change_sees_those_before_it_and_none_that_was_refused() {
    // What a refused change would have made is not there, and takes no name.
    check(
        vec![
            counter("a_total", Op::Set(f64::NAN)),
            plain("a_total", Op::Add(1.0)),
            set("a", 1.0),
        ],
        "applied 1 refused 2 created 1 deleted 0; 0: a_total: NaN is not a finite number, which a counter needs; \
         1: there is no metric a_total",
        "a{} 1",
    );
    check(
        vec![
            counter("c", Op::Set(5.0)),
            counter("c", Op::Set(3.0)),
            counter("c", Op::Add(1.0)),
            delete("c"),
            delete("c"),
            counter("c", Op::Set(f64::INFINITY)),
            counter("c", Op::Set(1.0)),
        ],
        "applied 4 refused 3 created 2 deleted 1; 1: counter c cannot go down from 5 to 3; 4: there is no metric c; \
         5: c: +Inf is not a finite number, which a counter needs",
        "c{} 1",
    );
}

#[test]
fn a_limit_refuses_only_what_is_beyond_it() {
    let disk = MemoryDisk::default();
    let settings = Settings {
        limits: StoreLimits {
            series_max: 2,
            ..StoreLimits::NONE
        },
        ..settings(&disk, Durability::Sync)
    };
    let store = Store::open(&settings, Clients::new(1)).unwrap().store;
    let outcome = run(
        &store,
        each(write_of(["a", "b", "c", "a"].map(|name| add(name, 1.0)).into())),
    );
    assert_eq!(
        told(&outcome),
        "applied 3 refused 1 created 2 deleted 0; 2: the number of series is over the limit of 2 (limits.series_max)"
    );
    assert_eq!(dump(&store), "a{} 2\nb{} 1");
}

#[test]
fn all_are_counted_and_few_are_listed() {
    let store = open(&MemoryDisk::default(), Durability::Sync);
    let mut changes = vec![plain("missing", Op::Ensure); 250];
    changes.push(set("a", 1.0));
    let Outcome::Applied(applied, refusals) = run(&store, each(write_of(changes))) else {
        panic!("one is good");
    };
    assert_eq!((applied.changes, applied.refused, refusals.len()), (1, 250, 100));
}

#[test]
fn what_was_refused_on_the_way_is_named_and_counted_by_its_place() {
    let disk = MemoryDisk::default();
    let mut store = open(&disk, Durability::Sync);
    let sent = || {
        let mut on_the_way = Refusals::default();
        on_the_way.push(0, Reason::Forbidden("not yours".to_owned()));
        on_the_way.push(2, Reason::ReservedLabel("le"));
        let changes = vec![set("x", 1.0), set("a", 1.0), set("y", 1.0), plain("b", Op::Ensure)];
        let mut write = each(keyed(changes, 1, 1));
        write.refuse(on_the_way);
        write
    };
    let forbidden = "0: not yours; 2: label \"le\" is reserved for the hub's own use in histograms and summaries";
    assert_eq!(
        told(&run(&store, sent())),
        format!("applied 1 refused 3 created 1 deleted 0; {forbidden}; 3: there is no metric b")
    );
    for round in 0..4 {
        assert_eq!(
            told(&run(&store, sent())),
            "replayed 1 refused 3 created 1 deleted 0",
            "round {round}"
        );
        match round {
            0 => store = open(&disk.copy(), Durability::Sync),
            1 => drop(store.snapshot().unwrap()),
            _ => store = open(&disk.copy(), Durability::Sync),
        }
    }
}

#[test]
fn a_write_of_which_nothing_is_left_may_be_tried_again_under_its_key() {
    let store = open(&MemoryDisk::default(), Durability::Sync);
    let sent = || each(keyed(vec![plain("a", Op::Add(1.0))], 1, 1));
    assert_eq!(told(&run(&store, sent())), "refused; 0: there is no metric a");
    accept(&store, vec![set("a", 1.0)]);
    assert_eq!(told(&run(&store, sent())), "applied 1 refused 0 created 0 deleted 0");
    assert_eq!(told(&run(&store, sent())), "replayed 1 refused 0 created 0 deleted 0");
}

fn with(mut change: Change<'static>, job: Option<&str>, expires: Option<Expires>) -> Change<'static> {
    if let Change::Series(target, _) = &mut change {
        target.group = job.map(|job| GroupKey::from_pairs([("job", job), ("shard", "")]).unwrap());
        target.expires = expires;
    }
    change
}

/// The group and the expiry of `a`.
fn attributes(store: &Store) -> String {
    let family = store.view().catalog.family("a").unwrap();
    let attributes = family.look_at("", |series| family.attributes_of(series)).flatten();
    attributes.map_or_else(String::new, |attributes| {
        let group = attributes.group.map_or_else(String::new, |group| group.to_string());
        format!("{group} {:?}", attributes.expires_after_ms)
    })
}

#[test]
fn group_and_expiry_stay_with_a_series_and_go_with_it() {
    let mut disk = MemoryDisk::default();
    let mut store = open(&disk, Durability::Sync);
    let after = |ms| Some(Expires::after_ms(ms));
    for (change, expected) in [
        (set("a", 1.0), ""),
        (with(add("a", 1.0), Some("j"), None), r#"{job="j",shard=""} None"#),
        (
            with(plain("a", Op::Ensure), None, after(5)),
            r#"{job="j",shard=""} Some(5)"#,
        ),
        (add("a", 1.0), r#"{job="j",shard=""} Some(5)"#),
        (
            with(add("a", 1.0), Some("k"), after(7)),
            r#"{job="k",shard=""} Some(7)"#,
        ),
        (
            with(add("a", 1.0), None, Some(Expires::NEVER)),
            r#"{job="k",shard=""} None"#,
        ),
    ] {
        accept(&store, vec![change]);
        assert_eq!(attributes(&store), expected);
        disk = disk.copy();
        store = open(&disk, Durability::Sync);
        assert_eq!(attributes(&store), expected, "from the journal");
        store.snapshot().unwrap();
        disk = disk.copy();
        store = open(&disk, Durability::Sync);
        assert_eq!(attributes(&store), expected, "from the snapshot");
    }
    accept(&store, vec![delete("a"), set("a", 1.0)]);
    assert_eq!(attributes(&store), "");
}

#[test]
fn a_series_expires_unless_it_changed_since() {
    let disk = MemoryDisk::default();
    let store = open(&disk, Durability::Sync);
    let check = |changes: Vec<Change<'static>>, deleted: u64| assert_eq!(accept(&store, changes).deleted, deleted);
    check(vec![set("a", 1.0)], 0);
    check(vec![expire("a", 0), expire("a", 2), expire("b", 1)], 0);
    check(vec![add("a", 1.0), expire("a", 1)], 0);
    // The change before was number 5.
    check(vec![expire("a", 5), expire("a", 5), set("a", 3.0)], 1);
    // Made anew with it, by number 9.
    check(
        vec![expire("a", 8), with(plain("a", Op::Ensure), None, Some(Expires::NEVER))],
        0,
    );
    // That it is wanted made it newer.
    check(vec![expire("a", 9)], 0);
    check(vec![expire("a", 11)], 1);
    assert_eq!(dump(&store), "");
    assert_eq!(dump(&open(&disk.copy(), Durability::Sync)), "");
}
