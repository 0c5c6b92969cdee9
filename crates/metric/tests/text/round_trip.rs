//! What is written is read again as it was.

use nexus_metric::text::{Document, Escaping, Format, parse, write};
use proptest::prelude::*;

use crate::{FORMATS, arbitrary, arbitrary::Names, check_stable, exact};

#[track_caller]
fn check(format: Format, document: &Document) {
    let text = write(document, format, Escaping::AllowUtf8);
    match parse(format, &text) {
        Ok(read) => assert_eq!(exact(&read), exact(document), "{}", String::from_utf8_lossy(&text)),
        Err(error) => panic!("{error} in {}", String::from_utf8_lossy(&text)),
    }
}

/// Overwrites, removes or doubles bytes.
fn mutate(mut text: Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (at, kind, byte) in edits {
        if text.is_empty() {
            break;
        }
        let at = at.index(text.len());
        match kind % 4 {
            0 => text[at] = *byte,
            1 => drop(text.remove(at)),
            2 => text.insert(at, b" \"\\{},=#\n_0"[usize::from(*byte) % 11]),
            _ => text.extend_from_within(at..),
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_written_document_is_read_again(
        classic in arbitrary::document(Format::Prometheus, Names::Any),
        open in arbitrary::document(Format::OpenMetrics, Names::Any),
    ) {
        check(Format::Prometheus, &classic);
        check(Format::OpenMetrics, &open);
    }

    #[test]
    fn every_escaping_gives_a_text_that_can_be_read(
        open in arbitrary::document(Format::OpenMetrics, Names::Any),
    ) {
        // Underscores and dots may make two names or label sets equal; values may not.
        let text = write(&open, Format::OpenMetrics, Escaping::Values);
        let read = parse(Format::OpenMetrics, &text);
        prop_assert!(read.is_ok(), "{:?} in {}", read, String::from_utf8_lossy(&text));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[x{}a=\"\\\\,#1. \n]{0,60}") {
        for format in FORMATS {
            check_stable(format, &bytes);
            check_stable(format, text.as_bytes());
        }
    }

    #[test]
    fn damaged_documents_are_answered(
        open in arbitrary::document(Format::OpenMetrics, Names::Any),
        edits in prop::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 1..4),
    ) {
        for format in FORMATS {
            check_stable(format, &mutate(write(&open, format, Escaping::AllowUtf8), &edits));
        }
    }
}
