//! The same client for programs without async; feature `blocking`.
//!
//! Each method does what that of the same name does in [`crate::Client`], and returns when it is done: after
//! [`Builder::deadline`](crate::Builder::deadline) at the latest.
//!
//! The work is done on one thread that all clones share, which ends with the last of them. So it can be called from
//! anywhere: from plain threads, and inside of a runtime, too, where it never panics, but holds up the thread that it is
//! called on, as anything that blocks does. A call cannot be given up.
//!
//! ```no_run
//! use nexus_client::{Kind, blocking::Client};
//!
//! let client = Client::from_env()?;
//! client.create("uptime", "metric server uptime")?;
//! client.update("uptime", 5.0)?;
//! client.metric("jobs_total").label("queue", "mail").kind(Kind::Counter).increment()?;
//! # Ok::<(), nexus_client::Error>(())
//! ```

mod client;
mod list;
mod metric;
mod runtime;

pub use client::Client;
pub use list::{Families, List};
pub use metric::Metric;
