#![doc = include_str!("../README.md")]

mod amount;
mod backend;
mod breaker;
mod calendar;
mod cell;
mod field;
mod limits;
mod milestone;
mod period;
mod secret;
mod timestamp;
mod totals;
mod writer_id;

mod ledger;

pub use amount::Amount;
pub use backend::{Backend, BackendError};
pub use breaker::{Breaker, BreakerSettings, Call, Probe};
pub use calendar::{Calendar, CalendarError};
pub use cell::Cell;
pub use field::{Field, UnknownField};
#[cfg(feature = "postgres")]
pub use ledger::PostgresSettings;
pub use ledger::{Answer, Claim, ErrorKind, Health, Lease, Ledger, LedgerError, Operation, Outcome, Pushed, Row, Sum};
#[cfg(feature = "faults")]
pub use ledger::{Fault, Faults};
#[cfg(feature = "redis")]
pub use ledger::{RedisAddress, RedisAddressError, RedisSettings, RedisTls, RedisTopology};
pub use limits::Limits;
pub use milestone::Milestone;
pub use period::{Period, PeriodError};
pub use secret::Secret;
pub use timestamp::Timestamp;
pub use totals::Totals;
pub use writer_id::{WriterId, WriterIdError};
