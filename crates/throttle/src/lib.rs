#![doc = include_str!("../README.md")]

mod limits;
mod rate;

mod counters;
mod limiter;
mod meter;

mod blocking;
mod listener;
mod throttled;

mod pacer;

pub use blocking::Blocking;
pub use counters::Counters;
pub use limiter::Limiter;
pub use limits::{Direction, Limits};
pub use listener::ThrottledListener;
pub use meter::{Closed, Meter};
pub use rate::{ParseRateError, Rate};
pub use throttled::Throttled;
