#![doc = include_str!("../README.md")]

mod amounts;
mod id;
mod labels;
mod record;

mod counts;
mod log;
mod settings;

mod bell;
mod queue;
mod spool;
mod spooler;
mod writer;

#[cfg(feature = "bigquery")]
mod bigquery;
#[cfg(any(feature = "bigquery", feature = "postgres"))]
mod blocking;
pub mod ingest;
#[cfg(feature = "tower")]
pub mod layer;
#[cfg(feature = "postgres")]
mod postgres;
mod report;
mod sink;
mod sqlite;

pub use amounts::Amounts;
#[cfg(feature = "bigquery")]
pub use bigquery::{BearerToken, BigQuerySettings, BigQuerySettingsError, BigQuerySink};
pub use counts::{Counts, Dropped};
pub use id::{Event, ForeignId, Id, Stored, Timing, WriterId};
pub use labels::Labels;
pub use log::{StartError, StoreError, UsageLog};
pub use nexus_calendar::{AnchorDay, Calendar, Clock, Time, UnknownAnchorDay, UnknownZone, Zone};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresSettings, PostgresSettingsError, PostgresSink};
pub use record::{Dimensions, Outcome, Record, UnknownOutcome};
pub use report::{
    Column, Direction, Filter, Format, Measure, Order, OrderBy, ParseColumnError, Query, Report, ReportError,
    ReportRow, Reports, UnknownFormat, UnknownWindow, Window,
};
pub use settings::{Overflow, Settings, Spill};
pub use sink::{Entry, Gap, Sink, SinkError, Tended};
pub use sqlite::{Adjustment, OpenError, SqliteSettings, SqliteSink};
