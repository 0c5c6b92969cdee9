//! What the hub takes up while it runs: changed keys and certificates.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    auth::{Keyring, Reload},
    shutdown::Shutdown,
    tls::{Refreshed, Tls},
};

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// Looks after keys and certificate. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reloader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    keyring: Keyring,
    tls: Option<Tls>,
}

/// What was another than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Changed {
    pub(crate) keys: bool,
    pub(crate) certificate: bool,
}

impl Reloader {
    pub(crate) fn new(keyring: Keyring, tls: Option<Tls>) -> Self {
        Reloader {
            shared: Arc::new(Shared { keyring, tls }),
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
            let _ = tokio::task::spawn_blocking(move || reloader.reload()).await;
        }
    }

    /// Takes up what changed; blocks the thread. What cannot be taken up is logged, and told in one text; the old keys and
    /// the old certificate stay.
    pub(crate) fn reload(&self) -> Result<Changed, String> {
        let keys = self.reload_keys();
        let certificate = self.reload_certificate();
        match (keys, certificate) {
            (Ok(keys), Ok(certificate)) => Ok(Changed { keys, certificate }),
            (Err(keys), Err(certificate)) => Err(format!("{keys}; {certificate}")),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        }
    }

    fn reload_keys(&self) -> Result<bool, String> {
        match self.shared.keyring.reload_if_changed() {
            Ok(Reload::Unchanged) => Ok(false),
            Ok(Reload::Reloaded { keys, warnings }) => {
                tracing::info!(keys, "the keys changed");
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
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
