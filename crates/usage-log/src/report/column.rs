//! What a report groups by and chooses by.

use std::{fmt, str::FromStr};

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
    /// How it ended.
    Outcome,
    /// A label, by its name.
    Label(String),
}

const NAMED: [(Column, &str); 9] = [
    (Column::Key, "key"),
    (Column::Tenant, "tenant"),
    (Column::Service, "service"),
    (Column::Route, "route"),
    (Column::Client, "client"),
    (Column::Method, "method"),
    (Column::Source, "source"),
    (Column::Status, "status"),
    (Column::Outcome, "outcome"),
];

const LABEL_PREFIX: &str = "label.";

impl Column {
    /// The column of the tables of every store.
    pub(super) fn sql(&self) -> &'static str {
        let named = NAMED.iter().find(|(column, _)| column == self);
        named.map_or("labels", |(_, name)| name)
    }

    /// Whether the small sums tell it apart.
    pub(super) fn is_of_account(&self) -> bool {
        matches!(self, Self::Key | Self::Tenant | Self::Service | Self::Status)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => write!(f, "{LABEL_PREFIX}{name}"),
            named => f.write_str(named.sql()),
        }
    }
}

/// A text that names no column, or is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseColumnError {
    /// There is no such column.
    #[error("{0:?} is none of key, tenant, service, route, client, method, source, status, outcome, label.NAME")]
    Unknown(String),
    /// A condition has neither `=` nor `!=`.
    #[error("{0:?} is not of the form COLUMN=VALUE or COLUMN!=VALUE")]
    NoCondition(String),
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

/// Which records are counted: all conditions hold. Read from `status=200` or `status!=200`; the value is taken as it
/// stands, also an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What is looked at.
    pub column: Column,
    /// Whether it is to be `value` or anything else.
    pub equal: bool,
    /// The value.
    pub value: String,
}

impl Filter {
    pub(super) fn admits(&self, value: &str) -> bool {
        (self.value == value) == self.equal
    }
}

impl FromStr for Filter {
    type Err = ParseColumnError;

    fn from_str(text: &str) -> Result<Self, ParseColumnError> {
        let no_condition = || ParseColumnError::NoCondition(text.to_owned());
        let (left, value) = text.split_once('=').ok_or_else(no_condition)?;
        let (name, equal) = left.strip_suffix('!').map_or((left, true), |name| (name, false));
        Ok(Filter {
            column: name.parse()?,
            equal,
            value: value.to_owned(),
        })
    }
}
