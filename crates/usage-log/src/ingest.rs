//! Events from elsewhere: posted, sent as datagrams, or written into an access log.
//!
//! One shape everywhere: a line of our NGINX log format is the same JSON object as an event that is posted. Reading it is
//! pure ([`events`], [`access_log`]); what moves it is a task that its owner runs ([`syslog`], [`tail`]).
//!
//! Field | Meaning | If missing
//! --- | --- | ---
//! `id` | what makes it one event; text or number | refused if posted; by file and place in a log
//! `source` | in which name space the id is | the [`Origin`]'s
//! `time` | the end of the request: RFC 3339, or Unix seconds or milliseconds | the time of arrival
//! `key`, `tenant`, `service`, `route`, `client`, `method` | as in [`Dimensions`](crate::Dimensions) | not known
//! `status` | 0 to 999 | 0
//! `outcome` | `complete`, `aborted`, `error`, `ongoing` | `complete`
//! `calls` | how many requests it stands for | 1
//! `bytes_in`, `bytes_out`, `body_bytes_in`, `body_bytes` | as in [`Amounts`](crate::Amounts) | 0
//! `duration_seconds` | how long it took, with fractions | 0
//! `sequence` | `STREAM:NUMBER`, by which [`syslog`] sees what is missing | nothing is seen
//! `labels` | an object of more values | none
//! anything else | a label of that name: a text, a number or a truth value |
//!
//! Amounts and status may be texts of digits, as NGINX writes them.

pub mod access_log;
pub mod events;
pub mod syslog;
pub mod tail;

mod deliver;
mod item;
mod value;

use std::sync::Arc;

pub use item::{Item, ItemError};

/// Whose events they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The name space of their ids: of an API key that posts, or of a machine whose log is read. See
    /// [`ForeignId::scope`](crate::ForeignId::scope).
    pub scope: Arc<str>,
    /// The source of events that name none.
    pub source: Arc<str>,
    /// The service of events that name none.
    pub service: Arc<str>,
}

/// What one event may have. Whatever has more is refused, with the limit's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many events one request has. Default 10 000.
    pub events_max: usize,
    /// How long an id, a source or a sequence is. Default 256.
    pub id_bytes_max: usize,
    /// How long any other text is. Default 1024.
    pub text_bytes_max: usize,
    /// How many labels. Default 16.
    pub labels_max: usize,
    /// How long the name of a label is. Default 128.
    pub label_name_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            events_max: 10_000,
            id_bytes_max: 256,
            text_bytes_max: 1024,
            labels_max: 16,
            label_name_bytes_max: 128,
        }
    }
}
