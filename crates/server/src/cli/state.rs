//! `metric-nexus state …`

use crate::config::Overrides;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Checks, repairs and accepts a state; none of it needs a running hub.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum StateCommand {
    /// Read the whole state, and say what is in it and everything that is wrong with it. Changes nothing.
    ///
    /// Also beside a running hub; then the newest writes may still be on their way to the disk.
    #[command(after_help = "Examples:
  metric-nexus state check /var/lib/metric-nexus
  metric-nexus state check --json | jq .damage

Exit codes: 0 sound; 1 damaged, or there is no state.")]
    Check {
        #[command(flatten)]
        place: StatePlace,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Write a new state from what is sound of a damaged one, and list what is not. Changes nothing in place.
    #[command(after_help = "Example:
  metric-nexus state repair --into /var/lib/metric-nexus.repaired /var/lib/metric-nexus

Then look at the list, put the new directory in the place of the old one, and start the hub. Stop the hub first.")]
    Repair {
        /// Where the new state goes: a directory that is empty or not there.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        #[command(flatten)]
        place: StatePlace,
    },
    /// Take over a state.yaml that was edited by hand: look for mistakes, give it its checksum. Stop the hub first.
    #[command(after_help = "Example:
  metric-nexus state accept /var/lib/metric-nexus

The file as it was is kept as state.yaml.before-accept. With any mistake nothing is changed, and all mistakes are listed.")]
    Accept {
        #[command(flatten)]
        place: StatePlace,
    },
}

/// Which state is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub(crate) struct StatePlace {
    /// The state directory, or metric-nexus's state file [default: as for `serve`]
    #[arg(value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The configuration file that the hub uses, to find the state by [env: METRIC_NEXUS_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl StatePlace {
    /// What `serve` would be told with the same flags.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            state: self.state.clone(),
            ..Overrides::default()
        }
    }
}
