//! Opening the counting of usage: the file, the shared store, and the thread that talks to both.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use nexus_usage::{
    AtStart, Calendar, Checkpoints, ErrorKind, Ledger, LedgerError, OpenError, Settings, SharedLedger, Usage,
};
use tokio::sync::oneshot;

use super::{Kept, Metering, Thread, compact, reached};
use crate::{
    config::{self, SharedUsage, UsageStore},
    feature::Feature,
};

/// How many keys may be counted: those of the configuration, those of `keys.yaml`, and revoked ones.
const KEYS_MAX: usize = 300_000;
/// How long a hub that nobody closes takes to keep what it has counted.
const FORGOTTEN: Duration = Duration::from_millis(100);

/// Why usage cannot be counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeteringError {
    #[error("{path}: {source}; to begin to count anew, move it away", path = .0.display(), source = .1)]
    Checkpoints(PathBuf, #[source] LedgerError),
    #[cfg(feature = "redis")]
    #[error("usage.shared.redis.addresses: {0}")]
    Address(#[from] nexus_usage::RedisAddressError),
    #[cfg_attr(
        all(feature = "redis", feature = "postgres"),
        expect(dead_code, reason = "this build has both")
    )]
    #[error("usage.shared: {0}")]
    NotBuiltIn(Feature),
    #[cfg(any(feature = "postgres", feature = "redis"))]
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    Authorities(PathBuf, #[source] io::Error),
    #[cfg(any(feature = "postgres", feature = "redis"))]
    #[error("usage.shared: {0}")]
    Store(#[source] LedgerError),
    #[error("usage.shared: {0} (usage.shared.required: false starts without it)")]
    Open(#[from] OpenError),
    #[error("cannot run the counting of usage: {0}")]
    Thread(#[from] io::Error),
    #[error("the usage of the key {0:?} cannot be counted: {1}")]
    Key(String, String),
}

impl Metering {
    /// Goes on where the last hub on this file ended. Blocks the thread until the shared store has answered, or its time is over.
    pub(crate) fn open(config: &config::Usage, file: &Path) -> Result<Self, MeteringError> {
        let (opened, wait) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let calendar = Calendar::new(config.zone.clone(), config.anchor_day);
        let months = calendar.clone();
        let (settings, file) = (config.clone(), file.to_owned());
        let thread = thread::Builder::new().name("usage".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = opened.send(Err(error.into()));
                    return nexus_usage::Closed::default();
                }
            };
            runtime.block_on(async move {
                let Begun { usage, kept, file } = match begin(&settings, &file).await {
                    Ok(begun) => begun,
                    Err(error) => {
                        let _ = opened.send(Err(error));
                        return nexus_usage::Closed::default();
                    }
                };
                tokio::spawn(reached::log(usage.clone()));
                tokio::spawn(compact::daily(usage.ledger(), months));
                let _ = opened.send(Ok((usage.clone(), kept, file.clone())));
                drop(opened);
                let deadline = stopped.await.unwrap_or(FORGOTTEN);
                let closed = usage.close(deadline).await;
                if let Some(file) = file {
                    file.close().await;
                }
                closed
            })
        })?;
        let (usage, kept, file) = wait
            .recv()
            .map_err(|_| io::Error::other("its thread ended at once"))??;
        for at in usage.status().crashed {
            tracing::warn!(last_kept = %at, "the last hub on this state did not end in order: what was used after that moment, 20 ms at most, is not counted");
        }
        Ok(Metering {
            usage,
            mode: config.mode,
            kept,
            calendar,
            file,
            thread: Arc::new(Thread {
                running: Mutex::new(Some((stop, thread))),
            }),
        })
    }
}

struct Begun {
    usage: Usage,
    kept: Kept,
    /// To be closed at the end.
    file: Option<Ledger>,
}

/// A file that cannot be written keeps nobody from being served: what is used is then counted in memory. One that makes no sense does.
async fn begin(config: &config::Usage, file: &Path) -> Result<Begun, MeteringError> {
    let wrong = |error| MeteringError::Checkpoints(file.to_owned(), error);
    let error = match Checkpoints::open(file).await {
        Ok(checkpoints) => match Usage::open(settings(config, Some(checkpoints.clone()))?).await {
            Ok(usage) => {
                return Ok(Begun {
                    usage,
                    kept: Kept::InFile,
                    file: Some(checkpoints.ledger()),
                });
            }
            Err(OpenError::Checkpoints(error)) => error,
            Err(error) => return Err(error.into()),
        },
        Err(error) => error,
    };
    if error.kind() != ErrorKind::Unavailable {
        return Err(wrong(error));
    }
    tracing::error!(file = %file.display(), %error, "what keys use is counted in memory only until the hub is started again");
    Ok(Begun {
        usage: Usage::open(settings(config, None)?).await?,
        kept: Kept::InMemory,
        file: None,
    })
}

fn settings(config: &config::Usage, checkpoints: Option<Checkpoints>) -> Result<Settings, MeteringError> {
    let operation_timeout = config.shared.as_ref().map(|shared| shared.operation_timeout);
    let defaults = Settings::default();
    Ok(Settings {
        calendar: Calendar::new(config.zone.clone(), config.anchor_day),
        checkpoints,
        shared: config.shared.as_ref().map(shared).transpose()?,
        push_interval: config.push_interval,
        push_fast_interval: defaults.push_fast_interval.min(config.push_interval),
        operation_timeout: operation_timeout.unwrap_or(defaults.operation_timeout),
        overrun_bytes_max: config.overrun_bytes_max,
        subjects_max: KEYS_MAX,
        ..defaults
    })
}

fn shared(config: &SharedUsage) -> Result<SharedLedger, MeteringError> {
    let ledger = match &config.store {
        UsageStore::Redis(store) => redis::ledger(config, store),
        UsageStore::Postgres(store) => postgres::ledger(config, store),
    };
    Ok(SharedLedger {
        ledger: ledger?,
        at_start: if config.required {
            AtStart::Required
        } else {
            AtStart::Optional
        },
        on_loss: config.on_loss,
    })
}

#[cfg(not(feature = "redis"))]
mod redis {
    use super::{Feature, Ledger, MeteringError, SharedUsage};

    pub(super) fn ledger(_: &SharedUsage, _: &crate::config::RedisStore) -> Result<Ledger, MeteringError> {
        Err(MeteringError::NotBuiltIn(Feature::Redis))
    }
}

#[cfg(not(feature = "postgres"))]
mod postgres {
    use super::{Feature, Ledger, MeteringError, SharedUsage};

    pub(super) fn ledger(_: &SharedUsage, _: &crate::config::PostgresStore) -> Result<Ledger, MeteringError> {
        Err(MeteringError::NotBuiltIn(Feature::Postgres))
    }
}

#[cfg(any(feature = "postgres", feature = "redis"))]
fn breaker(config: &SharedUsage) -> nexus_usage::BreakerSettings {
    nexus_usage::BreakerSettings {
        failures_max: config.failures_max,
        probe_interval: config.probe_interval,
    }
}

#[cfg(any(feature = "postgres", feature = "redis"))]
fn read(path: &Path) -> Result<Vec<u8>, MeteringError> {
    std::fs::read(path).map_err(|error| MeteringError::Authorities(path.to_owned(), error))
}
