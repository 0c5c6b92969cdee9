//! `metric-nexus key …`

use super::{Failure, PlaceArgs};
use crate::{
    auth::{self, ApiKey, Keyring, KeysError, KeysFile, NAME_RULE, NewKey, Prefix, Scopes, check_name},
    config::{Config, Environment},
};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// Keeps the keys of `keys.yaml`. A running hub takes a change within a second.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it, alone on one line. It is shown this once: the hub keeps only its digest.
    #[command(after_help = "Examples:
  KEY=$(metric-nexus key new ci --scope write --prefix ci_)
  metric-nexus key new prometheus --scope scrape
  metric-nexus key new boss --scope admin --create        before the first start
  metric-nexus key new operator --scope read,write,scrape,admin --state /var/lib/metric-nexus")]
    New(NewArgs),
    /// List all keys, also those of the configuration file if one is named; the keys themselves are not known.
    List(PlaceArgs),
    /// Take a key away.
    Revoke(RevokeArgs),
}

/// The arguments of `key new`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct NewArgs {
    /// Who the key is for: 1 to 64 letters, digits, '.', '_' and '-'; shown in the log and in the usage
    #[arg(value_name = "NAME", value_parser = name)]
    name: Arc<str>,
    /// What it may do, with commas, out of read, write, scrape, usage (of others, for the usage log), admin
    #[arg(long, value_name = "SCOPES", default_value = "read,write,scrape")]
    scope: Scopes,
    /// Only metrics whose names begin so; end it in _, or `team` also covers team_b_
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<Prefix>,
    /// Also if no hub has used the state yet: makes its directory
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `key revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct RevokeArgs {
    /// The key's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: PlaceArgs,
}

impl KeyCommand {
    /// Runs the command; nothing but its result goes to `output`, what is unwise goes to `notes`.
    ///
    /// # Errors
    /// See [`Failure`]. Nothing was changed then; a new key that could not be printed is revoked again.
    pub(crate) fn run(
        &self,
        environment: &Environment<'_>,
        output: &mut dyn Write,
        notes: &mut dyn Write,
    ) -> Result<(), Failure> {
        let load = |place: &PlaceArgs| Config::find_and_load(&place.overrides(), environment);
        match self {
            KeyCommand::New(new) => new.run(&load(&new.place)?, output, notes),
            KeyCommand::List(place) => list(&load(place)?, output, notes),
            KeyCommand::Revoke(revoke) => revoke.run(&load(&revoke.place)?),
        }
    }
}

impl NewArgs {
    fn run(&self, config: &Config, output: &mut dyn Write, notes: &mut dyn Write) -> Result<(), Failure> {
        if !self.create {
            must_be_used(config)?;
        }
        if config.keys.iter().any(|key| key.name == self.name) {
            return Err(KeysError::Exists(Arc::clone(&self.name)).into());
        }
        let file = KeysFile::at(config.state.keys_file());
        let secret = file.add(NewKey {
            name: Arc::clone(&self.name),
            scopes: self.scope,
            prefix: self.prefix.clone(),
        })?;
        let printed = writeln!(output, "{}", secret.expose()).and_then(|()| output.flush());
        if let Err(error) = printed {
            file.revoke(&self.name)?;
            return Err(error.into());
        }
        warn(notes, &auth::warnings(&self.name, self.scope, self.prefix.as_ref()))?;
        Ok(())
    }
}

impl RevokeArgs {
    fn run(&self, config: &Config) -> Result<(), Failure> {
        must_be_used(config)?;
        match KeysFile::at(config.state.keys_file()).revoke(&self.name) {
            Err(KeysError::Unknown(..)) if config.keys.iter().any(|key| *key.name == self.name) => {
                Err(Failure::Configured(self.name.as_str().into()))
            }
            done => Ok(done?),
        }
    }
}

fn list(config: &Config, output: &mut dyn Write, notes: &mut dyn Write) -> Result<(), Failure> {
    if config.keys.is_empty() {
        must_be_used(config)?;
    }
    let (ring, warnings) = Keyring::open(KeysFile::at(config.state.keys_file()), &config.keys)?;
    let mut rows = vec![["NAME", "SCOPES", "PREFIX", "CREATED", "FROM"].map(str::to_owned)];
    rows.extend(ring.all().iter().map(|key| row(key)));
    for line in table(&rows) {
        writeln!(output, "{line}")?;
    }
    output.flush()?;
    warn(notes, &config.warnings)?;
    warn(notes, &warnings)?;
    Ok(())
}

/// Beside the wrong directory a command would make a state that no hub ever reads.
fn must_be_used(config: &Config) -> Result<(), Failure> {
    match config.state.is_used() {
        true => Ok(()),
        false => Err(Failure::NoState(config.state.directory.clone())),
    }
}

fn row(key: &ApiKey) -> [String; 5] {
    let created = key.created.map(|created| created.to_string());
    [
        key.name.to_string(),
        key.scopes.to_string(),
        key.prefix.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        created.unwrap_or_else(|| "-".to_owned()),
        key.source.to_string(),
    ]
}

/// Columns as wide as their widest cell, two spaces between.
fn table(rows: &[[String; 5]]) -> Vec<String> {
    let mut widths = [0; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn warn(notes: &mut dyn Write, warnings: &[String]) -> io::Result<()> {
    warnings
        .iter()
        .try_for_each(|warning| writeln!(notes, "warning: {warning}"))
}

fn name(text: &str) -> Result<Arc<str>, String> {
    check_name(text).ok_or_else(|| format!("expected {NAME_RULE}"))
}
