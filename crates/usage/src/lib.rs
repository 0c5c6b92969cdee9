#![doc = include_str!("../README.md")]

mod amount;
mod backend;
mod calendar;
mod cell;
mod field;
mod limits;
mod milestone;
mod period;
mod timestamp;
mod totals;
mod writer_id;

mod ledger;

pub use amount::Amount;
pub use backend::{Backend, BackendError};
pub use calendar::{Calendar, CalendarError};
pub use cell::Cell;
pub use field::{Field, UnknownField};
pub use ledger::{Answer, Claim, ErrorKind, Lease, Ledger, LedgerError, Pushed, Row, Sum};
#[cfg(feature = "faults")]
pub use ledger::{Fault, Faults};
pub use limits::Limits;
pub use milestone::Milestone;
pub use period::{Period, PeriodError};
pub use timestamp::Timestamp;
pub use totals::Totals;
pub use writer_id::{WriterId, WriterIdError};
