//! The fuzzer's corpus, read as the fuzzer reads it.

use std::{fs, path::Path};

use nexus_metric::text::{Format, parse};

use crate::{FORMATS, check_stable};

/// The seeds of the fuzzer, by file name.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/text");
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (
            entry.file_name().into_string().unwrap(),
            fs::read(entry.path()).unwrap(),
        )
    });
    files.collect()
}

#[test]
fn the_corpus_of_the_fuzzer_passes() {
    let corpus = corpus();
    assert!(!corpus.is_empty());
    for (_, input) in &corpus {
        for format in FORMATS {
            check_stable(format, input);
        }
    }
}

#[test]
fn files_named_after_a_format_are_read_in_it() {
    for (name, input) in corpus() {
        let format = match name.rsplit_once('.') {
            Some((_, "prom")) => Format::Prometheus,
            Some((_, "om")) => Format::OpenMetrics,
            _ => continue,
        };
        if let Err(error) = parse(format, &input) {
            panic!("{name}: {error}");
        }
    }
}
