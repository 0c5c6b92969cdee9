//! Compressed blocks that may be the same at the next scrape.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{gzip::DeflateChunk, scrape::Style};
use crate::store::view::BlockId;

/// A chunk that no scrape asked for goes after that: twice the longest scrape interval that Prometheus works with.
const UNUSED_MAX: Duration = Duration::from_secs(600);
/// What a chunk takes beside its bytes.
const OVERHEAD_BYTES: usize = 192;

/// The compressed lines of blocks that may be the same at the next scrape. Cheap to clone; all clones are one.
///
/// A chunk is right as long as its block's version stays. What does not fit is not kept: scrapes come round and round, and
/// whatever made room would be asked for again before the chunk that took it.
#[derive(Debug, Clone)]
pub(crate) struct GzipCache {
    shared: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    chunks: HashMap<RenderedBlock, Entry, foldhash::fast::FixedState>,
    bytes: usize,
    bytes_max: usize,
}

/// A block, and how its lines are spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RenderedBlock {
    pub(super) block: BlockId,
    pub(super) style: Style,
}

#[derive(Debug)]
struct Entry {
    version: u64,
    chunk: Arc<DeflateChunk>,
    used: Instant,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.chunk.len() + OVERHEAD_BYTES
    }
}

impl GzipCache {
    /// Keeps at most so many bytes; series beyond that are compressed each time.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let kept = Kept {
            chunks: HashMap::default(),
            bytes: 0,
            bytes_max,
        };
        GzipCache {
            shared: Arc::new(Mutex::new(kept)),
        }
    }

    /// The chunk of a block that has this version.
    pub(super) fn find(&self, key: &RenderedBlock, version: u64) -> Option<Arc<DeflateChunk>> {
        let mut kept = self.lock();
        let entry = kept.chunks.get_mut(key).filter(|entry| entry.version == version)?;
        entry.used = Instant::now();
        Some(entry.chunk.clone())
    }

    /// Keeps the chunk of a block, made after the block had this version, in place of an older one.
    pub(super) fn keep(&self, key: RenderedBlock, version: u64, chunk: Arc<DeflateChunk>) {
        let entry = Entry {
            version,
            chunk,
            used: Instant::now(),
        };
        let mut kept = self.lock();
        kept.remove(&key);
        if kept.bytes + entry.bytes() <= kept.bytes_max {
            kept.bytes += entry.bytes();
            kept.chunks.insert(key, entry);
        }
    }

    /// Forgets the chunks of blocks that are gone, and those that nobody asks for any more.
    pub(super) fn sweep(&self) {
        let mut kept = self.lock();
        let now = Instant::now();
        let mut bytes = 0;
        kept.chunks.retain(|key, entry| {
            let stays = !key.block.is_gone() && now.duration_since(entry.used) <= UNUSED_MAX;
            bytes += if stays { entry.bytes() } else { 0 };
            stays
        });
        kept.bytes = bytes;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every statement leaves it sound.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, key: &RenderedBlock) {
        if let Some(old) = self.chunks.remove(key) {
            self.bytes -= old.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_metric::text::{Escaping, Format};

    use super::*;
    use crate::{
        exposition::{gzip::Gzip, render::Created},
        protocol,
        state::State,
        store::view::Block,
        write::Write,
    };

    const STYLE: Style = Style {
        format: Format::OpenMetrics,
        escaping: Escaping::Underscores,
        created: Created::Hidden,
    };

    fn chunk() -> Arc<DeflateChunk> {
        Arc::new(Gzip::new().compress(b"jobs_total 1\n").unwrap())
    }

    /// A state of so many blocks, each the only one of its family.
    fn state(blocks: usize) -> State {
        let mut state = State::default();
        for n in 0..blocks {
            let body = format!(r#"[{{"op": "set", "metric": "b{n}", "type": "gauge", "value": 1}}]"#);
            let changes = protocol::batch::parse::parse(body.as_bytes(), 1).unwrap();
            state.apply(&Write::of("", changes), 1 + n as u64, 0);
        }
        state
    }

    fn block(state: &State, n: usize) -> Block {
        state.family(&format!("b{n}")).unwrap().block(0).unwrap()
    }

    fn key(block: &Block) -> RenderedBlock {
        RenderedBlock {
            block: block.id(),
            style: STYLE,
        }
    }

    #[test]
    fn a_chunk_is_found_until_its_block_changes_and_under_its_style_only() {
        let (gzip_cache, state) = (GzipCache::new(1 << 20), state(2));
        let (block, another) = (block(&state, 0), block(&state, 1));
        gzip_cache.keep(key(&block), block.version(), chunk());
        assert!(gzip_cache.find(&key(&block), block.version()).is_some());
        let mut other_style = key(&block);
        other_style.style.format = Format::Prometheus;
        assert!(gzip_cache.find(&other_style, block.version()).is_none());
        assert!(gzip_cache.find(&key(&another), another.version()).is_none());
        assert!(gzip_cache.find(&key(&block), block.version() + 1).is_none());
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_what_is_replaced_or_gone_gives_its_room_back() {
        let room = chunk().len() + OVERHEAD_BYTES;
        let gzip_cache = GzipCache::new(2 * room);
        let mut state = state(4);
        let blocks: Vec<_> = (0..3).map(|n| block(&state, n)).collect();
        let keep = |block: &Block| gzip_cache.keep(key(block), block.version(), chunk());
        let found = || {
            let is_found = |block: &Block| gzip_cache.find(&key(block), block.version()).is_some();
            blocks.iter().map(is_found).collect::<Vec<_>>()
        };
        blocks.iter().for_each(keep);
        assert_eq!(found(), [true, true, false]);
        keep(&blocks[0]);
        assert_eq!(found(), [true, true, false]);
        gzip_cache.lock().remove(&key(&blocks[0]));
        keep(&block(&state, 3));
        state.undefine("b3");
        keep(&blocks[2]);
        assert_eq!(found(), [false, true, false]);
        gzip_cache.sweep();
        keep(&blocks[2]);
        assert_eq!(found(), [false, true, true]);
        assert_eq!(gzip_cache.lock().bytes, 2 * room);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_goes() {
        let (gzip_cache, state) = (GzipCache::new(1 << 20), state(1));
        let block = block(&state, 0);
        let is_found = || gzip_cache.find(&key(&block), block.version()).is_some();
        gzip_cache.keep(key(&block), block.version(), chunk());
        for _ in 0..3 {
            tokio::time::advance(UNUSED_MAX).await;
            gzip_cache.sweep();
            assert!(is_found());
        }
        tokio::time::advance(UNUSED_MAX + Duration::from_secs(1)).await;
        gzip_cache.sweep();
        assert!(!is_found());
    }
}
