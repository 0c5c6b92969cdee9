//! What the sources of the usage log count.

use std::sync::atomic::Ordering::Relaxed;

use nexus_metric::Kind;

use super::{Reader, Source, Sources};
use crate::own_metrics::{OwnFamily, OwnSample, sample, whole};

/// What a source of some kind counts under a name.
type Counted = (&'static str, u64);

/// What each source has seen since the hub was started. Families without a source of their kind are left out.
pub(in super::super) fn families(sources: &Sources) -> Vec<OwnFamily> {
    let sources = sources.lock().clone();
    let families = [
        family(
            "up",
            "1 while a source of the usage log is read; 0 while a log that is followed is not there or cannot be read, and since a source failed: then the hub must be started again.",
            Kind::Gauge,
            per_source(&sources, |source| Some(u64::from(is_up(source)))),
        ),
        family(
            "lines_total",
            "Lines of a source by what became of them.",
            Kind::Counter,
            per_name(&sources, "fate", |reader| lines(reader).to_vec()),
        ),
        family(
            "missing",
            "Lines that never came by syslog, as far as the sequences of others tell.",
            Kind::Gauge,
            per_source(&sources, |source| match &source.reader {
                Reader::Syslog(receiver) => Some(receiver.counts().missing),
                Reader::Follow(_) => None,
            }),
        ),
        family(
            "behind_bytes",
            "How much of a followed log there is to read yet.",
            Kind::Gauge,
            per_source(&sources, |source| match &source.reader {
                Reader::Follow(tail) => Some(tail.counts().behind_bytes),
                Reader::Syslog(_) => None,
            }),
        ),
        family(
            "file_changes_total",
            "What happened to a followed log: a rotation is read to its end; lines may be missing after a truncation or a lost file; a failure is tried again.",
            Kind::Counter,
            per_name(&sources, "change", changes),
        ),
    ];
    families
        .into_iter()
        .filter(|family| !family.samples.is_empty())
        .collect()
}

fn is_up(source: &Source) -> bool {
    source.is_up.load(Relaxed)
        && match &source.reader {
            Reader::Follow(tail) => !tail.counts().is_unreadable,
            Reader::Syslog(_) => true,
        }
}

fn lines(reader: &Reader) -> [Counted; 4] {
    match reader {
        Reader::Follow(tail) => {
            let counts = tail.counts();
            [
                ("recorded", counts.recorded),
                ("malformed", counts.malformed),
                ("too_long", counts.too_long),
                ("dropped", 0),
            ]
        }
        Reader::Syslog(receiver) => {
            let counts = receiver.counts();
            [
                ("recorded", counts.recorded),
                ("malformed", counts.malformed),
                ("too_long", counts.truncated),
                ("dropped", counts.dropped),
            ]
        }
    }
}

fn changes(reader: &Reader) -> Vec<Counted> {
    let Reader::Follow(tail) = reader else {
        return Vec::new();
    };
    let counts = tail.counts();
    vec![
        ("rotation", counts.rotations),
        ("truncation", counts.truncations),
        ("lost_file", counts.lost_files),
        ("failure", counts.failures),
    ]
}

fn per_source(sources: &[Source], count: impl Fn(&Source) -> Option<u64>) -> Vec<OwnSample> {
    let sample_of = |source: &Source| Some(sample(&labels(source), whole(count(source)?)));
    sources.iter().filter_map(sample_of).collect()
}

fn per_name(sources: &[Source], label: &str, counts: impl Fn(&Reader) -> Vec<Counted>) -> Vec<OwnSample> {
    let samples_of = |source: &Source| {
        let [kind, source_name] = labels(source);
        let counts = counts(&source.reader).into_iter();
        let samples = counts.map(|(name, count)| sample(&[kind, source_name, (label, name)], whole(count)));
        samples.collect::<Vec<_>>()
    };
    sources.iter().flat_map(samples_of).collect()
}

fn labels(source: &Source) -> [(&str, &str); 2] {
    let kind = match source.reader {
        Reader::Follow(_) => "follow",
        Reader::Syslog(_) => "syslog",
    };
    [("kind", kind), ("source", &source.name)]
}

fn family(name: &str, help: &str, kind: Kind, samples: Vec<OwnSample>) -> OwnFamily {
    OwnFamily {
        name: format!("metric_nexus_usage_log_source_{name}"),
        help: help.to_owned(),
        kind,
        samples,
    }
}
