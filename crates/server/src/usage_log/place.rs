//! Where the records are, for whoever writes or reads them.

use std::path::{Path, PathBuf};

use nexus_usage_log::{Query, Report, ReportError, Reports};

use super::open::UsageLogError;
use crate::config::{self, UsageLogStore};

/// Where the records are.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// In this file.
    File(PathBuf),
    /// In this database.
    #[cfg(feature = "postgres")]
    Postgres(Box<nexus_usage_log::PostgresSettings>),
    /// In this table.
    #[cfg(feature = "bigquery")]
    BigQuery(Box<nexus_usage_log::BigQuerySettings>),
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoReport {
    #[error(transparent)]
    Failed(#[from] ReportError),
    #[cfg(feature = "postgres")]
    #[error("usage_log.store.postgres: {0}")]
    Postgres(#[from] nexus_usage_log::PostgresSettingsError),
    /// The text says where to ask.
    #[cfg(feature = "bigquery")]
    #[error("{0}")]
    Elsewhere(String),
}

impl Place {
    /// As the configuration says; `file` is the one of its state directory.
    pub(crate) fn of(config: &config::UsageLog, file: &Path) -> Result<Self, UsageLogError> {
        match &config.store {
            UsageLogStore::Sqlite => Ok(Place::File(file.to_owned())),
            #[cfg(feature = "postgres")]
            UsageLogStore::Postgres(store) => {
                let mut settings = nexus_usage_log::PostgresSettings::new(store.url.expose());
                settings.authorities = authorities("postgres", store.ca.as_deref())?;
                settings.retention = super::open::retention(config);
                Ok(Place::Postgres(Box::new(settings)))
            }
            #[cfg(feature = "bigquery")]
            UsageLogStore::BigQuery(store) => {
                let token = nexus_usage_log::BearerToken::from_file(&store.token_file);
                let mut settings =
                    nexus_usage_log::BigQuerySettings::new(&store.project, &store.dataset, &store.table, token);
                settings.authorities = authorities("bigquery", store.ca.as_deref())?;
                if let Some(endpoint) = &store.endpoint {
                    settings.endpoint.clone_from(endpoint);
                }
                Ok(Place::BigQuery(Box::new(settings)))
            }
        }
    }

    /// The file, if the records are in one of this hub's own.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Place::File(file) => Some(file),
            #[cfg(feature = "postgres")]
            Place::Postgres(_) => None,
            #[cfg(feature = "bigquery")]
            Place::BigQuery(_) => None,
        }
    }

    /// Answers a query, also beside hubs that write. Blocks the thread.
    pub(crate) fn report(&self, query: &Query) -> Result<Report, NoReport> {
        match self {
            Place::File(file) => Ok(Reports::open(file)?.report(query)?),
            #[cfg(feature = "postgres")]
            Place::Postgres(settings) => Ok(Reports::postgres(settings)?.report(query)?),
            #[cfg(feature = "bigquery")]
            Place::BigQuery(settings) => Err(NoReport::Elsewhere(ask_bigquery(settings))),
        }
    }
}

#[cfg(any(feature = "bigquery", feature = "postgres"))]
fn authorities(store: &'static str, file: Option<&Path>) -> Result<Option<Vec<u8>>, UsageLogError> {
    let read =
        |file: &Path| std::fs::read(file).map_err(|error| UsageLogError::Authorities(store, file.to_owned(), error));
    file.map(read).transpose()
}

/// Each record once, though rows may have come twice.
#[cfg(feature = "bigquery")]
fn ask_bigquery(settings: &nexus_usage_log::BigQuerySettings) -> String {
    let nexus_usage_log::BigQuerySettings {
        project,
        dataset,
        table,
        ..
    } = settings;
    format!(
        "the usage log of this hub is in BigQuery, which is asked for reports there, as by: \
         SELECT key, SUM(calls) AS calls, SUM(bytes_out) AS bytes_out FROM (SELECT * FROM `{project}.{dataset}.{table}` \
         WHERE NOT quarantined QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived_at) = 1) GROUP BY key"
    )
}

#[cfg(all(test, feature = "bigquery"))]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_bigquery_says_where_to_ask() {
        let token = nexus_usage_log::BearerToken::from_file("/nowhere");
        let settings = nexus_usage_log::BigQuerySettings::new("acme", "billing", "usage_log", token);
        let place = Place::BigQuery(Box::new(settings));
        let said = place.report(&Query::default()).unwrap_err().to_string();
        assert!(said.contains("FROM `acme.billing.usage_log`"), "{said}");
    }
}
