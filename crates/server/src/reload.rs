//! What the hub reloads while it runs: changed keys and certificates by itself, changed limits when it is told to.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    accounts::Accounts,
    auth::{Keyring, Reload, strangers},
    bandwidth::Bandwidth,
    config::Config,
    settings::Settings,
    shutdown::Shutdown,
    tls::{Refreshed, Tls},
};

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// Looks after keys, certificate and limits. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reloader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    keyring: Keyring,
    tls: Option<Tls>,
    /// As it was at the start.
    config: Arc<Config>,
    settings: Settings,
    bandwidth: Bandwidth,
    accounts: Accounts,
}

/// What was another than before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Changed {
    pub(crate) keys: bool,
    pub(crate) certificate: bool,
    pub(crate) settings: bool,
    /// Sections of the configuration file that are others than at the start, and are read at a start only.
    pub(crate) wait_for_a_start: Vec<&'static str>,
}

impl Reloader {
    pub(crate) fn new(
        keyring: Keyring,
        tls: Option<Tls>,
        config: Arc<Config>,
        settings: Settings,
        bandwidth: Bandwidth,
        accounts: Accounts,
    ) -> Self {
        Reloader {
            shared: Arc::new(Shared {
                keyring,
                tls,
                config,
                settings,
                bandwidth,
                accounts,
            }),
        }
    }

    /// When the served certificate ends; none under plain HTTP.
    pub(crate) fn certificate_expires(&self) -> Option<SystemTime> {
        self.shared.tls.as_ref().map(Tls::expires)
    }

    /// Looks at the files until the shutdown.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.fired() => return,
                _ = ticks.tick() => {}
            }
            let reloader = self.clone();
            // What went wrong is in the log; the next tick looks again.
            let _ = tokio::task::spawn_blocking(move || (reloader.reload_keys(), reloader.reload_certificate())).await;
        }
    }

    /// Reloads all that changed; blocks the thread. What cannot be read is logged, and told in one text; the old keys,
    /// certificate or limits stay.
    pub(crate) fn reload_all(&self) -> Result<Changed, String> {
        let mut errors = Vec::new();
        fn said<T: Default>(found: Result<T, String>, errors: &mut Vec<String>) -> T {
            found.unwrap_or_else(|error| {
                errors.push(error);
                T::default()
            })
        }
        let keys = said(self.reload_keys(), &mut errors);
        let certificate = said(self.reload_certificate(), &mut errors);
        let (settings, wait_for_a_start) = said(self.reload_settings(), &mut errors);
        let changed = Changed {
            keys,
            certificate,
            settings,
            wait_for_a_start,
        };
        if errors.is_empty() {
            Ok(changed)
        } else {
            Err(errors.join("; "))
        }
    }

    fn reload_settings(&self) -> Result<(bool, Vec<&'static str>), String> {
        let shared = &*self.shared;
        let reloaded = shared.config.read_again().map_err(|errors| errors.to_string());
        let reloaded = reloaded.and_then(|config| {
            let apply = |throttle: &_, limits: &_| {
                shared.bandwidth.set(throttle);
                shared.accounts.set_limits(limits);
            };
            let changed = shared
                .settings
                .reload(&config, apply)
                .map_err(|error| error.to_string())?;
            Ok((changed, shared.config.waits_for_a_start(&config)))
        });
        match reloaded {
            Ok((changed, waiting)) => {
                if changed {
                    tracing::info!("the limits changed");
                    self.name_strangers();
                }
                if !waiting.is_empty() {
                    tracing::warn!(
                        settings = waiting.join(", "),
                        "changed in the configuration file, but read at a start only"
                    );
                }
                Ok((changed, waiting))
            }
            Err(error) => {
                tracing::error!(%error, "the limits stay as they were");
                Err(error)
            }
        }
    }

    /// Says which settings concern keys that are not there, which a change of either may have come to.
    fn name_strangers(&self) {
        let named = self.shared.settings.keys_named();
        let named = named.iter().map(|(section, key)| (*section, &**key));
        let warnings = strangers(named, &self.shared.keyring);
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    }

    fn reload_keys(&self) -> Result<bool, String> {
        match self.shared.keyring.reload_if_changed() {
            Ok(Reload::Unchanged) => Ok(false),
            Ok(Reload::Reloaded { keys, warnings }) => {
                tracing::info!(keys, "the keys changed");
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                self.name_strangers();
                Ok(true)
            }
            Err(error) => {
                tracing::error!(%error, "the keys stay as they were");
                Err(error.to_string())
            }
        }
    }

    fn reload_certificate(&self) -> Result<bool, String> {
        let Some(tls) = &self.shared.tls else { return Ok(false) };
        match tls.refresh(SystemTime::now()) {
            Ok(Refreshed::Unchanged) => Ok(false),
            Ok(Refreshed::Reloaded) => {
                tracing::info!(fingerprint = tls.fingerprint(), "the certificate changed");
                Ok(true)
            }
            Ok(Refreshed::Renewed) => {
                tracing::info!("the certificate was renewed");
                Ok(true)
            }
            Err(error) => {
                tracing::error!(%error, "the certificate stays as it was");
                Err(error.to_string())
            }
        }
    }
}
