//! Who numbered a record, and what makes an event one event.

use std::{fmt, sync::Arc};

use crate::record::Record;

/// Who numbers its records: one for each time that a log is opened, so that no number is ever used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriterId(pub(crate) [u8; 16]);

impl WriterId {
    /// A new one, by chance.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(WriterId(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of an event that someone else numbered. The same id twice is the same event, whenever it comes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ForeignId {
    /// In whose name space the id is: whoever posts under another scope cannot claim it.
    pub scope: Arc<str>,
    /// Where in that scope.
    pub source: Arc<str>,
    /// The id itself.
    pub id: Arc<str>,
}

impl ForeignId {
    pub(crate) fn text_bytes(&self) -> usize {
        self.scope.len() + self.source.len() + self.id.len()
    }
}

/// What makes a record one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// A record of this crate's own making.
    Own {
        /// Who numbered it.
        writer: WriterId,
        /// Its number, from 1. The numbers of a writer reach a sink in rising order.
        sequence: u64,
    },
    /// An event from elsewhere.
    Foreign(ForeignId),
}

/// An event from elsewhere, with the id that makes repeating it harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: ForeignId,
    /// What happened.
    pub record: Record,
    /// Where the record's time comes from.
    pub timing: Timing,
}

/// Where an event's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// The event says it: the same id with another time is a conflict.
    #[default]
    Given,
    /// The event says none, and was given the time at which it came: a repeat has another one.
    Arrival,
}

/// What became of an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventOutcome {
    /// It is stored.
    Stored,
    /// It is stored, but apart from what is reported: its time is too far in the future.
    Quarantined,
    /// It was stored before.
    Duplicate,
    /// Something else was stored under this id before, and stays.
    Conflict,
    /// It is not stored, and never will be: its time is too far in the past to know whether it is a repeat.
    TooOld,
    /// It is not stored, and never will be: the sink does not take such a record.
    Refused,
}
