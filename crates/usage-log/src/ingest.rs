//! Events from elsewhere: posted, sent as datagrams, or written into an access log.
//!
//! One shape everywhere: a line of our NGINX log format is the same JSON object as an event that is posted. Reading it is
//! pure ([`events`], [`access_log`]); what moves it is a task that its owner runs ([`syslog`], [`tail`]).
//!
//! Field | Meaning | If missing
//! --- | --- | ---
//! `id` | what makes it one event; text or number | refused if posted; by file and place in a log
//! `source` | in which name space the id is; a label, if the [`Origin`] knows the sender | the [`Origin`]'s
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
//! Amounts and status may be texts of digits, as NGINX writes them, or whole numbers with a fraction (`100.0`).
//!
//! NGINX's variables and the Lua module's payloads are read by their own names, too: `remote_user` (key), `remote_addr` (client),
//! `server_name` (service), `request_method`, `request_id`, `msec`, `time_iso8601`, `time_local`, `timestamp` (time), `bytes_sent`
//! and `bytes` (bytes_out), `request_length` (bytes_in), `body_bytes_sent` (body_bytes, and bytes_out if nothing else says it),
//! `request_time` (duration_seconds).
//!
//! What is nearly a field is refused with the field's name, and so is what speaks of bytes or is a number in an event without an amount:
//! `bytes_outt`, `size`, `status_code`. Under `labels` any name is a label. A line of a log must say an amount.

pub mod access_log;
pub mod events;
pub mod syslog;
pub mod tail;

mod deliver;
mod item;
mod names;
mod value;

use std::sync::Arc;

pub use item::{Item, ItemError};

/// What some programs put in front of a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

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
    /// Who sends them, if that is known: the source that reports tell, whatever an event says of itself; what it says is a label
    /// `source` then. The name spaces of ids stay those that events name. Empty: events are believed.
    pub sender: Arc<str>,
    /// A service that no event may name, since its records are made by the log's owner alone; empty for none.
    pub reserved_service: Arc<str>,
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
