//! Reads a request of the simple API: see `nexus_server::fuzzing::path`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    nexus_server::fuzzing::path(input);
});
