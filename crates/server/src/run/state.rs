//! `metric-nexus state …`: prints what the store and the snapshot know of a state that no hub has opened.

mod accept;
mod check;
mod repair;

use std::io::Write;

use nexus_segments::LockFile;

use super::Failure;
use crate::{
    cli::{EXIT_FAILURE, Failure as Refused, StateCommand, StatePlace},
    config::{Config, process_environment},
    hub::store_settings,
    store::Settings,
};

pub(super) fn run(command: &StateCommand, output: &mut dyn Write) -> Result<(), Failure> {
    match command {
        StateCommand::Check { place, json } => check::run(&Found::at(place)?, *json, output),
        StateCommand::Repair { into, place } => repair::run(&Found::at(place)?, into, output),
        StateCommand::Accept { place } => accept::run(&Found::at(place)?, output),
    }
}

/// The state that is meant.
struct Found {
    config: Config,
    settings: Settings,
}

impl Found {
    fn at(place: &StatePlace) -> Result<Self, Failure> {
        let config = Config::find_and_load(&place.overrides(), &process_environment)
            .map_err(|errors| Failure::from(Refused::from(errors)))?;
        let settings = store_settings(&config);
        Ok(Found { config, settings })
    }

    /// What a running hub has is newer than its files, and it writes over what somebody else puts there.
    fn must_not_run(&self) -> Result<(), Failure> {
        match LockFile::holder(&self.config.state.lock_file()).map_err(|error| Failure::of(&error))? {
            None => Ok(()),
            Some(pid) => Err(self.runs(&pid)),
        }
    }

    fn runs(&self, pid: &str) -> Failure {
        let directory = self.config.state.directory.display();
        failure(format!("a hub (process {pid}) runs on {directory}: stop it first"))
    }

    fn nothing_there(&self) -> Failure {
        let (snapshot, journal) = (self.settings.snapshot.display(), self.settings.journal.display());
        failure(format!(
            "there is no state: neither {snapshot} nor anything in {journal}"
        ))
    }
}

fn failure(text: String) -> Failure {
    Failure {
        text,
        code: EXIT_FAILURE,
    }
}

fn put(output: &mut dyn Write, line: &str) -> Result<(), Failure> {
    writeln!(output, "{line}").map_err(|error| Failure::of(&error))
}
