#![doc = include_str!("../README.md")]

mod meter;
mod reservation;
mod usage;

mod amount;
mod backend;
mod breaker;
mod calendar;
mod cell;
mod clock;
mod error;
mod field;
mod limits;
mod milestone;
mod mode;
mod period;
mod reading;
mod refusal;
mod secret;
mod settings;
mod status;
mod timestamp;
mod totals;
mod writer_id;

mod checkpoints;
mod ledger;

mod ask;
mod context;
mod count;
#[cfg(feature = "faults")]
mod crash;
mod entries;
mod entry;
mod gate;
mod keeper;
mod month;

pub use amount::Amount;
pub use backend::{Backend, BackendError};
pub use breaker::{Breaker, BreakerSettings, Call, Probe};
pub use calendar::{Calendar, CalendarError};
pub use cell::Cell;
pub use checkpoints::Checkpoints;
pub use clock::Clock;
pub use error::{OpenError, RegisterError, UnknownBackend};
pub use field::{Field, UnknownField};
#[cfg(feature = "postgres")]
pub use ledger::PostgresSettings;
pub use ledger::{Answer, Claim, ErrorKind, Health, Lease, Ledger, LedgerError, Operation, Outcome, Pushed, Row, Sum};
#[cfg(feature = "faults")]
pub use ledger::{Fault, Faults};
#[cfg(feature = "redis")]
pub use ledger::{RedisAddress, RedisAddressError, RedisSettings, RedisTls, RedisTopology};
pub use limits::Limits;
pub use meter::Meter;
pub use milestone::{Milestone, Reached};
pub use mode::{Mode, OnLoss};
pub use period::{Period, PeriodError};
pub use reading::Reading;
pub use refusal::{Reason, Refusal, Standing};
pub use reservation::Reservation;
pub use secret::Secret;
pub use settings::{AtStart, Settings, SettingsMistake, SharedLedger};
pub use status::{Closed, Status};
pub use timestamp::Timestamp;
pub use totals::Totals;
pub use usage::Usage;
pub use writer_id::{WriterId, WriterIdError};
