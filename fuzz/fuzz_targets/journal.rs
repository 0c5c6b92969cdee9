//! Reads segments of a journal: see `nexus_server::fuzzing::journal`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    nexus_server::fuzzing::journal(input);
});
