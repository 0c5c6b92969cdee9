//! The command line: what can be typed, and the commands that need no running hub.
//!
//! Parsing decides nothing about values that the configuration has, too: they are passed on as they were typed, so that
//! [`crate::config`] reports all mistakes at once, and for the same reason it reads the environment. What each command
//! does: `serve` runs the hub, `state` checks, repairs and accepts a state, `key` keeps `keys.yaml`, `usage` reports
//! from the usage log, `config` shows and checks configuration files, `ca` prints what clients verify with. Exit codes: 0, [`EXIT_FAILURE`], [`EXIT_USAGE`].

mod config;
mod key;
mod state;
mod usage;

pub(crate) use config::ConfigCommand;
pub(crate) use key::KeyCommand;
pub(crate) use state::{StateCommand, StatePlace};
pub(crate) use usage::{ReportArgs, ReportFormat, UsageCommand};

use crate::{
    auth::KeysError,
    config::{ConfigErrors, Overrides},
    feature::Feature,
};
use clap::{Args, Parser, Subcommand};
use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

/// What was asked for could not be done.
pub(crate) const EXIT_FAILURE: u8 = 1;
/// What was asked for is wrong: the command line or the configuration (`EX_USAGE`).
pub(crate) const EXIT_USAGE: u8 = 64;

/// What `--version` says; `-V` says the version alone.
static LONG_VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (features: {})", env!("CARGO_PKG_VERSION"), Feature::built_in()));

/// A durable hub of metrics for programs too short-lived to be scraped.
///
/// Programs push over HTTPS, the hub keeps what they say, and Prometheus scrapes /__metrics. Without a command it serves.
#[derive(Debug, Parser)]
#[command(
    name = "metric-nexus",
    version,
    long_version = LONG_VERSION.as_str(),
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  metric-nexus                                   serve on https://127.0.0.1:3000, state in ./state
  metric-nexus serve --config /etc/metric-nexus.yaml
  metric-nexus key new ci --scope write --prefix ci_

Exit codes: 0 done; 1 failed, and why; 64 a mistake on the command line or in the configuration."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Typed>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Typed {
    /// Run the hub (also without any command).
    Serve(ServeArgs),
    /// Make, list and revoke API keys, also beside a running hub.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Check, repair and accept a state.
    #[command(subcommand)]
    State(StateCommand),
    /// Report who asked for what, also beside a running hub.
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Show the example configuration, check one.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the certificate that clients verify the hub with (PEM), and its fingerprint beside it.
    #[command(after_help = "Examples:
  metric-nexus ca --state /var/lib/metric-nexus | ssh worker 'cat > metric-nexus-ca.pem'
On the other machine, nexus trust URL --fingerprint sha256:... fetches the same from the hub itself.")]
    Ca(PlaceArgs),
}

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run the hub.
    Serve(ServeArgs),
    /// Keep the keys.
    Key(KeyCommand),
    /// Check, repair or accept a state.
    State(StateCommand),
    /// Report from the usage log.
    Usage(UsageCommand),
    /// Show or check a configuration.
    Config(ConfigCommand),
    /// Print the authority's certificate.
    Ca(PlaceArgs),
}

/// The flags of `serve`, as they were typed; [`crate::config::Config::find_and_load`] gives them their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Examples:
  metric-nexus serve --listen 0.0.0.0:3000 --state /var/lib/metric-nexus
  metric-nexus serve --listen :3000 --name hub.example.org
  metric-nexus serve --listen 127.0.0.1:0        any free port; the log names it
  metric-nexus serve --listen :3000 --listen http://unix:/run/metric-nexus.sock
  metric-nexus serve --config config.yaml        also metric-nexus's own config.yaml

Flags win over the environment, which wins over the file. METRIC_NEXUS_LOG sets the level of the log.")]
pub(crate) struct ServeArgs {
    /// The configuration file; `metric-nexus config default` prints one [env: METRIC_NEXUS_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen, 127.0.0.1:3000 by default; also `unix:PATH`, and with https://, http:// or h2c:// before it; may be
    /// given more than once [env: METRIC_NEXUS_LISTEN, with commas]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,
    /// A host name or an address by which others reach the hub, for the certificate that it makes; listening on all addresses,
    /// those of the machine are in it anyway; may be given more than once [env: METRIC_NEXUS_NAME, with commas]
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// The state directory, ./state by default, or metric-nexus's state file [env: METRIC_NEXUS_STATE]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// What an acknowledged write survives: sync (power loss; the default), flush (kill -9), snapshot (an orderly
    /// shutdown) [env: METRIC_NEXUS_DURABILITY]
    #[arg(long, value_name = "sync|flush|snapshot")]
    pub(crate) durability: Option<String>,
    /// Without TLS: keys and values can be read on the way [env: METRIC_NEXUS_PLAIN_HTTP]
    #[arg(long)]
    pub(crate) plain_http: bool,
}

impl From<ServeArgs> for Overrides {
    fn from(flags: ServeArgs) -> Self {
        Overrides {
            config: flags.config,
            listen: flags.listen,
            names: flags.names,
            state: flags.state,
            durability: flags.durability,
            plain_http: flags.plain_http,
        }
    }
}

/// Where the state of a command other than `serve` is found: as `serve` finds it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub(crate) struct PlaceArgs {
    /// The configuration file that the hub uses, to find the state by [env: METRIC_NEXUS_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The state directory, ./state by default, or metric-nexus's state file [env: METRIC_NEXUS_STATE]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

impl PlaceArgs {
    /// What `serve` would be told with the same flags.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            state: self.state.clone(),
            ..Overrides::default()
        }
    }
}

/// Nothing is to be run: help or version were asked for, or the command line is wrong.
#[derive(Debug)]
pub(crate) struct Stop(clap::Error);

impl Stop {
    /// Writes the help to standard output, or the mistake to standard error.
    ///
    /// # Errors
    /// If nobody reads it.
    pub(crate) fn print(&self) -> io::Result<()> {
        self.0.print()
    }

    /// 0 or [`EXIT_USAGE`].
    pub(crate) fn exit_code(&self) -> u8 {
        if self.0.use_stderr() { EXIT_USAGE } else { 0 }
    }
}

/// What the arguments ask for; the first is the program's own name.
///
/// # Errors
/// If nothing is to be run.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Stop> {
    let arguments = Arguments::try_parse_from(arguments).map_err(Stop)?;
    Ok(match arguments.command {
        None => Command::Serve(arguments.serve),
        Some(Typed::Serve(flags)) => Command::Serve(flags),
        Some(Typed::Key(command)) => Command::Key(command),
        Some(Typed::State(command)) => Command::State(command),
        Some(Typed::Usage(command)) => Command::Usage(command),
        Some(Typed::Config(command)) => Command::Config(command),
        Some(Typed::Ca(place)) => Command::Ca(place),
    })
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The keys cannot be read or changed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key is not in `keys.yaml`, so it is revoked elsewhere.
    #[error("the key {0} stands in the configuration file; take it out there, and restart the hub")]
    Configured(Arc<str>),
    /// It is most likely the wrong directory.
    #[error("no hub has used {path} yet: name the state that yours uses by --state, or by its --config; `key new --create` makes keys before a first start", path = .0.display())]
    NoState(PathBuf),
    /// Standard output is closed or full.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// [`EXIT_USAGE`] for a configuration that is wrong, else [`EXIT_FAILURE`].
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Config(_) => EXIT_USAGE,
            Failure::Keys(_) | Failure::Configured(_) | Failure::NoState(_) | Failure::Output(_) => EXIT_FAILURE,
        }
    }
}

#[cfg(test)]
mod tests;
