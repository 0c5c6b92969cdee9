#![doc = include_str!("../README.md")]

mod amounts;
mod id;
mod labels;
mod record;

mod counts;
mod error;
mod log;
mod settings;

mod parker;
mod queue;
mod shared;
mod spool;
mod spooler;
mod writer;

mod sink;

mod day;
mod digest;
mod level;
mod retention;
mod shares;
mod sums;

#[cfg(feature = "bigquery")]
mod bigquery;
#[cfg(any(feature = "bigquery", feature = "postgres"))]
mod blocking;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

pub mod ingest;
#[cfg(feature = "tower")]
pub mod layer;
mod report;

pub use amounts::Amounts;
#[cfg(feature = "bigquery")]
pub use bigquery::{BearerToken, BigQuerySettings, BigQuerySettingsError, BigQuerySink};
pub use counts::{Counts, Dropped};
pub use error::{StartError, StoreError};
pub use id::{Event, EventOutcome, ForeignId, Id, Timing, WriterId};
pub use labels::Labels;
pub use log::UsageLog;
pub use nexus_calendar::{AnchorDay, Calendar, Clock, Time, UnknownAnchorDay, UnknownZone, Zone};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresSettings, PostgresSettingsError, PostgresSink};
pub use record::{Dimensions, Outcome, Record, UnknownOutcome};
pub use report::{
    Adjustment, Column, Direction, Filter, Format, Measure, Order, OrderBy, ParseColumnError, Query, QueryError,
    Report, ReportError, ReportRow, Reports, UnknownFormat, UnknownWindow, Window,
};
pub use retention::Retention;
pub use settings::{Overflow, Settings, Spill};
pub use sink::{Entry, Gap, Sink, SinkError, Tended};
pub use sqlite::{OpenError, SqliteSink};
