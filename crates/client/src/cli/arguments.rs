//! What can be typed.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use nexus_metric::{spelling, text::number};

use crate::spool::Sync;

/// Counts, sets and reads metrics on a Metric Nexus hub, for scripts and people.
#[derive(Debug, Parser)]
#[command(
    name = "nexus",
    version,
    after_help = "Examples:
  export METRIC_NEXUS_URL=https://127.0.0.1:3000 METRIC_NEXUS_CA=state/tls/ca.pem METRIC_NEXUS_KEY=mnx_…
  nexus inc jobs_total queue=mail --type counter     make it if it is missing, and count
  nexus add jobs_total queue=mail 4
  nexus get jobs_total queue=mail
  nexus set temperature -4.5
  nexus list 'jobs_total{queue=\"mail\"}' --json
  nexus push changes.ndjson                          many changes at once
  nexus --spool /var/spool/nexus inc jobs_total      without waiting for the network …
  nexus --spool /var/spool/nexus flush               … which this does, and each counts once

Exit codes:
  0  done (with --spool: kept, to be delivered)
  1  refused: by the hub, which says why; or because it is not the hub to be trusted; or by the disk
  2  a mistake on the command line or in the settings; nothing was sent
  3  not reachable, or no answer, after all tries: try again later
  130 interrupted

The hub prints address, CA file, fingerprint and key when it starts. Flags win over the environment."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) flags: Flags,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Args, Default, Clone)]
pub(super) struct Flags {
    /// The hub's address [env: METRIC_NEXUS_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "The hub")]
    pub(super) url: Option<String>,
    /// The API key; better by the environment or a file, since others can see a program's arguments [env: METRIC_NEXUS_KEY]
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        help_heading = "The hub",
        conflicts_with = "key_file"
    )]
    pub(super) key: Option<String>,
    /// A file with the API key in it [env: METRIC_NEXUS_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "The hub")]
    pub(super) key_file: Option<PathBuf>,
    /// Trust the hub with this SHA-256 fingerprint; several with commas or by repeating it [env: METRIC_NEXUS_FINGERPRINT]
    #[arg(
        long,
        global = true,
        value_name = "SHA256",
        help_heading = "The hub",
        value_delimiter = ','
    )]
    pub(super) fingerprint: Vec<String>,
    /// Trust the authority in this PEM file, the hub's ca.pem [env: METRIC_NEXUS_CA]
    #[arg(long, global = true, value_name = "FILE", help_heading = "The hub")]
    pub(super) ca: Option<PathBuf>,
    /// Trust whoever answers: anyone on the way can read the key. For tests only
    #[arg(long, global = true, help_heading = "The hub")]
    pub(super) danger_accept_any_certificate: bool,
    /// How long a request may take with all its tries, such as 500ms, 30s, 5m; 30s by default
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, visible_alias = "deadline", help_heading = "The hub")]
    pub(super) timeout: Option<Duration>,
    /// Wait for a hub that does not answer, up to --timeout, or for ever; with --spool, until all of it is delivered
    #[arg(long, global = true, help_heading = "The hub")]
    pub(super) wait: bool,
    /// Name the write, so that repeating the command counts once (for a day): exit code 3 can be followed by the same again
    #[arg(
        long,
        global = true,
        value_name = "TEXT",
        help_heading = "The hub",
        conflicts_with = "spool"
    )]
    pub(super) idempotency_key: Option<String>,
    /// Say what happened as JSON: on standard output what was done, on standard error what went wrong
    #[arg(long, global = true, help_heading = "What is printed")]
    pub(super) json: bool,
    /// Say nothing on standard error
    #[arg(long, short, global = true, help_heading = "What is printed")]
    pub(super) quiet: bool,
    /// Keep changes in this directory, and return at once; they are delivered later, once [env: METRIC_NEXUS_SPOOL]
    #[arg(long, global = true, value_name = "DIR", help_heading = "The spool")]
    pub(super) spool: Option<PathBuf>,
    /// How much may wait to be delivered, such as 64MiB (the default); beyond it nothing is appended
    #[arg(long, global = true, value_name = "SIZE", value_parser = bytes, help_heading = "The spool")]
    pub(super) spool_bytes_max: Option<u64>,
    /// What an append survives when it has returned: a loss of power, or the end of the process only
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "The spool")]
    pub(super) spool_durability: Sync,
    /// How often an append also delivers what is there; 0s means each, never by `never`
    #[arg(long, global = true, value_name = "TIME", value_parser = interval, default_value = "10s", help_heading = "The spool")]
    pub(super) spool_interval: Interval,
    /// How long an append may spend on that
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "1s", help_heading = "The spool")]
    pub(super) spool_time: Duration,
    /// How long the hub knows an idempotency key (its `idempotency.retention`)
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "24h", help_heading = "The spool")]
    pub(super) spool_retention: Duration,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a metric with value 0, unless it exists
    Create(Create),
    /// Give a metric a value
    #[command(visible_alias = "update")]
    Set(Number),
    /// Add a number
    Add(Number),
    /// Take a number away
    Sub(Number),
    /// Add one
    Inc(Series),
    /// Take one away
    Dec(Series),
    /// Count a number in a histogram
    Observe(Number),
    /// Print a value
    #[command(visible_alias = "read")]
    Get(Path),
    /// Remove the series with exactly these labels; without labels, the metric with all its series
    Delete(Path),
    /// Print series and their values
    List(List),
    /// Make the changes in a file: a JSON array, or one JSON object a line, as the hub's /api/v1/batch takes them
    Push(Push),
    /// Deliver what is in the spool
    Flush,
    /// Fetch the certificate of the hub's authority, verify it by --fingerprint, and print it (PEM): for --ca, curl, and others
    #[command(after_help = "Example:
  nexus trust https://hub.example.org:3000 --fingerprint sha256:... > ca.pem

