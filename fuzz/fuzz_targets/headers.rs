//! Reads the value of a header: see `nexus_server::fuzzing::headers`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    nexus_server::fuzzing::headers(input);
});
