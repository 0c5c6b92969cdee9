//! `metric-nexus usage …`: reads the usage log of a state, whether or not a hub runs on it.

use std::io::Write;

use nexus_usage_log::Format;

use super::Failure;
use crate::{
    cli::{EXIT_FAILURE, EXIT_USAGE, Failure as Refused, ReportArgs, ReportFormat, UsageCommand},
    config::{Config, process_environment},
    usage_log::{Place, write_report},
};

pub(super) fn run(command: &UsageCommand, output: &mut dyn Write) -> Result<(), Failure> {
    let UsageCommand::Report(arguments) = command;
    report(arguments, output)
}

fn report(arguments: &ReportArgs, output: &mut dyn Write) -> Result<(), Failure> {
    let query = arguments.asked().read().map_err(|error| Failure {
        text: format!("--{error}"),
        code: EXIT_USAGE,
    })?;
    let config = Config::find_and_load(&arguments.place.overrides(), &process_environment)
        .map_err(|errors| Failure::from(Refused::from(errors)))?;
    let place = Place::of(&config.usage_log, &config.state.usage_log_file()).map_err(|error| Failure::of(&error))?;
    if let Some(file) = place.file().filter(|file| !file.exists()) {
        return Err(Failure {
            text: format!("there is no usage log: {}", file.display()),
            code: EXIT_FAILURE,
        });
    }
    let format = match arguments.format {
        ReportFormat::Table => Format::Table,
        ReportFormat::Csv => Format::Csv,
        ReportFormat::Json => Format::Json,
    };
    write_report(&place, &query, format, output).map_err(|error| Failure::of(&error))
}
