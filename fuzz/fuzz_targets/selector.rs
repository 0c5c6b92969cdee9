//! Reads a series selector: see `nexus_server::fuzzing::selector`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    nexus_server::fuzzing::selector(input);
});