The hub prints its fingerprint when it starts, and `metric-nexus ca` does at any time. No key is needed.")]
    Trust(Trust),
}

/// Whose certificate is fetched.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The hub's address; the one of --url or the environment if it is left out
    #[arg(value_name = "URL")]
    pub(super) hub: Option<String>,
}

/// A metric and labels.
#[derive(Debug, Args)]
pub(super) struct Path {
    /// The metric's name; upper case, `-`, `.` and blanks become lower case and `_`
    pub(super) metric: String,
    /// Labels, as NAME=VALUE
    #[arg(value_name = "LABEL=VALUE")]
    pub(super) words: Vec<String>,
}

/// The same, and what is made if it is missing.
#[derive(Debug, Args)]
pub(super) struct Series {
    #[command(flatten)]
    pub(super) path: Path,
    #[command(flatten)]
    pub(super) definition: Definition,
}

/// The same with a number.
#[derive(Debug, Args)]
pub(super) struct Number {
    /// The metric's name; upper case, `-`, `.` and blanks become lower case and `_`
    pub(super) metric: String,
    /// Labels, as NAME=VALUE, and the number, which may be Inf, -Inf or NaN
    #[arg(value_name = "LABEL=VALUE|NUMBER", required = true, allow_negative_numbers = true)]
    pub(super) words: Vec<String>,
    #[command(flatten)]
    pub(super) definition: Definition,
}

/// The same with a description.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The metric's name; upper case, `-`, `.` and blanks become lower case and `_`
    pub(super) metric: String,
    /// Labels, as NAME=VALUE, and the description (or --help-text)
    #[arg(value_name = "LABEL=VALUE|DESCRIPTION")]
    pub(super) words: Vec<String>,
    #[command(flatten)]
    pub(super) definition: Definition,
}

