//! What a report groups by and chooses by.

use std::{fmt, str::FromStr};

use super::tables::label;

/// What a report can group by and choose by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Column {
    /// The API key's name.
    Key,
    /// Whom the key belongs to.
    Tenant,
    /// Which service answered.
    Service,
    /// Which of its routes.
    Route,
    /// Which client asked.
    Client,
    /// The request's method.
    Method,
    /// Where the record comes from.
    Source,
    /// The response's status.
    Status,
    /// The class of the response's status: `2xx`.
    StatusClass,
    /// How it ended.
    Outcome,
    /// A label, by its name.
    Label(String),
}

const NAMED: [(Column, &str); 10] = [
    (Column::Key, "key"),
    (Column::Tenant, "tenant"),
    (Column::Service, "service"),
    (Column::Route, "route"),
    (Column::Client, "client"),
    (Column::Method, "method"),
    (Column::Source, "source"),
    (Column::Status, "status"),
    (Column::StatusClass, "status_class"),
    (Column::Outcome, "outcome"),
];

const LABEL_PREFIX: &str = "label.";

impl Column {
    fn name(&self) -> Option<&'static str> {
        let named = NAMED.iter().find(|(column, _)| column == self);
        named.map(|(_, name)| *name)
    }

    /// The column of the tables of every store.
    pub(super) fn sql(&self) -> &'static str {
        match self {
            Self::StatusClass => "status",
            Self::Label(_) => "labels",
            named => named.name().unwrap_or_default(),
        }
    }

    /// What it is where the column of the tables has this text.
    pub(super) fn value_in(&self, text: &str) -> String {
        match self {
            Self::Label(name) => label(text, name),
            Self::StatusClass => class_of(text),
            _ => text.to_owned(),
        }
    }

    /// Whether the small sums tell it apart.
    pub(super) fn is_of_account(&self) -> bool {
        matches!(
            self,
            Self::Key | Self::Tenant | Self::Service | Self::Status | Self::StatusClass
        )
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => write!(f, "{LABEL_PREFIX}{name}"),
            named => f.write_str(named.name().unwrap_or_default()),
        }
    }
}

/// A text that names no column, or is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseColumnError {
    /// There is no such column.
    #[error(
        "{0:?} is none of key, tenant, service, route, client, method, source, status, status_class, outcome, label.NAME"
    )]
    Unknown(String),
    /// A condition has neither `=` nor `!=`.
    #[error("{0:?} is not of the form COLUMN=VALUE or COLUMN!=VALUE")]
    NoCondition(String),
    /// No record has such a value, so the condition could not hold, or always would.
    #[error("{column} is never {value:?}: say {expected}")]
    Value {
        /// What is looked at.
        column: Column,
        /// What it was to be.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
}

impl FromStr for Column {
    type Err = ParseColumnError;

    fn from_str(name: &str) -> Result<Self, ParseColumnError> {
        if let Some(label) = name.strip_prefix(LABEL_PREFIX).filter(|label| !label.is_empty()) {
            return Ok(Column::Label(label.to_owned()));
        }
        let named = NAMED.into_iter().find(|(_, known)| *known == name);
        named
            .map(|(column, _)| column)
            .ok_or_else(|| ParseColumnError::Unknown(name.to_owned()))
    }
}

/// `2xx` of `204`: a status that has three digits.
fn class_of(status: &str) -> String {
    let class = status.parse::<u16>().map_or(0, |status| status / 100);
    format!("{class}xx")
}
