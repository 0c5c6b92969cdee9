//! The text formats that Prometheus reads: the classic one, 0.0.4, and OpenMetrics 1.0.0.
//!
//! [`parse()`] reads a text into a [`Document`], [`write()`] writes one. A hub with its own store writes with [`Lines`]
//! and [`number`], which allocate nothing per sample.

mod document;
mod escape;
mod format;
mod lines;
pub mod number;
mod parse;
mod write;

pub use document::{Bucket, Document, Exemplar, Histogram, Metric, MetricFamily, Quantile, Summary, Value};
pub use escape::{escape_label_name, escape_name};
pub use format::{Escaping, Format, UnknownEscaping};
pub use lines::{Extra, Header, Lines, Suffix, finish};
pub use parse::{ParseError, Reason, parse};
pub use write::{write, write_family};
