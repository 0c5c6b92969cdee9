//! Where records go.

use std::time::Duration;

use crate::{
    id::{EventOutcome, Id, Timing},
    record::Record,
};

/// A record on its way into a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What makes it one record.
    pub id: Id,
    /// What happened.
    pub record: Record,
    /// Where its time comes from.
    pub timing: Timing,
}

/// Where records go. A log calls its sink from one thread of its own, one batch at a time.
pub trait Sink: Send + 'static {
    /// Stores a batch, all or nothing, and says what became of each entry, in order.
    ///
    /// It answers after the batch is as durable as the sink makes it. After an error nothing may be known: the log
    /// offers the same entries again, and what was stored already must be found to be a duplicate, by its id alone.
    /// The entries of a writer come in rising order of their numbers.
    ///
    /// # Errors
    /// The sink cannot store now.
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError>;

    /// Notes that a writer ended without closing its log: its numbers above `last` and up to `last_possible` may have
    /// been given to records that are lost.
    ///
    /// # Errors
    /// The sink cannot store now; it is asked again.
    fn note_gap(&mut self, gap: Gap) -> Result<(), SinkError> {
        let _ = gap;
        Ok(())
    }

    /// Is called when there is nothing to store: throw a bounded piece of what is past its retention away. Says whether
    /// there is more to do.
    ///
    /// # Errors
    /// What went wrong; it is logged.
    fn tend(&mut self) -> Result<Tended, SinkError> {
        Ok(Tended::Done)
    }
}

/// What is left of the chores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tended {
    /// Nothing for now.
    Done,
    /// There is more.
    More,
}

/// Numbers that a crash may have taken with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Whose numbers.
    pub writer: crate::WriterId,
    /// The last number that was kept.
    pub last: u64,
    /// The last number that may have been given.
    pub last_possible: u64,
}

/// A sink cannot store now.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SinkError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry_after: Option<Duration>,
}

impl SinkError {
    /// An error that says what was being done, and why it failed.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        SinkError {
            what: what.into(),
            source: Some(source.into()),
            retry_after: None,
        }
    }

    /// An error with nothing behind it.
    pub fn message(what: impl Into<String>) -> Self {
        SinkError {
            what: what.into(),
            source: None,
            retry_after: None,
        }
    }

    /// Asks not to be tried again before so long.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
