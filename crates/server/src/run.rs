//! The program `metric-nexus`: a command line becomes an exit code.

mod banner;
mod ca;
mod logging;
mod serve;
mod state;
mod usage;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    cli::{self, Command, EXIT_FAILURE},
    config::process_environment,
};

/// Does what the arguments ask for. The first is the program's own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match cli::parse(arguments) {
        Ok(command) => command,
        Err(stop) => {
            // Nobody reads it: there is nobody to tell.
            let _ = stop.print();
            return stop.exit_code().into();
        }
    };
    let (mut output, mut notes) = (io::stdout().lock(), io::stderr().lock());
    let done = match command {
        Command::Serve(flags) => {
            drop((output, notes));
            return serve::run(&flags.into());
        }
        Command::State(command) => state::run(&command, &mut output),
        Command::Usage(command) => usage::run(&command, &mut output),
        Command::Ca(place) => ca::run(&place, &mut output, &mut notes),
        Command::Key(command) => command
            .run(&process_environment, &mut output, &mut notes)
            .map_err(Into::into),
        Command::Config(command) => command.run(&mut output, &mut notes).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(notes, "metric-nexus: {}", failure.text);
            failure.code.into()
        }
    }
}

/// Why a command failed, and what the process says of it.
#[derive(Debug)]
struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// The error with its causes.
    fn of(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        Failure {
            text,
            code: EXIT_FAILURE,
        }
    }
}

impl From<cli::Failure> for Failure {
    fn from(failure: cli::Failure) -> Self {
        Failure {
            code: failure.exit_code(),
            ..Failure::of(&failure)
        }
    }
}
