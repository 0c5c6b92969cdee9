//! What a hub holds, page by page.

mod family;
mod pages;
mod series;

pub use family::{Families, Family};
pub use series::{Bucket, Histogram, List, Series};
