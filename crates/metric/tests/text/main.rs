//! The text formats as a whole: documents and arbitrary bytes in, the same document out. One binary, for link time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "all of this is tests, helpers included"
)]

mod arbitrary;
mod corpus;
mod differential;
mod round_trip;

use nexus_metric::text::{Document, Escaping, Format, parse, write};

const FORMATS: [Format; 2] = [Format::Prometheus, Format::OpenMetrics];

/// A document as text in which NaN equals NaN and -0 differs from 0.
fn exact(document: &Document) -> String {
    format!("{document:?}")
}

/// Reading never panics; and what can be read is the same after it was written.
#[track_caller]
fn check_stable(format: Format, input: &[u8]) {
    let Ok(document) = parse(format, input) else {
        return;
    };
    let written = write(&document, format, Escaping::AllowUtf8);
    match parse(format, &written) {
        Ok(again) => assert_eq!(exact(&again), exact(&document)),
        Err(error) => panic!("{error} in {:?}", String::from_utf8_lossy(&written)),
    }
}
