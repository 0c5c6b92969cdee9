use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// The value of `Content-Encoding`; none for a body as it is.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        match self {
            Encoding::Identity => None,
            Encoding::Gzip => Some("gzip"),
            Encoding::Zstd => Some("zstd"),
        }
    }
}

/// Metrics repeat themselves so much that the fastest level already gives nearly all there is to gain.
const ZSTD_LEVEL: i32 = 1;

/// Compresses chunk by chunk; what it holds back between chunks is bounded by the window of the algorithm.
pub(crate) enum Compressor {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Compressor::Identity => "Identity",
            Compressor::Gzip(_) => "Gzip",
            Compressor::Zstd(_) => "Zstd",
        })
    }
}

impl Compressor {
    pub(crate) fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Identity => Compressor::Identity,
            Encoding::Gzip => Compressor::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Zstd => Compressor::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    /// Takes a chunk; gives what is ready of the compressed body, which may be nothing.
    pub(crate) fn push(&mut self, chunk: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Compressor::Identity => Ok(chunk),
            Compressor::Gzip(encoder) => {
                encoder.write_all(&chunk)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Compressor::Zstd(encoder) => {
                encoder.write_all(&chunk)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }

    /// Gives the rest of the body.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Compressor::Identity => Ok(Vec::new()),
            Compressor::Gzip(encoder) => encoder.finish(),
            Compressor::Zstd(encoder) => encoder.finish(),
        }
    }
}
