//! What the flags mean, with the environment.

use std::{fs, path::PathBuf, time::Duration};

use nexus_metric::spelling;

use super::{
    Failure,
    arguments::{Flags, Interval},
};
use crate::{
    Builder, Client, IdempotencyKey,
    spool::{Limits, Sync},
};

/// The environment; tests have their own.
pub(super) struct Variables(Box<LookUp>);

type LookUp = dyn Fn(&str) -> Option<String>;

impl Variables {
    pub(super) fn new(get: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Variables(Box::new(get))
    }

    /// An empty variable is as good as none.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }
}

/// What is to be done, but for the command.
#[derive(Debug)]
pub(super) struct Settings {
    url: String,
    key: Option<String>,
    ca: Option<PathBuf>,
    fingerprints: Vec<String>,
    danger_accept_any_certificate: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) wait: bool,
    idempotency_key: Option<String>,
    pub(super) spool: Option<SpoolSettings>,
}

#[derive(Debug)]
pub(super) struct SpoolSettings {
    pub(super) directory: PathBuf,
    pub(super) limits: Limits,
    pub(super) durability: Sync,
    pub(super) interval: Interval,
    pub(super) time: Duration,
}

/// Where a hub listens that was told nothing else.
const URL_DEFAULT: &str = "https://127.0.0.1:3000";
const TIMEOUT: Duration = Duration::from_secs(30);
/// As good as for ever, and clocks can still count it.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Settings {
    pub(super) fn new(flags: Flags, variables: &Variables) -> Result<Self, Failure> {
        let spool = flags
            .spool
            .clone()
            .or_else(|| variables.get("METRIC_NEXUS_SPOOL").map(PathBuf::from));
        let spool = spool.map(|directory| SpoolSettings {
            directory,
            limits: Limits {
                bytes_max: flags.spool_bytes_max.unwrap_or(Limits::default().bytes_max),
                retention: flags.spool_retention,
                ..Limits::default()
            },
            durability: flags.spool_durability,
            interval: flags.spool_interval,
            time: flags.spool_time,
        });
        Ok(Settings {
            key: key(&flags, variables)?,
            url: flags
                .url
                .or_else(|| variables.get("METRIC_NEXUS_URL"))
                .unwrap_or_else(|| URL_DEFAULT.to_owned()),
            ca: flags.ca,
            fingerprints: flags.fingerprint,
            danger_accept_any_certificate: flags.danger_accept_any_certificate,
            timeout: flags.timeout,
            wait: flags.wait,
            idempotency_key: flags.idempotency_key,
            spool,
        })
    }

    /// Whether there is a hub to deliver to.
    pub(super) fn has_hub(&self) -> bool {
        self.key.is_some()
    }

    /// How long one request may take with all its tries.
    pub(super) fn deadline(&self) -> Duration {
        self.timeout.unwrap_or(if self.wait { FOR_EVER } else { TIMEOUT })
    }

    /// How long one batch of the spool may take: not long, even if somebody waits for ever, because after each it is asked
    /// whether the hub still knows its key.
    pub(super) fn batch_deadline(&self) -> Duration {
        self.deadline().min(TIMEOUT)
    }

    /// The hub's client. If no flag says whom to trust, the environment does.
    pub(super) fn client(&self, deadline: Duration) -> Result<Client, Failure> {
        let Some(key) = &self.key else {
            return Err(Failure::usage(self.first_steps()));
        };
        let mut builder = Builder::from_env().url(&self.url).key(key).deadline(deadline);
        if let Some(ca) = &self.ca {
            builder = builder.ca_file(ca);
        }
        for fingerprint in &self.fingerprints {
            builder = builder.fingerprint(fingerprint);
        }
        if self.danger_accept_any_certificate {
            builder = builder.danger_accept_any_certificate();
        }
        // What cannot be used is a setting that is wrong.
        builder.build().map_err(|error| Failure::usage(error.to_string()))
    }

    /// Where the hub is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The fingerprints of whom to trust, from flags or else from the environment.
    pub(super) fn fingerprints(&self) -> &[String] {
        &self.fingerprints
    }

    /// What tells one hub and key from others.
    pub(super) fn identity(&self) -> [&str; 2] {
        [&self.url, self.key.as_deref().unwrap_or_default()]
    }

    /// The key that was given, with something behind it that tells the parts of a command from each other, or one that
    /// nobody else has.
    pub(super) fn idempotency_key(&self, part: &str) -> Result<IdempotencyKey, Failure> {
        match &self.idempotency_key {
            Some(text) => format!("{text}{part}")
                .parse()
                .map_err(|error| Failure::usage(format!("--idempotency-key: {error}"))),
            None => IdempotencyKey::random().map_err(|error| Failure::failed(error.to_string())),
        }
    }

    pub(super) fn has_idempotency_key(&self) -> bool {
        self.idempotency_key.is_some()
    }

    /// What to set, for whoever has set nothing yet.
    pub(super) fn first_steps(&self) -> String {
        if self.has_hub() {
            return "no command is given; `nexus --help` lists them".to_owned();
        }
        "METRIC_NEXUS_KEY is not set. A hub prints its address, CA file and key when it starts; they go here:\n  \
         export METRIC_NEXUS_URL=https://127.0.0.1:3000 METRIC_NEXUS_CA=/path/to/state/tls/ca.pem METRIC_NEXUS_KEY=mnx_…\n\
         then, for example:\n  \
         nexus inc hello_total from=me --type counter\n\
         `nexus --help` explains the rest."
            .to_owned()
    }
}

