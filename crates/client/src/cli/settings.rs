//! What the flags mean, with the environment.

use std::{fs, path::PathBuf, time::Duration};

use super::{
    Failure,
    arguments::{Flags, Interval},
};
use crate::{
    Builder, Client, IdempotencyKey,
    spool::{Limits, Sync},
};

/// The environment; tests have their own.
pub(super) struct Variables(Box<dyn Fn(&str) -> Option<String>>);

impl Variables {
    pub(super) fn new(get: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Variables(Box::new(get))
    }

    /// An empty variable is as good as none.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }
}

/// What is to be done, but for the command.
#[derive(Debug)]
pub(super) struct Settings {
    url: Option<String>,
    key: Option<String>,
    trust: Trust,
    pub(super) timeout: Option<Duration>,
    pub(super) wait: bool,
    idempotency_key: Option<String>,
    pub(super) spool: Option<SpoolSettings>,
}

#[derive(Debug, PartialEq)]
enum Trust {
    System,
    Authority(PathBuf),
    Fingerprints(Vec<String>),
    Anyone,
    Several,
}

#[derive(Debug)]
pub(super) struct SpoolSettings {
    pub(super) directory: PathBuf,
    pub(super) limits: Limits,
    pub(super) durability: Sync,
    pub(super) interval: Interval,
    pub(super) time: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(30);
/// As good as for ever, and clocks can still count it.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Settings {
    pub(super) fn new(flags: Flags, variables: &Variables) -> Result<Self, Failure> {
        let spool = flags.spool.clone().or_else(|| variables.get("METRIC_NEXUS_SPOOL").map(PathBuf::from));
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
            trust: trust(&flags, variables),
            url: flags.url.or_else(|| variables.get("METRIC_NEXUS_URL")),
            timeout: flags.timeout,
            wait: flags.wait,
            idempotency_key: flags.idempotency_key,
            spool,
        })
    }

    /// Whether there is a hub to deliver to.
    pub(super) fn has_hub(&self) -> bool {
        self.url.is_some() && self.key.is_some()
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

    pub(super) fn client(&self, deadline: Duration) -> Result<Client, Failure> {
        let (Some(url), Some(key)) = (&self.url, &self.key) else {
            return Err(Failure::usage(self.first_steps()));
        };
        let mut builder = Client::builder(url).key(key).deadline(deadline);
        builder = self.trust.of(builder)?;
        // What cannot be used is a setting that is wrong.
        builder.build().map_err(|error| Failure::usage(error.to_string()))
    }

    /// What tells one hub and key from others.
    pub(super) fn identity(&self) -> [&str; 2] {
        [&self.url, &self.key].map(|text| text.as_deref().unwrap_or_default())
    }

    /// The key that was given, with something behind it that tells the parts of a command from each other, or one that
    /// nobody else has.
    pub(super) fn idempotency_key(&self, part: &str) -> Result<IdempotencyKey, Failure> {
        match &self.idempotency_key {
            Some(text) => format!("{text}{part}").parse().map_err(|error| Failure::usage(format!("--idempotency-key: {error}"))),
            None => IdempotencyKey::random().map_err(|error| Failure::failed(error.to_string())),
        }
    }

    pub(super) fn has_idempotency_key(&self) -> bool {
        self.idempotency_key.is_some()
    }

    /// What to set, for whoever has set nothing yet.
    pub(super) fn first_steps(&self) -> String {
        let missing: Vec<&str> = [(&self.url, "METRIC_NEXUS_URL"), (&self.key, "METRIC_NEXUS_KEY")]
            .iter()
            .filter_map(|(value, name)| value.is_none().then_some(*name))
            .collect();
        let missing = match missing.as_slice() {
            [] => return "no command is given; `nexus --help` lists them".to_owned(),
            [one] => format!("{one} is not set"),
            more => format!("{} are not set", more.join(" and ")),
        };
        format!(
            "no hub is configured: {missing}. A hub prints its address, CA file and key when it starts:\n  \
             export METRIC_NEXUS_URL=https://127.0.0.1:3000 METRIC_NEXUS_CA=/path/to/state/tls/ca.pem METRIC_NEXUS_KEY=mnx_…\n\
             then, for example:\n  \
             nexus inc hello_total from=me --type counter\n\
             `nexus --help` explains the rest."
        )
    }
}

impl Trust {
    fn of(&self, builder: Builder) -> Result<Builder, Failure> {
        Ok(match self {
            Trust::System => builder,
            Trust::Authority(path) => builder.ca_file(path),
            Trust::Fingerprints(pins) => pins.iter().fold(builder, |builder, pin| builder.fingerprint(pin)),
            Trust::Anyone => builder.danger_accept_any_certificate(),
            Trust::Several => {
                return Err(Failure::usage(
                    "trust the hub by --ca, or by --fingerprint, or --danger-accept-any-certificate: not by several of these \
                     (METRIC_NEXUS_CA, METRIC_NEXUS_FINGERPRINT)",
                ));
            }
        })
    }
}

