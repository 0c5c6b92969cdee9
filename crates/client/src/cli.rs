//! The command `nexus`: a hub for scripts.
//!
//! A run goes from what was typed (`Arguments`) over what it means with the environment (`Settings`) to an exit code. Standard
//! output has data only; everything that is said to people goes to standard error.

mod arguments;
mod change;
mod exit;
mod hub;
mod list;
mod output;
mod push;
mod settings;
mod spooled;
mod trust;

use std::{env, process::ExitCode};

use clap::Parser as _;

use crate::EncodedBatch;
use arguments::{Arguments, Command};
use exit::{Exit, Failure};
use hub::Hub;
use output::Output;
use settings::{Settings, Variables};

/// Runs the command with the arguments and the environment of this process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments::with_numbers(env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => {
            // To where clap says; if that is closed, nobody listens.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let output = Output::new(arguments.flags.json, arguments.flags.quiet);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failed(&Failure::failed(format!("cannot start: {error}"))).into(),
    };
    let variables = Variables::new(|name| env::var(name).ok());
    let exit = runtime.block_on(async {
        let run = run(arguments, &variables, &output);
        tokio::select! {
            done = run => done.unwrap_or_else(|failure| output.failed(&failure)),
            _ = tokio::signal::ctrl_c() => output.failed(&Failure::interrupted()),
        }
    });
    // A request that was given up is not waited for.
    runtime.shutdown_background();
    exit.into()
}

async fn run(arguments: Arguments, variables: &Variables, output: &Output) -> Result<Exit, Failure> {
    let Arguments { flags, command } = arguments;
    let settings = Settings::new(flags, variables)?;
    let Some(command) = command else {
        return Err(Failure::usage(settings.first_steps()));
    };
    match command {
        Command::Create(create) => write(&settings, output, create.change()?).await,
        Command::Set(number) => write(&settings, output, number.change("set")?).await,
        Command::Add(number) => write(&settings, output, number.change("add")?).await,
        Command::Sub(number) => write(&settings, output, number.change("sub")?).await,
        Command::Observe(number) => write(&settings, output, number.change("observe")?).await,
        Command::Inc(series) => write(&settings, output, series.change("inc")?).await,
        Command::Dec(series) => write(&settings, output, series.change("dec")?).await,
        Command::Delete(path) => write(&settings, output, path.deletion()?).await,
        Command::Get(path) => hub::get(&Hub::connect(&settings)?, output, &path).await,
        Command::List(list) => list::list(&Hub::connect(&settings)?, output, &list).await,
        Command::Push(push) => push::push(&settings, output, &push).await,
        Command::Flush => spooled::flush(&settings, output).await,
        Command::Trust(trust) => trust::trust(&settings, variables, output, trust.hub.as_deref()).await,
    }
}

/// Sends one change, or appends it to the spool.
async fn write(settings: &Settings, output: &Output, item: String) -> Result<Exit, Failure> {
    if settings.spool.is_some() {
        if settings.has_idempotency_key() {
            return Err(Failure::usage(
                "a change in the spool has a key of its own: leave out --idempotency-key",
            ));
        }
        return spooled::append(settings, output, &[item]).await;
    }
    let hub = Hub::connect(settings)?;
    let key = settings.idempotency_key("")?;
    let written = hub
        .write(&EncodedBatch::from_lines(item), &key)
        .await
        .map_err(|error| Failure::of(&error))?;
    output.written(&written)?;
    Ok(Exit::Done)
}
