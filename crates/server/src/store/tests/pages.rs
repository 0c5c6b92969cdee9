//! Pages of series while series come and go, over restarts, at every length.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::subsequence};

use super::*;
use crate::store::view::{Cursor, Filter};

/// Label values that are one as good as the other: empty, with all that is escaped, and longer than a cursor holds.
fn values() -> Vec<String> {
    let long = |end: &str| "ü".repeat(3000) + end;
    let mut values: Vec<String> = [
        "",
        "1",
        "10",
        "2",
        "a,b=\"c\"",
        "\\",
        "\n",
        "}{",
        "é",
        "\u{10ffff}",
        " ",
        "\0",
    ]
    .map(str::to_owned)
    .into();
    values.extend([long(""), long("1"), long("2"), "x".repeat(1020), "x".repeat(1021)]);
    values
}

/// Every series that there may be: a family's name and the value of a label.
fn universe() -> Vec<(&'static str, String)> {
    let names = ["a", "a:b", "größe", "z"];
    names
        .into_iter()
        .flat_map(|name| values().into_iter().map(move |value| (name, value)))
        .collect()
}

fn series(name: &str, value: &str) -> Target<'static> {
    target(name, &[("l", value)], Some(Kind::Gauge))
}

fn make(store: &Store, name: &str, value: &str) {
    let target = series(name, value);
    accept(store, vec![Change::Series(target, Op::Set(1.0))]);
}

/// All that is on all pages, as name and label text; `between` runs before each of them. Cursors go through their text.
fn paged(store: &mut Store, limit: usize, mut between: impl FnMut(&mut Store)) -> Vec<(String, String)> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        between(store);
        let cursor = after.map(|after| Cursor::read(&after).unwrap());
        let page = store.view().page(&Filter::default(), cursor.as_ref(), limit);
        assert!(page.series.len() <= limit);
        all.extend(page.series.iter().map(|series| {
            let name = series.family.family.name.to_string();
            (name, series.labels.to_string())
        }));
        after = page.next.map(|next| next.to_string());
        if after.is_none() {
            return all;
        }
    }
}

/// In the order that was promised, none twice.
fn is_in_order(all: &[(String, String)]) {
    let head = |labels: &str| labels.as_bytes()[..labels.len().min(1024)].to_vec();
    assert!(all.is_sorted_by_key(|(name, labels)| (name, head(labels))), "{all:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
}

#[test]
fn pages_of_every_length_show_all_there_is_once_and_in_one_order() {
    let mut store = open(&MemoryDisk::default(), Durability::Flush);
    let expected: BTreeSet<(String, String)> = universe()
        .iter()
        .map(|(name, value)| (name.to_string(), series(name, value).labels.as_str().to_owned()))
        .collect();
    for (name, value) in universe().iter().rev() {
        make(&store, name, value);
    }
    let whole = paged(&mut store, usize::MAX, |_| ());
    is_in_order(&whole);
    assert_eq!(whole.iter().cloned().collect::<BTreeSet<_>>(), expected);
    for limit in 1..=whole.len() + 1 {
        assert_eq!(paged(&mut store, limit, |_| ()), whole, "{limit}");
    }
}

#[test]
fn a_page_begins_behind_a_series_that_is_gone_and_behind_a_family_that_is_gone() {
    let mut store = open(&MemoryDisk::default(), Durability::Flush);
    for (name, value) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), ("c", "1")] {
        make(&store, name, value);
    }
    let mut pages = 0;
    let all = paged(&mut store, 2, |store| {
        pages += 1;
        if pages == 2 {
            let family = Name::new("a").unwrap();
            accept(
                store,
                vec![Change::Delete {
                    family: family.into(),
                    labels: None,
                }],
            );
            make(store, "a", "3");
            make(store, "b", "0");
        }
    });
    let expected = [
        ("a", "1"),
        ("a", "2"),
        ("a", "3"),
        ("b", "0"),
        ("b", "1"),
        ("b", "2"),
        ("c", "1"),
    ];
    assert_eq!(
        all,
        expected.map(|(name, value)| (name.to_owned(), format!("l=\"{value}\"")))
    );
}

#[derive(Debug, Clone)]
enum Step {
    Make(usize),
    Delete(usize),
    DeleteFamily(usize),
    Snapshot,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..1000usize;
    prop_oneof![
        8 => which.clone().prop_map(Step::Make),
        8 => which.clone().prop_map(Step::Delete),
        1 => which.prop_map(Step::DeleteFamily),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restart),
    ]
}

fn take(step: &Step, store: &mut Store, disk: &MemoryDisk, stays: &[(&str, String)]) {
    let comes_and_goes: Vec<_> = universe()
        .into_iter()
        .filter(|series| !stays.contains(series))
        .collect();
    let nth = |n: &usize| &comes_and_goes[n % comes_and_goes.len()];
    match step {
        Step::Make(n) => make(store, nth(n).0, &nth(n).1),
        Step::Delete(n) => {
            let Target { family, labels, .. } = series(nth(n).0, &nth(n).1);
            // There may be no such series.
            submit(
                store,
                vec![Change::Delete {
                    family,
                    labels: Some(labels),
                }],
            );
        }
        Step::DeleteFamily(n) => {
            let family = series(nth(n).0, "").family;
            if stays.iter().all(|(name, _)| *name != family.as_str()) {
                submit(store, vec![Change::Delete { family, labels: None }]);
            }
        }
        Step::Snapshot => drop(store.snapshot().unwrap()),
        Step::Restart => *store = open(disk, Durability::Flush),
    }
}

proptest! {
    #[test]
    fn what_stays_is_on_one_page_whatever_comes_and_goes(
        stays in subsequence(universe(), 0..50),
        gaps in vec(vec(step(), 0..12), 0..30),
        limit in 1..12usize,
    ) {
        let disk = MemoryDisk::default();
        let mut store = open(&disk, Durability::Flush);
        stays.iter().for_each(|(name, value)| make(&store, name, value));
        let mut gaps = gaps.into_iter();
        let all = paged(&mut store, limit, |store| {
            for step in gaps.next().unwrap_or_default() {
                take(&step, store, &disk, &stays);
            }
        });
        is_in_order(&all);
        for (name, value) in &stays {
            let labels = series(name, value).labels;
            let is_it = |(shown, text): &&(String, String)| shown == name && text == labels.as_str();
            prop_assert_eq!(all.iter().filter(is_it).count(), 1, "{} {}", name, labels);
        }
    }
}
