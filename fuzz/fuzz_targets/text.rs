//! `cargo +nightly fuzz run text`: whatever the bytes, reading them as either text format does not panic; and what can
//! be read is the same after it was written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_metric::text::{Escaping, Format, parse, write};

fuzz_target!(|input: &[u8]| {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let Ok(document) = parse(format, input) else { continue };
        let written = write(&document, format, Escaping::AllowUtf8);
        let again = parse(format, &written).expect("what was written can be read");
        // As text, NaN equals NaN.
        assert_eq!(format!("{again:?}"), format!("{document:?}"));
    }
});
