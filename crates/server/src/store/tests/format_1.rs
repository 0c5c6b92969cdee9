//! A state that the release before wrote, in format 1, is read as it is, goes on, and is written anew in today's format.

use nexus_metric::text::{Escaping, Format};

use super::{repair::SNAPSHOT, semantics::submit_keyed, *};
use crate::{exposition::Scrape, store::view::Filter, write::Idempotency};

const SEGMENT: &str = "journal/000002.log";

/// The fixture, which `tests/fixtures/state-0.1/README.md` describes.
fn fixture() -> MemoryDisk {
    let disk = MemoryDisk::default();
    disk.put(
        SNAPSHOT,
        include_str!("../../../tests/fixtures/state-0.1/state/state.yaml"),
    );
    disk.put(
        SEGMENT,
        include_bytes!("../../../tests/fixtures/state-0.1/state/journal/000002.log"),
    );
    disk
}

#[track_caller]
fn shows_the_same(store: &Store) {
    for (format, escaping, expected) in [
        (
            Format::Prometheus,
            Escaping::Underscores,
            include_str!("../../../tests/fixtures/state-0.1/scrape.txt"),
        ),
        (
            Format::OpenMetrics,
            Escaping::AllowUtf8,
            include_str!("../../../tests/fixtures/state-0.1/scrape.openmetrics"),
        ),
    ] {
        let mut scrape = Scrape::begin(store.view(), Vec::new(), Filter::default(), format, escaping);
        let mut text = Vec::new();
        while scrape.next_chunk(&mut text) {}
        assert_eq!(String::from_utf8(text).unwrap(), expected, "{format:?}");
    }
}

/// How many of the keys in it are known, wherever they were.
fn keys(store: &Store) -> usize {
    store.view().catalog.used_keys.len()
}

#[test]
fn what_the_release_before_wrote_is_read_and_goes_on_in_the_new_format() {
    let disk = fixture();
    let opened = try_open(&disk, Durability::Sync).unwrap();
    assert_eq!(
        (
            opened.recovered.last,
            opened.recovered.frames,
            opened.recovered.cut.len()
        ),
        (28, 10, 0)
    );
    let mut store = opened.store;
    for round in 0..3 {
        shows_the_same(&store);
        assert_eq!(keys(&store), 6, "round {round}");
        assert_eq!(store.view().catalog.owners.of("bob").series, 3);
        match round {
            0 => drop(store.snapshot().unwrap()),
            _ => store.close().unwrap(),
        }
        let copy = disk.copy();
        assert!(
            String::from_utf8(copy.get(SNAPSHOT).unwrap())
                .unwrap()
                .starts_with("# Metric Nexus state, format 2.")
        );
        assert!(copy.get(SEGMENT).is_none(), "the old segment goes");
        store = open(&copy, Durability::Sync);
    }
    assert_eq!(accept(&store, vec![add("temp", 1.0)]).sequence, 29);
}

#[test]
fn a_repeat_from_before_is_known_wherever_its_key_stands() {
    let store = open(&fixture(), Durability::Sync);
    let mut next = store.view().catalog.used_keys.piece(0);
    let mut repeats = Vec::new();
    while let Some((piece, from)) = next {
        repeats.extend(piece);
        next = store.view().catalog.used_keys.piece(from);
    }
    assert_eq!(repeats.len(), 6);
    for (used, _) in repeats {
        let Idempotency { id, fingerprint } = used.idempotency;
        let submit = |fingerprint| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(store.submit(Write {
                idempotency: Some(Idempotency { id, fingerprint }),
                ..write_of(vec![add("temp", 1.0)])
            }))
        };
        let applied = match submit(fingerprint) {
            Outcome::Replayed(applied) => applied,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (applied.created, applied.deleted, applied.sequence, applied.refused),
            (used.created.into(), used.deleted.into(), used.sequence, 0)
        );
        assert_eq!(submit([0; 8]), Outcome::KeyReused);
    }
    shows_the_same(&store);
    assert!(matches!(submit_keyed(&store, vec![], 1, 1), Outcome::Applied(..)));
}

/// What stands at a place of a segment's or a snapshot's beginning is the format.
#[test]
fn a_state_of_a_newer_format_is_named() {
    let check = |damage: &dyn Fn(&MemoryDisk), expected: &str| {
        let disk = fixture();
        damage(&disk);
        let before: Vec<_> = disk.paths().iter().map(|path| disk.get(path)).collect();
        let error = try_open(&disk, Durability::Sync).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let after: Vec<_> = disk.paths().iter().map(|path| disk.get(path)).collect();
        assert_eq!(before, after, "nothing was changed");
    };
    check(
        &|disk| {
            let text = String::from_utf8(disk.get(SNAPSHOT).unwrap()).unwrap();
            disk.put(SNAPSHOT, text.replace("format 1", "format 3"));
        },
        "state.yaml, line 1: the format is 3, this version reads formats 1 to 2: use a newer metric-nexus",
    );
    check(
        &|disk| {
            let text = String::from_utf8(disk.get(SNAPSHOT).unwrap()).unwrap();
            disk.put(SNAPSHOT, text.replace("\"format\": 1", "\"format\": 3"));
        },
        "state.yaml, line 2: the format is 3, this version reads formats 1 to 2: use a newer metric-nexus",
    );
    check(
        &|disk| {
            let mut bytes = disk.get(SEGMENT).unwrap();
            bytes[8] = 3;
            let checksum = crc32fast::hash(&bytes[..28]).to_le_bytes();
            bytes[28..32].copy_from_slice(&checksum);
            disk.put(SEGMENT, bytes);
        },
        "its format is 3, this version reads formats 1 to 2: use a newer metric-nexus",
    );
}
