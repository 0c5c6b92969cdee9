//! Which table, and who may write into it.

use std::{error::Error, fmt, path::PathBuf, sync::Arc, time::Duration};

use nexus_calendar::Clock;

/// Which table of BigQuery to write to, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BigQuerySettings {
    /// The project that the table is in.
    pub project: String,
    /// The dataset that the table is in.
    pub dataset: String,
    /// The table: with the columns of [`BigQuerySink::SCHEMA`](super::BigQuerySink::SCHEMA).
    pub table: String,
    /// What to show.
    pub token: BearerToken,
    /// Where the service is. Default `https://bigquery.googleapis.com`.
    pub endpoint: String,
    /// Authorities of which one has signed the service's certificate, in PEM. Default: those that this machine trusts.
    pub authorities: Option<Vec<u8>>,
    /// How many rows a request has at most. Default 500, which the service recommends; it takes up to 50 000.
    pub request_rows_max: usize,
    /// How many bytes a request has at most, but for a single row that has more. Default 9 000 000; the service takes up to
    /// 10 MB.
    pub request_bytes_max: usize,
    /// How long an answer may take. Default 30 s.
    pub request_timeout: Duration,
    /// How many rows are remembered to be stored while the batch that they are in is not. Default 100 000.
    pub remembered_max: usize,
    /// How far in the future a record may end before it is quarantined. Default 5 minutes.
    pub future_max: Duration,
    /// What is taken for the present.
    pub clock: Clock,
}

impl BigQuerySettings {
    /// A table, and the defaults.
    pub fn new(
        project: impl Into<String>,
        dataset: impl Into<String>,
        table: impl Into<String>,
        token: BearerToken,
    ) -> Self {
        BigQuerySettings {
            project: project.into(),
            dataset: dataset.into(),
            table: table.into(),
            token,
            endpoint: "https://bigquery.googleapis.com".to_owned(),
            authorities: None,
            request_rows_max: 500,
            request_bytes_max: 9_000_000,
            request_timeout: Duration::from_secs(30),
            remembered_max: 100_000,
            future_max: Duration::from_secs(300),
            clock: Clock::default(),
        }
    }
}

type Provider = dyn Fn() -> Result<String, Box<dyn Error + Send + Sync>> + Send + Sync;

/// Where a bearer token comes from. It is asked for at every request, since tokens are short-lived: whoever gives them keeps
/// them.
#[derive(Clone)]
pub struct BearerToken(Arc<Provider>);

impl BearerToken {
    /// From a function, which may take its time: the sink has a thread of its own.
    pub fn from_fn(
        provider: impl Fn() -> Result<String, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        BearerToken(Arc::new(provider))
    }

    /// From a file that someone keeps up to date.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::from_fn(move || {
            let token = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(token.trim().to_owned())
        })
    }

    pub(super) fn get(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        (self.0)()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// Settings with which a [`BigQuerySink`](super::BigQuerySink) cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct BigQuerySettingsError {
    what: &'static str,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl BigQuerySettingsError {
    pub(super) fn new(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        BigQuerySettingsError {
            what,
            source: source.into(),
        }
    }
}
