//! The command `nexus`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nexus_client::cli::main()
}
