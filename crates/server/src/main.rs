//! The program `metric-nexus`.

use std::process::ExitCode;

/// Writes allocate and free on different threads all the time, which the system's allocator answers with fragmentation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nexus_server::run::run(std::env::args_os())
}