/// From a flag, else from the environment; from a file as well as from where others might look.
fn key(flags: &Flags, variables: &Variables) -> Result<Option<String>, Failure> {
    if let Some(key) = &flags.key {
        return Ok(Some(key.clone()));
    }
    let file = match (&flags.key_file, variables.get("METRIC_NEXUS_KEY")) {
        (Some(file), _) => file.clone(),
        (None, Some(key)) => return Ok(Some(key)),
        (None, None) => match variables.get("METRIC_NEXUS_KEY_FILE") {
            Some(file) => file.into(),
            None => return Ok(None),
        },
    };
    let text = fs::read_to_string(&file);
    let text = text.map_err(|error| Failure::usage(format!("cannot read the key in {}: {error}", file.display())))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("there is no key in {}", file.display()))),
        key => Ok(Some(key.to_owned())),
    }
}

/// If a flag says whom to trust, the environment has no say.
fn trust(flags: &Flags, variables: &Variables) -> Trust {
    let given = one_trust(flags.ca.clone(), flags.fingerprint.clone(), flags.danger_accept_any_certificate);
    if given != Trust::System {
        return given;
    }
    let pins = variables.get("METRIC_NEXUS_FINGERPRINT").unwrap_or_default();
    let pins = pins.split(',').map(str::trim).filter(|pin| !pin.is_empty());
    one_trust(
        variables.get("METRIC_NEXUS_CA").map(PathBuf::from),
        pins.map(str::to_owned).collect(),
        false,
    )
}

fn one_trust(ca: Option<PathBuf>, pins: Vec<String>, anyone: bool) -> Trust {
    match (ca, pins.is_empty(), anyone) {
        (None, true, false) => Trust::System,
        (Some(ca), true, false) => Trust::Authority(ca),
        (None, false, false) => Trust::Fingerprints(pins),
        (None, true, true) => Trust::Anyone,
        _ => Trust::Several,
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
            let variables = &[("METRIC_NEXUS_URL", "http://e"), ("METRIC_NEXUS_KEY", "ek"), ("METRIC_NEXUS_CA", "/e.pem")];
            let settings = settings(line, variables).unwrap();
            assert_eq!(settings.identity(), expected, "{line}");
            settings
        };
        let by_environment = check("nexus flush", ["http://e", "ek"]);
        assert_eq!(by_environment.trust, Trust::Authority("/e.pem".into()));
        let by_flags = check("nexus flush --url http://f --key fk --fingerprint a,b", ["http://f", "fk"]);
        assert_eq!(by_flags.trust, Trust::Fingerprints(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn keys_are_read_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        fs::write(&file, "mnx_1\n").unwrap();
        let line = format!("nexus flush --key-file {}", file.display());
        assert_eq!(settings(&line, &[("METRIC_NEXUS_KEY", "e")]).unwrap().identity(), ["", "mnx_1"]);
        fs::write(&file, "\n").unwrap();
        assert!(settings(&line, &[]).unwrap_err().message.contains("there is no key in"));
        let missing = settings("nexus flush --key-file /nowhere/key", &[]).unwrap_err();
        assert!(missing.message.contains("/nowhere/key: No such file"), "{}", missing.message);
    }

    #[test]
    fn several_ways_of_trust_are_refused() {
        let given: &[(&str, &str)] = &[
            ("METRIC_NEXUS_URL", "https://e"),
            ("METRIC_NEXUS_KEY", "k"),
            ("METRIC_NEXUS_CA", "/e.pem"),
            ("METRIC_NEXUS_FINGERPRINT", "a"),
        ];
        let failure = settings("nexus flush", given).unwrap().client(TIMEOUT).unwrap_err();
        assert!(failure.message.contains("not by several of these"), "{}", failure.message);
    }

    #[test]
    fn what_is_missing_is_named() {
        let check = |variables: &'static [(&str, &str)], expected: &str| {
            let failure = settings("nexus get a", variables).unwrap().client(TIMEOUT).unwrap_err();
            assert!(failure.message.starts_with(expected), "{}", failure.message);
            assert!(failure.message.contains("export METRIC_NEXUS_URL="));
        };
        check(&[], "no hub is configured: METRIC_NEXUS_URL and METRIC_NEXUS_KEY are not set.");
        check(&[("METRIC_NEXUS_URL", "https://e")], "no hub is configured: METRIC_NEXUS_KEY is not set.");
        check(&[("METRIC_NEXUS_KEY", "k"), ("METRIC_NEXUS_URL", " ")], "no hub is configured: METRIC_NEXUS_URL is not set.");
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
