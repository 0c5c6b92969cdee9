//! What the crate promises, in paused time where it is a matter of time.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod harness;

mod exact;
mod fairness;
