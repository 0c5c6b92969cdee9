//! A body in zstd.

use std::io::{self, Write};

/// Metrics repeat themselves so much that the fastest level already gives nearly all there is to gain.
const ZSTD_LEVEL: i32 = 1;

/// Compresses chunk by chunk; what it holds back between chunks is bounded by the window of the algorithm.
pub(super) struct Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>);

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Zstd")
    }
}

impl Zstd {
    pub(super) fn new() -> io::Result<Self> {
        zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL).map(Zstd)
    }

    /// Takes a chunk; gives what is ready of the compressed body, which may be nothing.
    pub(super) fn push(&mut self, chunk: &[u8]) -> io::Result<Vec<u8>> {
        self.0.write_all(chunk)?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    /// Gives the rest of the body.
    pub(super) fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.0.do_finish()?;
        Ok(std::mem::take(self.0.get_mut()))
    }
}
