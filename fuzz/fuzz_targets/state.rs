//! Reads a snapshot of the hub's own: see `nexus_server::fuzzing::state`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    nexus_server::fuzzing::state(input);
});
