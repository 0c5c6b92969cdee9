//! What the crate promises, in paused time where it is a matter of time.

mod harness;

mod exact;
mod fairness;
