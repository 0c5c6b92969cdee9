#![doc = include_str!("../README.md")]

mod anchor_day;
mod calendar;
mod clock;
mod period;
mod time;
mod zone;

pub use anchor_day::{AnchorDay, UnknownAnchorDay};
pub use calendar::Calendar;
pub use clock::Clock;
pub use period::{Period, PeriodError};
pub use time::Time;
pub use zone::{UnknownZone, Zone};
