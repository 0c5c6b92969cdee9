//! A scrape as it is sent: pieces of the body, one after the other.

use std::{io, sync::Arc};

#[cfg(feature = "zstd")]
use super::zstd::Zstd;
use super::{
    gzip::Gzip,
    gzip_cache::{GzipCache, RenderedBlock},
    scrape::{CHUNK_BYTES, Part, Scrape},
};
use crate::content_coding::ContentCoding;

/// The body of a scrape.
#[derive(Debug)]
pub(crate) struct Body {
    scrape: Scrape,
    coding: Coding,
    /// Whether the end was given out.
    ended: bool,
}

#[derive(Debug)]
enum Coding {
    Identity,
    Gzip(Box<GzipBody>),
    #[cfg(feature = "zstd")]
    Zstd(Zstd),
}

impl Body {
    /// A body in this encoding; chunks that did not change are taken from `gzip_cache`.
    pub(crate) fn new(scrape: Scrape, coding: ContentCoding, gzip_cache: GzipCache) -> io::Result<Self> {
        let coding = match coding {
            ContentCoding::Identity => Coding::Identity,
            ContentCoding::Gzip => Coding::Gzip(Box::new(GzipBody::new(gzip_cache))),
            #[cfg(feature = "zstd")]
            ContentCoding::Zstd => Coding::Zstd(Zstd::new()?),
        };
        Ok(Body {
            scrape,
            coding,
            ended: false,
        })
    }

    /// The next piece; `None` at the end. Makes at most a few chunks of text meanwhile, or until some of the body is ready.
    pub(crate) fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        while out.is_empty() && !self.ended {
            self.ended = match &mut self.coding {
                Coding::Identity => !self.scrape.next_chunk(&mut out),
                Coding::Gzip(gzip) => gzip.piece(&mut self.scrape, &mut out)?,
                #[cfg(feature = "zstd")]
                Coding::Zstd(zstd) => zstd_piece(&mut self.scrape, zstd, &mut out)?,
            };
        }
        Ok((!out.is_empty()).then_some(out))
    }
}

/// Appends what is ready after one more chunk; says whether it was the last.
#[cfg(feature = "zstd")]
fn zstd_piece(scrape: &mut Scrape, zstd: &mut Zstd, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = Vec::new();
    let ended = !scrape.next_chunk(&mut chunk);
    *out = if ended { zstd.finish()? } else { zstd.push(&chunk)? };
    Ok(ended)
}

/// Blocks worth it are chunks of their own, which stand in the next scrapes too unless they change; what is between them is
/// compressed each time.
#[derive(Debug)]
struct GzipBody {
    gzip: Gzip,
    cache: GzipCache,
    /// What is rendered and not compressed yet.
    text: Vec<u8>,
}

impl GzipBody {
    fn new(cache: GzipCache) -> Self {
        cache.sweep();
        GzipBody {
            gzip: Gzip::new(),
            cache,
            text: Vec::new(),
        }
    }

    /// Appends the next parts; says whether they were the last.
    fn piece(&mut self, scrape: &mut Scrape, out: &mut Vec<u8>) -> io::Result<bool> {
        let mut rendered = 0;
        for part in scrape {
            if let Some((block, style)) = part.whole_block() {
                self.compress_text(out)?;
                let key = RenderedBlock {
                    block: block.id(),
                    style,
                };
                // Before the text: if it changes meanwhile, the chunk is taken for older than it is, never for newer.
                rendered += self.block(&part, key, block.version(), out)?;
            } else {
                let before = self.text.len();
                part.render(&mut self.text);
                rendered += self.text.len() - before;
            }
            if rendered >= CHUNK_BYTES || out.len() >= CHUNK_BYTES {
                self.compress_text(out)?;
                return Ok(false);
            }
        }
        self.compress_text(out)?;
        self.gzip.finish(out);
        Ok(true)
    }

    /// Appends the chunk of a block, made unless it is there; says how much was rendered for it.
    fn block(&mut self, part: &Part, key: RenderedBlock, version: u64, out: &mut Vec<u8>) -> io::Result<usize> {
        if let Some(chunk) = self.cache.find(&key, version) {
            self.gzip.append(out, &chunk);
            return Ok(0);
        }
        part.render(&mut self.text);
        let rendered = self.text.len();
        let chunk = Arc::new(self.gzip.compress(&self.text)?);
        self.text.clear();
        self.gzip.append(out, &chunk);
        self.cache.keep(key, version, chunk);
        Ok(rendered)
    }

    fn compress_text(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if !self.text.is_empty() {
            let chunk = self.gzip.compress(&self.text)?;
            self.text.clear();
            self.gzip.append(out, &chunk);
        }
        Ok(())
    }
}
