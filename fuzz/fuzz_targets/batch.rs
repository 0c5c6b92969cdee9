//! Reads the body of a JSON batch: see `nexus_server::fuzzing::batch`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    nexus_server::fuzzing::batch(input);
});
