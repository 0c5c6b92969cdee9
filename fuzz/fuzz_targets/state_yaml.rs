//! Reads a state file that somebody else wrote: see `nexus_server::fuzzing::state_yaml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    nexus_server::fuzzing::state_yaml(input);
});
