//! The text formats that Prometheus reads: the classic one, 0.0.4, and OpenMetrics 1.0.0.

mod escape;
mod format;
mod lines;
pub mod number;

pub use escape::{escape_label_name, escape_name};
pub use format::{Escaping, Format, UnknownEscaping};
pub use lines::{Extra, Header, Lines, Suffix, finish};
