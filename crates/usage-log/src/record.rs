//! A record: who asked for what, when, and how much it was.

use std::{str::FromStr, sync::Arc, time::Duration};

use nexus_calendar::Time;

use crate::{amounts::Amounts, labels::Labels};

/// One request, or one slice of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it ended: this instant decides on the window that it is counted in.
    pub ended_at: Time,
    /// Who asked for what, and how it went.
    pub dimensions: Dimensions,
    /// What is counted.
    pub amounts: Amounts,
}

impl Record {
    /// When it began.
    #[must_use]
    pub fn started_at(&self) -> Time {
        self.ended_at.before(Duration::from_nanos(self.amounts.duration_ns))
    }
}

/// What records are grouped by. An empty text is *not known*.
///
/// The texts are shared: a service that keeps its `Arc`s at hand makes a record without copying any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Dimensions {
    /// The API key's name (never the key itself).
    pub key: Arc<str>,
    /// Whom the key belongs to.
    pub tenant: Arc<str>,
    /// Which service answered.
    pub service: Arc<str>,
    /// Which of its routes: a pattern, not a path.
    pub route: Arc<str>,
    /// Which client asked.
    pub client: Arc<str>,
    /// The request's method.
    pub method: Arc<str>,
    /// The response's status; 0 if there was none.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Where the record comes from.
    pub source: Arc<str>,
    /// More values.
    pub labels: Labels,
}

impl Dimensions {
    /// How many bytes the texts have.
    pub(crate) fn text_bytes(&self) -> usize {
        let labels = self.labels.iter().map(|(name, value)| name.len() + value.len());
        self.texts().map(str::len).into_iter().chain(labels).sum()
    }

    /// What stands for these when there are too many to tell them apart.
    pub(crate) fn collapsed(&self) -> Self {
        Dimensions {
            route: OTHER.into(),
            client: "".into(),
            labels: Labels::default(),
            ..self.clone()
        }
    }

    /// What stands for these when there are too many even so: who, and how it went.
    pub(crate) fn merged(&self) -> Self {
        let other = |text: &Arc<str>| {
            if text.is_empty() {
                Arc::clone(text)
            } else {
                OTHER.into()
            }
        };
        Dimensions {
            tenant: other(&self.tenant),
            service: other(&self.service),
            method: other(&self.method),
            ..self.collapsed()
        }
    }

    /// Who made this combination: the source, or the key of a log's own records.
    pub(crate) fn made_by(&self) -> &Arc<str> {
        if self.source.is_empty() {
            &self.key
        } else {
            &self.source
        }
    }

    /// The texts, in the order in which they are declared.
    pub(crate) fn texts(&self) -> [&str; 7] {
        [
            &self.key,
            &self.tenant,
            &self.service,
            &self.route,
            &self.client,
            &self.method,
            &self.source,
        ]
    }
}

/// Stands for what is not told apart.
const OTHER: &str = "(other)";

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Outcome {
    /// The whole response was handed over.
    #[default]
    Complete,
    /// The peer went away before.
    Aborted,
    /// The service failed before.
    Error,
    /// It goes on: an interim slice.
    Ongoing,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 4] = [Self::Complete, Self::Aborted, Self::Error, Self::Ongoing];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::Error => "error",
            Self::Ongoing => "ongoing",
        }
    }
}

/// A text that names no [`Outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an outcome is one of complete, aborted, error, ongoing")]
pub struct UnknownOutcome;

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(name: &str) -> Result<Self, UnknownOutcome> {
        let known = Self::ALL.into_iter().find(|outcome| outcome.name() == name);
        known.ok_or(UnknownOutcome)
    }
}
