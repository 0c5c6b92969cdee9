#![doc = include_str!("../README.md")]

mod limits;
mod rate;
mod request_rate;

mod counters;
mod limiter;
mod permit;

mod blocking;
mod listener;
mod throttled;

mod pacer;

pub use blocking::Blocking;
pub use counters::Counters;
pub use limiter::Limiter;
pub use limits::{Direction, Limits};
pub use listener::ThrottledListener;
pub use permit::{Closed, Permit};
pub use rate::{ParseRateError, Rate};
pub use request_rate::RequestRate;
pub use throttled::Throttled;
