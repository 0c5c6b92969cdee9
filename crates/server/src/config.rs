//! The configuration: plain data, complete before anything is opened.
//!
//! Defaults, then the file, then the environment, then the flags: what comes later wins. The file is YAML, one section
//! for each concern, described by `metric-nexus.example.yaml` ([`EXAMPLE`]); a `config.yaml` of metric-nexus works
//! unchanged. Reading looks for every error before it fails, and refuses settings that it does not know.
//!
//! | setting | flag | environment |
//! |---|---|---|
//! | the file itself | `--config` | `METRIC_NEXUS_CONFIG` |
//! | `listen` | `--listen` | `METRIC_NEXUS_LISTEN` |
//! | `tls.names` | `--name` | `METRIC_NEXUS_NAME` |
//! | `state` | `--state` | `METRIC_NEXUS_STATE` |
//! | `durability` | `--durability` | `METRIC_NEXUS_DURABILITY` |
//! | `plain_http` | `--plain-http` | `METRIC_NEXUS_PLAIN_HTTP` |
//! | `usage.shared.redis.password` | | `METRIC_NEXUS_REDIS_PASSWORD` |
//! | `usage.shared.postgres.url` | | `METRIC_NEXUS_POSTGRES_URL` |
//! | `usage_log.store.postgres.url` | | `METRIC_NEXUS_USAGE_LOG_POSTGRES_URL` |
//! | `log.level` | | `METRIC_NEXUS_LOG` |
//!
//! An empty variable is one that is not set. Relative paths, also those in the file, start at the working directory.

mod budget;
mod cors;
mod durability;
mod error;
mod idempotency;
mod journal;
mod keys;
mod limits;
mod listen;
mod log;
mod overrides;
mod scrape;
mod section;
mod snapshot;
mod state;
mod throttle;
mod tls;
mod units;
mod usage;
mod usage_log;

pub(crate) use budget::memory_bytes;
pub(crate) use cors::Cors;
pub use durability::Durability;
pub(crate) use error::ConfigErrors;
pub(crate) use idempotency::Idempotency;
pub(crate) use journal::Journal;
pub(crate) use limits::Limits;
pub(crate) use listen::{Address, Listen, Protocol};
pub(crate) use log::{Log, LogFormat};
pub(crate) use overrides::Overrides;
pub(crate) use scrape::{Created, Scrape};
pub(crate) use snapshot::Snapshot;
pub(crate) use state::StatePaths;
pub(crate) use throttle::{RATE, Rates, Throttle};
pub(crate) use tls::{Certificate, Tls};
pub(crate) use usage::{
    KeyLimits, LIMIT_MAX, PostgresStore, REQUESTS_PER_SECOND_MAX, RedisStore, Shared as SharedUsage,
    Store as UsageStore, Usage,
};
pub(crate) use usage_log::{Store as UsageLogStore, UsageLog};

use crate::auth::ApiKey;
use error::Errors;
use nexus_metric::spelling;
use nexus_usage::Secret;
use section::Section;
use state::Form;
use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};
use yaml_serde::Value;

/// The commented example: every setting with its default. The same text as `metric-nexus.example.yaml`.
pub(crate) const EXAMPLE: &str = include_str!("../../../metric-nexus.example.yaml");

/// How the environment is looked up: a name to a value.
pub(crate) type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Everything that an operator decides before the hub starts. Holds no secret: keys are kept as digests.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Config {
    /// Where the hub listens, and what it speaks there.
    pub(crate) listen: Listen,
    /// Where everything lies.
    pub(crate) state: StatePaths,
    /// What an acknowledged write survives.
    pub(crate) durability: Durability,
    /// The certificate.
    pub(crate) tls: Tls,
    /// Keys of the file; those of `key new` lie in the state directory.
    pub(crate) keys: Vec<ApiKey>,
    /// How often the state is written as a whole.
    pub(crate) snapshot: Snapshot,
    /// The history since the last snapshot.
    pub(crate) journal: Journal,
    /// How long the repeat of a write is known as one.
    pub(crate) idempotency: Idempotency,
    /// How much of everything.
    pub(crate) limits: Limits,
    /// How many bytes a second.
    pub(crate) throttle: Throttle,
    /// How much each key may use.
    pub(crate) usage: Usage,
    /// Who asked for what.
    pub(crate) usage_log: UsageLog,
    /// What Prometheus gets.
    pub(crate) scrape: Scrape,
    /// Which web pages may talk to it.
    pub(crate) cors: Cors,
    /// What the hub says about itself.
    pub(crate) log: Log,
    /// What is legal but unwise, for the log at the start.
    pub(crate) warnings: Vec<String>,
    /// The file that it was read from.
    pub(crate) file: Option<PathBuf>,
    /// What the file said then, whatever environment and flags said instead.
    pub(crate) as_in_file: Option<Box<Config>>,
}

