//! Where the log goes, and how it looks.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// Sends the log to standard error. Standard output is for what was asked for.
pub(super) fn start(log: &Log) {
    // The level was checked when the configuration was read.
    let filter = EnvFilter::try_new(filter(&log.level)).unwrap_or_default();
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // Somebody who embeds the program may have a log already.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// What a level means. `h2` warns of each stream that a client resets, without a limit: it is heard only if it is asked for.
fn filter(level: &str) -> String {
    match level {
        "off" => level.to_owned(),
        _ => format!("h2=error,{level}"),
    }
}
