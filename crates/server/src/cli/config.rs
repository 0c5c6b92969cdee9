//! `metric-nexus config …`

use super::Failure;
use crate::{
    auth::{self, Keyring, KeysFile},
    config::{Config, ConfigFile, EXAMPLE, Overrides},
};
use clap::Subcommand;
use std::{io::Write, path::PathBuf};

/// Shows and checks configuration files.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the commented example: every setting with its default.
    #[command(after_help = "Example:\n  metric-nexus config default > metric-nexus.yaml")]
    Default,
    /// Look for mistakes in a configuration file; the environment and flags are left aside.
    #[command(after_help = "Example:\n  metric-nexus config check metric-nexus.yaml")]
    Check {
        /// The configuration file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

impl ConfigCommand {
    /// Runs the command; what is unwise goes to `notes`.
    ///
    /// # Errors
    /// [`Failure::Config`] with every mistake of the file, [`Failure::Output`].
    pub(crate) fn run(&self, output: &mut dyn Write, notes: &mut dyn Write) -> Result<(), Failure> {
        match self {
            ConfigCommand::Default => output.write_all(EXAMPLE.as_bytes())?,
            ConfigCommand::Check { file } => {
                let file = ConfigFile::read(file)?;
                let config = Config::load(&Overrides::default(), &|_| None, Some(&file))?;
                for warning in config.warnings.iter().chain(&strangers(&config)) {
                    writeln!(notes, "warning: {warning}")?;
                }
                writeln!(output, "{}: no mistakes", file.path.display())?;
            }
        }
        output.flush()?;
        Ok(())
    }
}

/// Settings for keys that are not there, where it can be told: beside the keys of the hub, whose state may be on another machine.
fn strangers(config: &Config) -> Vec<String> {
    let file = config.state.keys_file();
    if !file.exists() {
        return Vec::new();
    }
    // A file of keys that cannot be read is no mistake of the configuration.
    let Ok((keyring, _)) = Keyring::open(KeysFile::at(file), &config.keys) else {
        return Vec::new();
    };
    let limits = config.usage.limits.keys().map(|key| ("usage.limits", &**key));
    let rates = config.throttle.keys.keys().map(|key| ("throttle.keys", &**key));
    auth::strangers(limits.chain(rates), &keyring)
}
