//! `usage_log.store`: where the records go.

#[cfg(feature = "bigquery")]
use std::path::PathBuf;

use yaml_serde::Value;

use super::super::section::{Section, describe};
#[cfg(feature = "bigquery")]
use super::super::units;
#[cfg(feature = "postgres")]
use super::super::usage::PostgresStore;
#[cfg(not(all(feature = "postgres", feature = "bigquery")))]
use crate::feature::Feature;

/// Where the records go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Store {
    /// `sqlite`: into `usage-log.db` in the state directory.
    #[default]
    Sqlite,
    /// `postgres`: into a database that many hubs may share.
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
    /// `bigquery`
    #[cfg(feature = "bigquery")]
    BigQuery(BigQueryStore),
}

/// A table of BigQuery, and who may write into it.
#[cfg(feature = "bigquery")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BigQueryStore {
    /// `project`, `dataset`, `table`
    pub(crate) project: String,
    pub(crate) dataset: String,
    pub(crate) table: String,
    /// `token_file`: holds a bearer token, which somebody keeps up to date.
    pub(crate) token_file: PathBuf,
    /// `endpoint`: where the service is: `https://bigquery.googleapis.com`.
    pub(crate) endpoint: Option<String>,
    /// `ca`: PEM, who has signed its certificate; those that the machine trusts.
    pub(crate) ca: Option<PathBuf>,
}

impl Store {
    /// Whether the records are in a file of this hub's own.
    pub(crate) fn is_local(&self) -> bool {
        *self == Store::Sqlite
    }

    pub(super) fn read(usage_log: &Section<'_>) -> Self {
        match usage_log.get("store", Ok) {
            None => Store::Sqlite,
            Some(Value::String(name)) if name == "sqlite" => Store::Sqlite,
            Some(Value::String(name)) if name == "postgres" || name == "bigquery" => {
                let settings = if name == "postgres" {
                    "url: …"
                } else {
                    "project: …, dataset: …, table: …, token_file: …"
                };
                usage_log.error(
                    "store",
                    format!("{name} has settings: say store: {{{name}: {{{settings}}}}}"),
                );
                Store::Sqlite
            }
            Some(Value::Mapping(_)) => Self::read_mapping(usage_log.section("store")),
            Some(other) => {
                usage_log.error(
                    "store",
                    format!(
                        "expected sqlite, postgres: {{url: …}} or bigquery: {{project: …}}, got {}",
                        // What stands in place of a URL may have a password in it.
                        if other.is_string() {
                            "another text".to_owned()
                        } else {
                            describe(other)
                        }
                    ),
                );
                Store::Sqlite
            }
        }
    }

    fn read_mapping(store: Section<'_>) -> Self {
        let found = [postgres(&store), bigquery(&store)];
        if store.has("postgres") && store.has("bigquery") {
            store.error_here("there is one store: give postgres or bigquery");
        } else if !store.has("postgres") && !store.has("bigquery") {
            store.error_here("expected sqlite, postgres: {url: …} or bigquery: {project: …}");
        }
        store.finish();
        found.into_iter().flatten().next().unwrap_or_default()
    }
}

#[cfg(feature = "postgres")]
fn postgres(store: &Section<'_>) -> Option<Store> {
    let is_there = store.has("postgres");
    is_there.then(|| Store::Postgres(PostgresStore::read_any(store.section("postgres"))))
}

#[cfg(feature = "bigquery")]
fn bigquery(store: &Section<'_>) -> Option<Store> {
    store.has("bigquery").then_some(())?;
    let section = store.section("bigquery");
    let text = |name| match section.get(name, units::string) {
        Some(text) if !text.is_empty() => Some(text.to_owned()),
        Some(_) => {
            section.error(name, "expected a text, got an empty one");
            None
        }
        None => {
            if !section.has(name) {
                section.error(name, "is missing");
            }
            None
        }
    };
    let (project, dataset, table, token_file) = (text("project"), text("dataset"), text("table"), text("token_file"));
    let endpoint = section.get("endpoint", |value| Ok(units::string(value)?.to_owned()));
    let ca = section.get("ca", units::path).flatten();
    section.finish();
    Some(Store::BigQuery(BigQueryStore {
        project: project?,
        dataset: dataset?,
        table: table?,
        token_file: token_file?.into(),
        endpoint,
        ca,
    }))
}

#[cfg(not(feature = "postgres"))]
fn postgres(store: &Section<'_>) -> Option<Store> {
    not_built_in(store, "postgres", Feature::Postgres)
}

#[cfg(not(feature = "bigquery"))]
fn bigquery(store: &Section<'_>) -> Option<Store> {
    not_built_in(store, "bigquery", Feature::BigQuery)
}

#[cfg(not(all(feature = "postgres", feature = "bigquery")))]
fn not_built_in(store: &Section<'_>, name: &'static str, feature: Feature) -> Option<Store> {
    if store.has(name) {
        store.needs(name, feature);
    }
    None
}
