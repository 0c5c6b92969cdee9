//! Content codings (RFC 9110, 8.4.1): how bodies are compressed, and how they are read back within a limit.

use std::io::{self, Read};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Identity,
    Gzip,
    #[cfg(feature = "zstd")]
    Zstd,
}

impl ContentCoding {
    /// What this build reads and writes, as `Accept-Encoding` says it.
    pub(crate) const SUPPORTED: &str = if cfg!(feature = "zstd") { "gzip, zstd" } else { "gzip" };

    /// Which one a reader gets who likes several as much.
    #[cfg(feature = "zstd")]
    pub(crate) const PREFERRED: Self = ContentCoding::Zstd;
    #[cfg(not(feature = "zstd"))]
    pub(crate) const PREFERRED: Self = ContentCoding::Gzip;

    /// The one of that name, in lower case; `None` if this build does not have it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "identity" => Some(ContentCoding::Identity),
            "gzip" | "x-gzip" => Some(ContentCoding::Gzip),
            #[cfg(feature = "zstd")]
            "zstd" => Some(ContentCoding::Zstd),
            _ => None,
        }
    }

    /// The value of `Content-Encoding`; none for a body as it is.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        match self {
            ContentCoding::Identity => None,
            ContentCoding::Gzip => Some("gzip"),
            #[cfg(feature = "zstd")]
            ContentCoding::Zstd => Some("zstd"),
        }
    }

    /// The body as it was before it was compressed, or its first `limit` bytes.
    ///
    /// # Errors
    /// The bytes are not sound in this coding.
    pub(crate) fn decompress(self, bytes: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            ContentCoding::Identity => bytes.take(limit).read_to_end(&mut out),
            ContentCoding::Gzip => flate2::read::MultiGzDecoder::new(bytes)
                .take(limit)
                .read_to_end(&mut out),
            #[cfg(feature = "zstd")]
            ContentCoding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(bytes)?;
                // A frame may ask for a window of gigabytes; what browsers accept is enough (RFC 9659).
                decoder.window_log_max(23)?;
                decoder.take(limit).read_to_end(&mut out)
            }
        }?;
        Ok(out)
    }
}
