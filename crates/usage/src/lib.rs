#![doc = include_str!("../README.md")]

mod handle;
mod reservation;
mod usage;

mod amount;
mod breaker;
mod cell;
mod error;
mod field;
mod limits;
mod milestone;
mod mode;
mod reading;
mod refusal;
mod settings;
mod status;
mod subject;
mod totals;
mod writer_id;

mod checkpoints;
mod ledger;

mod ask;
mod context;
mod count;
#[cfg(feature = "faults")]
mod crash;
mod dirty;
mod entries;
mod entry;
mod gate;
mod keeper;
mod month;

pub use amount::Amount;
pub use breaker::{Breaker, BreakerSettings, Call, Probe};
pub use cell::Cell;
pub use checkpoints::Checkpoints;
pub use error::{OpenError, RegisterError, UnknownSubject};
pub use field::{Field, UnknownField};
pub use handle::UsageHandle;
#[cfg(feature = "postgres")]
pub use ledger::PostgresSettings;
pub use ledger::{Answer, Claim, ErrorKind, Health, Lease, Ledger, LedgerError, Operation, Outcome, Pushed, Row, Sum};
#[cfg(feature = "faults")]
pub use ledger::{Fault, Faults};
#[cfg(feature = "redis")]
pub use ledger::{RedisAddress, RedisAddressError, RedisSettings, RedisTls, RedisTopology};
pub use limits::Limits;
pub use milestone::{Milestone, Reached};
pub use mode::{Mode, OnLoss};
pub use nexus_calendar::{AnchorDay, Calendar, Clock, Period, PeriodError, Time, UnknownAnchorDay, UnknownZone, Zone};
pub use nexus_trust::Secret;
pub use reading::Reading;
pub use refusal::{Reason, Refusal, Standing};
pub use reservation::Reservation;
pub use settings::{AtStart, Settings, SettingsMistake, SharedLedger};
pub use status::{Closed, Status};
pub use subject::{Subject, SubjectError};
pub use totals::Totals;
pub use usage::Usage;
pub use writer_id::{WriterId, WriterIdError};
