//! The state as text for scrapers: a stream of chunks, never the whole body.
//!
//! What a chunk costs depends on its series alone, not on how many there are. Writers are not held up: values are read
//! with one load each, and a slab is held still only while its own lines are written.

mod body;
mod gzip;
mod gzip_cache;
mod negotiate;
mod render;
mod scrape;
#[cfg(feature = "zstd")]
mod zstd;

pub(crate) use body::Body;
pub(crate) use gzip_cache::GzipCache;
pub(crate) use negotiate::{accepted_encoding, negotiate};
pub(crate) use scrape::Scrape;
