//! Fuzz target: a state file.

use std::{path::Path, sync::Arc};

use nexus_metric::text::{Escaping, Format, parse};
use nexus_segments::testing::MemoryDisk;

use crate::{
    clients::ClientSeen,
    damage::Tolerance,
    exposition::Scrape,
    journal::Joint,
    snapshot::{self, Loaded, StandsFor},
    state::State,
    store::view::{Filter, View},
};

const FILE: &str = "state.yaml";
/// The YAML reader takes its time.
const YAML_BYTES_MAX: usize = 64 << 10;
const CHECKSUM: &str = "# crc32 ";
/// Begins the first line of a snapshot, in whichever format.
const FIRST_LINE: &str = "# Metric Nexus state, format ";

/// A snapshot as a hub writes it. A first line that is none and the checksum are put right, so that what stands between them is
/// reached. What can be read is the same after it was written.
pub fn state(input: &[u8]) -> bool {
    let as_it_is = load(input);
    let first_line = match memchr::memchr(b'\n', input) {
        Some(end) if input.starts_with(FIRST_LINE.as_bytes()) => input[..=end].to_vec(),
        _ => first_line().into_bytes(),
    };
    let body = input.strip_prefix(&*first_line).unwrap_or(input);
    let end = match memchr::memmem::rfind(body, CHECKSUM.as_bytes()) {
        Some(at) if at > 0 && body[at - 1] == b'\n' => at,
        _ => body.len(),
    };
    let mut repaired = [&first_line, &body[..end]].concat();
    if !repaired.ends_with(b"\n") {
        repaired.push(b'\n');
    }
    let checksum = format!("{CHECKSUM}{:08x}\n", nexus_segments::checksum(&[&repaired]));
    repaired.extend_from_slice(checksum.as_bytes());
    for loaded in [as_it_is.filter(|loaded| !loaded.foreign), load(&repaired)]
        .into_iter()
        .flatten()
    {
        assert!(!loaded.foreign);
        assert!(loaded.position.is_some_and(|position| position <= loaded.newest));
        keeps_all(&loaded);
    }
    salvages(input);
    salvages(&repaired);
    let as_it_is = input.starts_with(&first_line);
    load(if as_it_is { input } else { &repaired }).is_some()
}

/// A state file that somebody else wrote. What can be read is the same as a snapshot, and scrapers can read it.
pub fn state_yaml(input: &[u8]) -> bool {
    if input.len() > YAML_BYTES_MAX {
        return false;
    }
    let Some(loaded) = load(input).filter(|loaded| loaded.foreign) else {
        return false;
    };
    keeps_all(&loaded);
    exposes_what_can_be_read(&loaded.state);
    true
}

fn keeps_all(loaded: &Loaded) {
    let position = loaded.position.expect("it was read without damage");
    snapshot_reads_back(&loaded.state, position, loaded.joint, &loaded.clients);
}

/// Whatever the damage, what is left is a state.
fn salvages(bytes: &[u8]) {
    let files = MemoryDisk::default();
    files.put(FILE, bytes.to_vec());
    let mut damage = Tolerance::listing(3);
    if let Ok(Some(loaded)) = snapshot::salvage(&files, Path::new(FILE), &mut damage)
        && !loaded.foreign
    {
        let position = loaded.position.unwrap_or(loaded.newest);
        snapshot_reads_back(&loaded.state, position, loaded.joint, &loaded.clients);
    }
}

fn load(bytes: &[u8]) -> Option<Loaded> {
    let files = MemoryDisk::default();
    files.put(FILE, bytes.to_vec());
    snapshot::load(&files, Path::new(FILE)).ok().flatten()
}

/// What a snapshot begins with, line break included.
fn first_line() -> String {
    let bytes = written(&State::default(), 0, None, &[]);
    let end = memchr::memchr(b'\n', &bytes).expect("a snapshot has lines");
    String::from_utf8(bytes[..=end].to_vec()).expect("a snapshot is UTF-8")
}

pub(super) fn written(state: &State, position: u64, joint: Option<Joint>, clients: &[ClientSeen]) -> Vec<u8> {
    let files = MemoryDisk::default();
    let snapshot = snapshot::begin(
        Arc::new(files.clone()),
        Path::new(FILE),
        &state.catalog(),
        StandsFor { position, joint },
        1_700_000_000_000,
        clients,
    );
    snapshot.and_then(|snapshot| snapshot.commit()).expect("nothing fails");
    files.get(FILE).expect("it is in its place")
}

/// A snapshot of the state holds all of it.
pub(super) fn snapshot_reads_back(state: &State, position: u64, joint: Option<Joint>, clients: &[ClientSeen]) {
    let bytes = written(state, position, joint, clients);
    let files = MemoryDisk::default();
    files.put(FILE, bytes.clone());
    let again = match snapshot::load(&files, Path::new(FILE)) {
        Ok(again) => again.expect("it is there"),
        Err(error) => panic!("{error} in {}", String::from_utf8_lossy(&bytes)),
    };
    assert_eq!((again.position, &*again.clients), (Some(position), clients));
    let bytes_again = written(&again.state, position, again.joint, &again.clients);
    assert_eq!(String::from_utf8_lossy(&bytes_again), String::from_utf8_lossy(&bytes));
}

/// Every format is a document that a strict reader takes; in every escaping, unless label names have to be escaped: two of
/// them may look alike then.
pub(super) fn exposes_what_can_be_read(state: &State) {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let utf8 = scrape(state, format, Escaping::AllowUtf8);
        let has_quoted_labels = memchr::memmem::find(&utf8, b"\"=\"").is_some();
        for escaping in Escaping::ALL {
            if escaping == Escaping::AllowUtf8 || !has_quoted_labels {
                let text = scrape(state, format, escaping);
                if let Err(error) = parse(format, &text) {
                    panic!(
                        "{format:?}, {escaping:?}: {error} in\n{}",
                        String::from_utf8_lossy(&text)
                    );
                }
            }
        }
    }
}

fn scrape(state: &State, format: Format, escaping: Escaping) -> Vec<u8> {
    let mut scrape = Scrape::begin(
        &View::of(state.catalog()),
        Vec::new(),
        Filter::default(),
        format,
        escaping,
    )
    .show_created();
    let mut text = Vec::new();
    while scrape.next_chunk(&mut text) {}
    text
}
