//! The usage log as its users see it. One binary, for link time.

mod harness;

mod crash;
mod events;
mod late;
mod log;
mod policies;
mod report;
mod retention;
