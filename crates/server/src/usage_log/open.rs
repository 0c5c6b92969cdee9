//! Opens the usage log: the sink that the configuration names, and what stands before it.

#[cfg(any(feature = "bigquery", feature = "postgres"))]
use std::io;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use nexus_usage_log::{OpenError, Overflow, Retention, Settings, Spill, SqliteSink, StartError, UsageLog};

use super::{Shared, UsageLogHandle, place::Place};
use crate::config;

/// Why there is no usage log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageLogError {
    #[error("{path}: {source}; to begin a new one, move it away; usage_log.enabled: false does without", path = .0.display(), source = .1)]
    Open(PathBuf, #[source] OpenError),
    #[error("{0}; usage_log.enabled: false does without")]
    Start(#[from] StartError),
    #[cfg(any(feature = "bigquery", feature = "postgres"))]
    #[error("usage_log.store.{0}.ca: {path}: {2}", path = .1.display())]
    Authorities(&'static str, PathBuf, #[source] io::Error),
    #[cfg(feature = "postgres")]
    #[error("usage_log.store.postgres: {0}")]
    Postgres(#[from] nexus_usage_log::PostgresSettingsError),
    #[cfg(feature = "bigquery")]
    #[error("usage_log.store.bigquery: {0}")]
    BigQuery(#[from] nexus_usage_log::BigQuerySettingsError),
}

impl UsageLogHandle {
    /// Opens it: the file if it has one, and a directory for what waits to be stored. A store elsewhere that cannot be reached
    /// is waited for later: until then what comes is kept on disk. Blocks the thread.
    pub(crate) fn open(config: &config::UsageLog, file: &Path, spill: &Path) -> Result<Self, UsageLogError> {
        if !config.enabled {
            return Ok(UsageLogHandle { shared: None });
        }
        let place = Place::of(config, file)?;
        let positions = spill.into();
        let mut settings = Settings::default();
        settings.record_bytes_max = config.record_bytes_max;
        let mut spill = Spill::new(spill);
        spill.bytes_max = config.spill_bytes_max;
        settings.overflow = Overflow::Spill(spill);
        let log = start(config, &place, settings)?;
        Ok(UsageLogHandle {
            shared: Some(Arc::new(Shared::new(log, place, positions, config.bytes_max))),
        })
    }
}

fn start(config: &config::UsageLog, place: &Place, settings: Settings) -> Result<UsageLog, UsageLogError> {
    match place {
        Place::File(file) => {
            let sink = SqliteSink::open(file, retention(config));
            Ok(UsageLog::open(
                settings,
                sink.map_err(|error| UsageLogError::Open(file.clone(), error))?,
            )?)
        }
        #[cfg(feature = "postgres")]
        Place::Postgres(database) => {
            let sink = nexus_usage_log::PostgresSink::open(database.as_ref().clone())?;
            Ok(UsageLog::open(settings, sink)?)
        }
        #[cfg(feature = "bigquery")]
        Place::BigQuery(table) => {
            let sink = nexus_usage_log::BigQuerySink::open(table.as_ref().clone())?;
            Ok(UsageLog::open(settings, sink)?)
        }
    }
}

pub(super) fn retention(config: &config::UsageLog) -> Retention {
    let mut retention = Retention::default();
    retention.raw_kept = config.raw_kept;
    retention.seconds_kept = config.seconds_kept;
    retention.minutes_kept = config.minutes_kept;
    retention.series_max = config.series_max;
    retention.series_per_source_max = config.series_per_source_max;
    retention
}