/// A configuration file that has been read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    /// As it was given; names the file in messages.
    pub(crate) path: PathBuf,
    /// What stands in it; may hold keys.
    pub(crate) text: String,
}

impl ConfigFile {
    const BYTES_MAX: u64 = 16 << 20;

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no UTF-8, or is larger than any configuration.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let wrong = |text: String| ConfigErrors::one(path.display().to_string(), text);
        let metadata = fs::metadata(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        if metadata.len() > Self::BYTES_MAX {
            return Err(wrong("larger than 16 MiB".to_owned()));
        }
        match fs::read_to_string(path) {
            Ok(text) => Ok(ConfigFile {
                path: path.to_owned(),
                text,
            }),
            Err(error) => Err(wrong(format!("cannot be read: {error}"))),
        }
    }
}

impl std::fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Finds the file by flag or environment, reads it if there is one to read, and loads all.
    ///
    /// # Errors
    /// Every error there is.
    pub(crate) fn find_and_load(flags: &Overrides, environment: &Environment<'_>) -> Result<Self, ConfigErrors> {
        let path = flags
            .config
            .clone()
            .or_else(|| variable(environment, "METRIC_NEXUS_CONFIG").map(PathBuf::from));
        let file = path.as_deref().map(ConfigFile::read).transpose()?;
        let mut config = Self::load(flags, environment, file.as_ref())?;
        if let Some(file) = &file {
            config.as_in_file = Self::load(&Overrides::default(), &|_| None, Some(file))
                .ok()
                .map(Box::new);
        }
        config.file = path;
        Ok(config)
    }

    /// Defaults, then `file`, then `environment`, then `flags`.
    ///
    /// Opens nothing; only asks whether `state` names a file or a directory that is there.
    ///
    /// # Errors
    /// Every error there is.
    pub(crate) fn load(
        flags: &Overrides,
        environment: &Environment<'_>,
        file: Option<&ConfigFile>,
    ) -> Result<Self, ConfigErrors> {
        let errors = Errors::default();
        let mut config = file.map(|file| Config::from_file(file, &errors)).unwrap_or_default();
        config.take_environment(environment, &errors);
        config.take_flags(flags, &errors);
        config.warnings.extend(config.listen.warnings());
        errors.or(config)
    }

    /// Reads its file again, without environment and flags: for what can change while the hub runs, they say nothing.
    ///
    /// # Errors
    /// Every error there is.
    pub(crate) fn read_again(&self) -> Result<Self, ConfigErrors> {
        match &self.file {
            Some(path) => Self::load(&Overrides::default(), &|_| None, Some(&ConfigFile::read(path)?)),
            None => Ok(self.clone()),
        }
    }

    /// The sections in which the file, [read again](Config::read_again), says something else than at the start, and which count
    /// at a start only.
    pub(crate) fn waits_for_a_start(&self, again: &Self) -> Vec<&'static str> {
        let before = self.as_in_file.as_deref().unwrap_or(self);
        [
            ("listen", before.listen != again.listen),
            ("state", before.state != again.state),
            ("durability", before.durability != again.durability),
            ("tls", before.tls != again.tls),
            ("keys", before.keys != again.keys),
            ("snapshot", before.snapshot != again.snapshot),
            ("journal", before.journal != again.journal),
            ("idempotency", before.idempotency != again.idempotency),
            ("limits", before.limits != again.limits),
            ("usage", before.usage_at_start() != again.usage_at_start()),
            ("usage_log", before.usage_log != again.usage_log),
            ("scrape", before.scrape != again.scrape),
            ("cors", before.cors != again.cors),
            ("log", before.log != again.log),
        ]
        .into_iter()
        .filter_map(|(section, differs)| differs.then_some(section))
        .collect()
    }

    /// The usage without what can change while the hub runs.
    fn usage_at_start(&self) -> Usage {
        Usage {
            limits: Default::default(),
            ..self.usage.clone()
        }
    }

    fn from_file(file: &ConfigFile, errors: &Errors) -> Self {
        let name = file.path.display().to_string();
        let value: Value = match yaml_serde::from_str(&file.text) {
            Ok(value) => value,
            Err(error) => {
                errors.add(name, format!("not YAML: {error}"));
                return Config::default();
            }
        };
        let top = Section::top(&name, &value, errors);
        let mut warnings = Vec::new();
        let form = form(&top);
        let config = Config {
            listen: Listen::read(&top),
            state: StatePaths::read(&top, form, Some(&file.path)),
            durability: top.get("durability", units::parsed).unwrap_or_default(),
            tls: Tls::read(&top),
            keys: keys::read(&top, &mut warnings),
            snapshot: Snapshot::read(&top),
            journal: Journal::read(&top),
            idempotency: Idempotency::read(&top),
            limits: Limits::read(&top),
            throttle: Throttle::read(&top),
            usage: Usage::read(&top),
            usage_log: UsageLog::read(&top),
            scrape: Scrape::read(&top),
            cors: Cors::read(&top),
            log: Log::read(&top),
            warnings,
            file: None,
            as_in_file: None,
        };
        top.finish();
        config
    }

    fn take_environment(&mut self, environment: &Environment<'_>, errors: &Errors) {
        let read = |name| {
            variable(environment, name).map(|text| Given {
                place: name,
                text,
                errors,
            })
        };
        if let Some(given) = read("METRIC_NEXUS_LISTEN") {
            for text in self.listen.set_texts(given.text.split(',')) {
                errors.add(given.place, text);
            }
        }
        if let Some(given) = read("METRIC_NEXUS_NAME") {
            for text in self.tls.set_names(given.text.split(',')) {
                errors.add(given.place, text);
            }
        }
        if let Some(given) = read("METRIC_NEXUS_STATE") {
            given.state_into(&mut self.state);
        }
        if let Some(given) = read("METRIC_NEXUS_DURABILITY") {
            given.parse_into(&mut self.durability);
        }
        if let Some(given) = read("METRIC_NEXUS_PLAIN_HTTP") {
            given.put(bool_word, &mut self.listen.plain_http);
        }
        if let Some(given) = read("METRIC_NEXUS_REDIS_PASSWORD")
            && let Some(UsageStore::Redis(redis)) = self.usage.shared.as_mut().map(|shared| &mut shared.store)
        {
            redis.password = Some(given.secret());
        }
        if let Some(given) = read("METRIC_NEXUS_POSTGRES_URL")
            && let Some(UsageStore::Postgres(postgres)) = self.usage.shared.as_mut().map(|shared| &mut shared.store)
        {
            postgres.url = given.secret();
        }
        #[cfg(feature = "postgres")]
        if let UsageLogStore::Postgres(postgres) = &mut self.usage_log.store {
            match read("METRIC_NEXUS_USAGE_LOG_POSTGRES_URL") {
                Some(given) => postgres.url = given.secret(),
                None if postgres.url.expose().is_empty() => errors.add(
                    "usage_log.store.postgres.url",
                    "is missing, and so is METRIC_NEXUS_USAGE_LOG_POSTGRES_URL",
                ),
                None => {}
            }
        }
        if let Some(given) = read("METRIC_NEXUS_LOG") {
            given.put(log::level, &mut self.log.level);
        }
    }

    fn take_flags(&mut self, flags: &Overrides, errors: &Errors) {
        let given = |place, text: &String| Given {
            place,
            text: text.clone(),
            errors,
        };
        if !flags.listen.is_empty() {
            for text in self.listen.set_texts(flags.listen.iter().map(String::as_str)) {
                errors.add("--listen", text);
            }
        }
        if !flags.names.is_empty() {
            for text in self.tls.set_names(flags.names.iter().map(String::as_str)) {
                errors.add("--name", text);
            }
        }
        if let Some(path) = &flags.state {
            if path.as_os_str().is_empty() {
                errors.add("--state", "expected a path, got an empty text");
            }
            self.state = StatePaths::at(path);
        }
        if let Some(text) = &flags.durability {
            given("--durability", text).parse_into(&mut self.durability);
        }
        if flags.plain_http {
            self.listen.plain_http = true;
        }
    }
}