/// From a flag, else from the environment; from a file as well as from where others might look.
fn key(flags: &Flags, variables: &Variables) -> Result<Option<String>, Failure> {
    if let Some(key) = &flags.key {
        return Ok(Some(spelling::secret(key).to_owned()));
    }
    let file = match (&flags.key_file, variables.get("METRIC_NEXUS_KEY")) {
        (Some(file), _) => file.clone(),
        (None, Some(key)) => return Ok(Some(spelling::secret(&key).to_owned())),
        (None, None) => match variables.get("METRIC_NEXUS_KEY_FILE") {
            Some(file) => file.into(),
            None => return Ok(None),
        },
    };
    let text = fs::read_to_string(&file);
    let text = text.map_err(|error| Failure::usage(format!("cannot read the key in {}: {error}", file.display())))?;
    match spelling::without_mark(&text).trim() {
        "" => Err(Failure::usage(format!("there is no key in {}", file.display()))),
        key => Ok(Some(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{super::arguments::Arguments, *};

    fn settings(line: &str, variables: &'static [(&str, &str)]) -> Result<Settings, Failure> {
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        let get = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::new(arguments.flags, &Variables::new(get))
    }

    #[test]
    fn flags_win_over_the_environment() {
        let check = |line: &str, expected: [&str; 2]| {
            let variables = &[("METRIC_NEXUS_URL", "http://e"), ("METRIC_NEXUS_KEY", "ek")];
            assert_eq!(settings(line, variables).unwrap().identity(), expected, "{line}");
        };
        check("nexus flush", ["http://e", "ek"]);
        check("nexus flush --url http://f --key fk", ["http://f", "fk"]);
        assert_eq!(
            settings("nexus flush", &[]).unwrap().identity(),
            ["https://127.0.0.1:3000", ""]
        );
    }

    #[test]
    fn keys_are_read_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        fs::write(&file, "mnx_1\n").unwrap();
        let line = format!("nexus flush --key-file {}", file.display());
        assert_eq!(
            settings(&line, &[("METRIC_NEXUS_KEY", "e")]).unwrap().identity()[1],
            "mnx_1"
        );
        fs::write(&file, "\n").unwrap();
        assert!(settings(&line, &[]).unwrap_err().message.contains("there is no key in"));
        let missing = settings("nexus flush --key-file /nowhere/key", &[]).unwrap_err();
        assert!(
            missing.message.contains("/nowhere/key: No such file"),
            "{}",
            missing.message
        );
    }

    #[test]
    fn what_is_wrong_with_the_settings_is_told() {
        let check = |line: &str, variables: &'static [(&str, &str)], expected: &str| {
            let failure = settings(line, variables).unwrap().client(TIMEOUT).unwrap_err();
            assert!(failure.message.contains(expected), "{}", failure.message);
            assert_eq!(failure.exit, super::super::Exit::Usage);
        };
        check("nexus get a", &[], "METRIC_NEXUS_KEY is not set.");
        check(
            "nexus get a",
            &[("METRIC_NEXUS_KEY", " ")],
            "export METRIC_NEXUS_URL=https://127.0.0.1:3000 METRIC_NEXUS_CA=",
        );
        check(
            "nexus get a --key k --url ftp://h",
            &[],
            "must begin with https:// or http://",
        );
        check(
            "nexus get a --key k --fingerprint abc",
            &[],
            "\"abc\" is not a SHA-256 fingerprint",
        );
        check(
            "nexus get a --key k --ca /nowhere/ca.pem",
            &[],
            "cannot read /nowhere/ca.pem",
        );
        check(
            "nexus get a --key k --fingerprint a --danger-accept-any-certificate",
            &[],
            "not several of these",
        );
    }

    #[test]
    fn who_waits_waits_for_ever_or_as_long_as_said() {
        let deadline = |line: &str| settings(line, &[]).unwrap().deadline();
        assert_eq!(deadline("nexus flush"), TIMEOUT);
        assert_eq!(deadline("nexus flush --wait"), FOR_EVER);
        assert_eq!(deadline("nexus flush --wait --timeout 5m"), Duration::from_secs(300));
        assert_eq!(deadline("nexus flush --deadline 1s"), Duration::from_secs(1));
    }
}
