//! Events from elsewhere, on their way into a usage log. One binary, for link time.

mod harness;

mod nginx;
mod syslog;
mod tail;