/// A text from outside the file, and where it stands.
struct Given<'a> {
    place: &'static str,
    text: String,
    errors: &'a Errors,
}

impl Given<'_> {
    fn put<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>, target: &mut T) {
        match parse(&self.text) {
            Ok(value) => *target = value,
            Err(text) => self.errors.add(self.place, text),
        }
    }

    fn secret(&self) -> Secret {
        Secret::new(spelling::secret(&self.text))
    }

    fn parse_into<T: FromStr<Err = String>>(&self, target: &mut T) {
        self.put(str::parse, target);
    }

    fn state_into(&self, target: &mut StatePaths) {
        self.put(
            |text| match text.contains(char::REPLACEMENT_CHARACTER) {
                true => Err("expected a path in UTF-8".to_owned()),
                false => Ok(StatePaths::at(Path::new(text))),
            },
            target,
        );
    }
}

/// As people say it in the environment.
fn bool_word(text: &str) -> Result<bool, String> {
    spelling::truth(text).ok_or_else(|| format!("expected true or false, got {}", section::quote(text)))
}

/// The variable `name`; an empty one is not set.
fn variable(environment: &Environment<'_>, name: &str) -> Option<String> {
    environment(name).filter(|text| !text.is_empty())
}

/// The environment of this process. What is not UTF-8 in a value becomes U+FFFD.
pub(crate) fn process_environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn form(top: &Section<'_>) -> Form {
    let old = ["host", "port", "cert", "key"].into_iter().any(|name| top.has(name));
    if old { Form::MetricNexus } else { keys::form(top) }
}

#[cfg(test)]
pub(crate) mod tests;
