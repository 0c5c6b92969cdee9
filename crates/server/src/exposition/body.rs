use std::{io, sync::Arc};

#[cfg(feature = "zstd")]
use super::zstd::Zstd;
use super::{
    gzip::Gzip,
    gzip_cache::GzipCache,
    scrape::{CHUNK_BYTES, Scrape},
};
use crate::content_coding::ContentCoding;

/// A scrape as it is sent: pieces of the body, one after the other.
#[derive(Debug)]
pub(crate) struct Body {
    scrape: Scrape,
    coding: Coding,
}

#[derive(Debug)]
enum Coding {
    Identity,
    Gzip {
        gzip: Option<Gzip>,
        gzip_cache: GzipCache,
        text: Vec<u8>,
    },
    #[cfg(feature = "zstd")]
    Zstd(Option<Zstd>),
    /// The end was given out.
    Ended,
}

impl Body {
    /// A body in this encoding; chunks that did not change are taken from `gzip_cache`.
    pub(crate) fn new(scrape: Scrape, coding: ContentCoding, gzip_cache: GzipCache) -> io::Result<Self> {
        let coding = match coding {
            ContentCoding::Identity => Coding::Identity,
            ContentCoding::Gzip => {
                gzip_cache.sweep();
                Coding::Gzip {
                    gzip: None,
                    gzip_cache,
                    text: Vec::new(),
                }
            }
            #[cfg(feature = "zstd")]
            ContentCoding::Zstd => Coding::Zstd(Some(Zstd::new()?)),
        };
        Ok(Body { scrape, coding })
    }

    /// The next piece; `None` at the end. Makes at most a few chunks of text meanwhile, or until some of the body is ready.
    pub(crate) fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        while out.is_empty() {
            let ended = match &mut self.coding {
                Coding::Ended => return Ok(None),
                Coding::Identity => !self.scrape.next_chunk(&mut out),
                Coding::Gzip { gzip, gzip_cache, text } => {
                    gzip_piece(&mut self.scrape, gzip, gzip_cache, text, &mut out)?
                }
                #[cfg(feature = "zstd")]
                Coding::Zstd(zstd) => zstd_piece(&mut self.scrape, zstd, &mut out)?,
            };
            if ended {
                self.coding = Coding::Ended;
            }
        }
        Ok(Some(out))
    }
}

#[cfg(feature = "zstd")]
fn zstd_piece(scrape: &mut Scrape, zstd: &mut Option<Zstd>, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = Vec::new();
    if scrape.next_chunk(&mut chunk) {
        if let Some(zstd) = zstd {
            *out = zstd.push(&chunk)?;
        }
        return Ok(false);
    }
    if let Some(zstd) = zstd.take() {
        *out = zstd.finish()?;
    }
    Ok(true)
}

/// Slabs worth it are chunks of their own, which stand in the next scrapes too unless they change; what is between them is
/// compressed each time.
fn gzip_piece(
    scrape: &mut Scrape,
    gzip: &mut Option<Gzip>,
    gzip_cache: &GzipCache,
    text: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> io::Result<bool> {
    let gzip_now = gzip.get_or_insert_with(|| Gzip::begin(out));
    let mut rendered = 0;
    while !scrape.is_finished() && rendered < CHUNK_BYTES && out.len() < CHUNK_BYTES {
        text.clear();
        if let Some((slab, key)) = scrape.block() {
            if let Some(part) = gzip_cache.find(&slab, key) {
                scrape.skip_block();
                gzip_now.append(out, &part);
                continue;
            }
            // Before the text: if it changes meanwhile, the part is taken for older than it is, never for newer.
            let version = slab.version();
            scrape.step(text);
            let part = Arc::new(gzip_now.compress(text)?);
            gzip_now.append(out, &part);
            gzip_cache.keep(&slab, key, version, part);
        } else {
            while !scrape.is_finished() && text.len() < CHUNK_BYTES && scrape.block().is_none() {
                scrape.step(text);
            }
            let part = gzip_now.compress(text)?;
            gzip_now.append(out, &part);
        }
        rendered += text.len();
    }
    let finished = scrape.is_finished();
    if finished && let Some(gzip) = gzip.take() {
        gzip.finish(out);
    }
    Ok(finished)
}
