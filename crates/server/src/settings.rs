//! What an operator changes while the hub runs: bandwidth and monthly limits.
//!
//! Two sources say what they are: the configuration file, read at a start and on reload, and `settings.yaml` in the
//! state directory, which keeps what was set through the API. A number that was set live wins until it is taken back,
//! also over a configuration file that is changed later.

mod file;
mod limits;
mod patch;
mod throttle;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) use file::SettingsError;
pub(crate) use limits::{LimitsChange, LimitsSet};
pub(crate) use throttle::{ThrottleChange, ThrottleSet};

use crate::config::{Config, KeyLimits, StatePaths, Throttle};
use file::Live;

/// A handle on the settings. Cheap to clone.
///
/// Changes come one after another, and each is durable before it takes effect. Who is told of them keeps no lock of
/// its own while it is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    configured: Configured,
    live: Live,
}

/// The part of the configuration that can change while the hub runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Configured {
    throttle: Throttle,
    limits: BTreeMap<String, KeyLimits>,
}

impl Configured {
    fn of(config: &Config) -> Self {
        Configured {
            throttle: config.throttle.clone(),
            limits: config.usage.limits.clone(),
        }
    }
}

impl Settings {
    /// Reads `settings.yaml`, if there is one.
    ///
    /// # Errors
    /// It cannot be read: a hub must not start then, since limits that somebody set would be gone.
    pub(crate) fn open(state: &StatePaths, config: &Config) -> Result<Self, SettingsError> {
        let file = state.settings_file();
        let live = file::read(&file)?;
        let settings = Settings {
            shared: Arc::new(Shared {
                file,
                state: Mutex::new(State {
                    configured: Configured::of(config),
                    live,
                }),
            }),
        };
        settings.say_what_wins();
        Ok(settings)
    }

    /// The keys for which something is set, each with the section that says it.
    pub(crate) fn keys_named(&self) -> Vec<(&'static str, String)> {
        let limits = self.all_limits().into_keys().map(|key| ("usage.limits", key));
        let rates = self.throttle().keys.into_keys().map(|key| ("throttle.keys", key));
        limits.chain(rates).collect()
    }

    /// The bandwidth that counts.
    pub(crate) fn throttle(&self) -> Throttle {
        self.lock().throttle()
    }

    /// The part of it that was set live.
    pub(crate) fn throttle_set(&self) -> ThrottleSet {
        self.lock().live.throttle.clone()
    }

    /// Changes the bandwidth, and tells `apply` what counts then. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// The file cannot be written; nothing was changed.
    pub(crate) fn change_throttle(
        &self,
        change: &ThrottleChange,
        apply: impl FnOnce(&Throttle),
    ) -> Result<(), SettingsError> {
        let mut state = self.lock();
        let mut live = state.live.clone();
        live.throttle.change(change);
        self.keep(&mut state, live)?;
        apply(&state.throttle());
        Ok(())
    }

    /// Forgets what was set live of the bandwidth, and tells `apply` what counts then.
    ///
    /// # Errors
    /// As [`Settings::change_throttle`].
    pub(crate) fn forget_throttle(&self, apply: impl FnOnce(&Throttle)) -> Result<(), SettingsError> {
        let mut state = self.lock();
        let live = Live {
            throttle: ThrottleSet::default(),
            ..state.live.clone()
        };
        self.keep(&mut state, live)?;
        apply(&state.throttle());
        Ok(())
    }

    /// The limits of the key of this name that count.
    pub(crate) fn limits(&self, key: &str) -> KeyLimits {
        self.lock().limits(key)
    }

    /// The limits of every key that has any.
    pub(crate) fn all_limits(&self) -> BTreeMap<String, KeyLimits> {
        self.lock().all_limits()
    }

    /// The part of a key's limits that was set live.
    pub(crate) fn limits_set(&self, key: &str) -> LimitsSet {
        self.lock().live.limits.get(key).copied().unwrap_or_default()
    }

    /// Changes the limits of a key, or, without a change, forgets what was set live of them; and tells `apply` what counts
    /// then. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// The file cannot be written; nothing was changed.
    pub(crate) fn change_limits(
        &self,
        key: &str,
        change: Option<LimitsChange>,
        apply: impl FnOnce(KeyLimits),
    ) -> Result<(), SettingsError> {
        let mut state = self.lock();
        let mut live = state.live.clone();
        match change {
            Some(change) => live.limits.entry(key.to_owned()).or_default().change(change),
            None => drop(live.limits.remove(key)),
        }
        live.limits.retain(|_, limits| !limits.is_empty());
        self.keep(&mut state, live)?;
        apply(state.limits(key));
        Ok(())
    }

    /// Takes up another configuration, and `settings.yaml` as it is by then; says whether anything was another than before.
    ///
    /// # Errors
    /// `settings.yaml` cannot be read; nothing was changed.
    pub(crate) fn reload(
        &self,
        config: &Config,
        apply: impl FnOnce(&Throttle, &BTreeMap<String, KeyLimits>),
    ) -> Result<bool, SettingsError> {
        let mut state = self.lock();
        let live = file::read(&self.shared.file)?;
        let configured = Configured::of(config);
        if live == state.live && configured == state.configured {
            return Ok(false);
        }
        *state = State { configured, live };
        apply(&state.throttle(), &state.all_limits());
        drop(state);
        self.say_what_wins();
        Ok(true)
    }

    fn keep(&self, state: &mut State, live: Live) -> Result<(), SettingsError> {
        if live != state.live {
            file::write(&self.shared.file, &live)?;
            state.live = live;
        }
        Ok(())
    }

    fn say_what_wins(&self) {
        let state = self.lock();
        let limits = state.live.limits.iter();
        let limits = limits.flat_map(|(key, limits)| limits.wins_over(key, state.configured.limits(key)));
        for line in state
            .live
            .throttle
            .wins_over(&state.configured.throttle)
            .into_iter()
            .chain(limits)
        {
            tracing::info!(file = %self.shared.file.display(), "set live, and wins over the configuration: {line}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Configured {
    fn limits(&self, key: &str) -> KeyLimits {
        self.limits.get(key).copied().unwrap_or_default()
    }
}

impl State {
    fn limits(&self, key: &str) -> KeyLimits {
        let set = self.live.limits.get(key).copied().unwrap_or_default();
        set.over(self.configured.limits(key))
    }

    fn all_limits(&self) -> BTreeMap<String, KeyLimits> {
        let keys = self.configured.limits.keys().chain(self.live.limits.keys());
        keys.map(|key| (key.clone(), self.limits(key))).collect()
    }

    fn throttle(&self) -> Throttle {
        self.live.throttle.over(&self.configured.throttle)
    }
}

#[cfg(test)]
mod tests;