/// What a metric is, if it has to be made.
#[derive(Debug, Args, Default)]
pub(super) struct Definition {
    /// gauge, counter, histogram or untyped; a write that says so makes a metric that is missing
    #[arg(long = "type", value_name = "TYPE", help_heading = "If it is made")]
    pub(super) kind: Option<String>,
    /// The description
    #[arg(long, value_name = "TEXT", help_heading = "If it is made")]
    pub(super) help_text: Option<String>,
    /// The unit, a suffix of the name, such as seconds or bytes
    #[arg(long, value_name = "UNIT", help_heading = "If it is made")]
    pub(super) unit: Option<String>,
    /// The buckets' upper bounds, such as 0.1,1,10; says that it is a histogram
    #[arg(
        long,
        value_name = "BOUNDS",
        value_delimiter = ',',
        allow_negative_numbers = true,
        help_heading = "If it is made"
    )]
    pub(super) buckets: Vec<f64>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Which, as selectors of Prometheus: jobs_total, 'jobs_total{queue="mail"}', '{__name__=~"jobs_.*"}'
    #[arg(value_name = "SELECTOR")]
    pub(super) selectors: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Push {
    /// The file; `-` is standard input
    pub(super) file: PathBuf,
    /// Changes that are sent at once, all or none
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) batch_items_max: u32,
}

/// How often something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interval {
    Each(Duration),
    Never,
}

impl Default for Interval {
    fn default() -> Self {
        Interval::Each(Duration::from_secs(10))
    }
}

fn interval(text: &str) -> Result<Interval, String> {
    match text {
        "never" => Ok(Interval::Never),
        other => duration(other).map(Interval::Each),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time with a unit: 500ms, 30s, 5m, 1h30m, 7d".to_owned();
    spelling::duration(text).ok_or_else(wrong)
}

fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of bytes, or with a unit: 64KiB, 64MiB, 1GiB".to_owned();
    spelling::size(text).ok_or_else(wrong)
}

/// Numbers that begin with a minus and a letter look like flags: a blank before them is what the parser of the command line
/// takes for a word, and no number.
pub(super) fn with_numbers(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments.map(|argument| match argument.to_str() {
        Some(text) if looks_like_flags(text) => format!(" {text}").into(),
        _ => argument,
    })
}

fn looks_like_flags(text: &str) -> bool {
    let begins = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic());
    text.strip_prefix('-').is_some_and(begins) && number::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn quantities_have_units() {
        let check = |text: &str, expected: Option<u64>| {
            let found = duration(text).ok().map(|time| u64::try_from(time.as_millis()).unwrap());
            assert_eq!(found, expected, "{text}");
        };
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("24h", Some(86_400_000));
        check("1.5s", Some(1_500));
        check("1m30s", Some(90_000));
        check("0s", Some(0));
        for wrong in ["", "30", "s", "-1s", "1y", "99999999999999999999s", "ü"] {
            check(wrong, None);
        }
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("100"), Ok(100));
        assert_eq!(bytes("1MB"), Ok(1_000_000));
        assert!(bytes("1mb").is_err());
        assert_eq!(interval("never"), Ok(Interval::Never));
        assert_eq!(interval("0s"), Ok(Interval::Each(Duration::ZERO)));
    }

    #[test]
    fn negative_numbers_are_no_flags() {
        let check = |line: &str, expected: &[&str]| {
            let arguments = with_numbers(line.split(' ').map(OsString::from));
            let arguments = Arguments::try_parse_from(arguments).unwrap();
            let Some(Command::Set(number) | Command::Add(number)) = arguments.command else {
                panic!("{line}");
            };
            let words: Vec<&str> = number.words.iter().map(|word| word.trim_start()).collect();
            assert_eq!(words, expected, "{line}");
        };
        check("nexus set g -4", &["-4"]);
        check("nexus set g a=b -4.5e3 --json", &["a=b", "-4.5e3"]);
        check("nexus --json add g -- -4", &["-4"]);
        check("nexus add g -- -Inf", &["-Inf"]);
        check("nexus set g -inf", &["-inf"]);
        check("nexus set g -Infinity a=b", &["-Infinity", "a=b"]);
        check("nexus set g -q -inf", &["-inf"]);
    }
}
