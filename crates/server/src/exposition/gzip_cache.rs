use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use nexus_metric::text::{Escaping, Format};
use tokio::time::Instant;

use super::{gzip::DeflateChunk, render::Created};
use crate::state::Slab;

/// A chunk that no scrape asked for goes after that: twice the longest scrape interval that Prometheus works with.
const UNUSED_MAX: Duration = Duration::from_secs(600);
/// What a chunk takes beside its bytes.
const OVERHEAD_BYTES: usize = 192;

/// The compressed lines of slabs that may be the same at the next scrape. Cheap to clone; all clones are one.
///
/// A chunk is right as long as its slab's version stays. What does not fit is not kept: scrapes come round and round, and
/// whatever made room would be asked for again before the chunk that took it.
#[derive(Debug, Clone)]
pub(crate) struct GzipCache {
    shared: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    chunks: HashMap<Key, Entry, foldhash::fast::FixedState>,
    bytes: usize,
    bytes_max: usize,
}

/// How a slab's lines are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RenderKey {
    pub(super) format: Format,
    pub(super) escaping: Escaping,
    pub(super) created: Created,
}

/// A slab is known by its address, which stays its own as long as the entry has a weak pointer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    slab: usize,
    render: RenderKey,
}

#[derive(Debug)]
struct Entry {
    slab: Weak<Slab>,
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

    /// The chunk of a slab, if the slab has not changed since.
    pub(super) fn find(&self, slab: &Arc<Slab>, render: RenderKey) -> Option<Arc<DeflateChunk>> {
        let mut kept = self.lock();
        let entry = kept.chunks.get_mut(&key(slab, render))?;
        if entry.version != slab.version() {
            return None;
        }
        entry.used = Instant::now();
        Some(entry.chunk.clone())
    }

    /// Keeps the chunk of a slab, made after the slab had this version, in place of an older one.
    pub(super) fn keep(&self, slab: &Arc<Slab>, render: RenderKey, version: u64, chunk: Arc<DeflateChunk>) {
        let entry = Entry {
            slab: Arc::downgrade(slab),
            version,
            chunk,
            used: Instant::now(),
        };
        let mut kept = self.lock();
        kept.remove(&key(slab, render));
        if kept.bytes + entry.bytes() <= kept.bytes_max {
            kept.bytes += entry.bytes();
            kept.chunks.insert(key(slab, render), entry);
        }
    }

    /// Forgets the chunks of slabs that are gone, and those that nobody asks for any more.
    pub(super) fn sweep(&self) {
        let mut kept = self.lock();
        let now = Instant::now();
        let mut bytes = 0;
        kept.chunks.retain(|_, entry| {
            let stays = entry.slab.strong_count() > 0 && now.duration_since(entry.used) <= UNUSED_MAX;
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
    fn remove(&mut self, key: &Key) {
        if let Some(old) = self.chunks.remove(key) {
            self.bytes -= old.bytes();
        }
    }
}

fn key(slab: &Arc<Slab>, render: RenderKey) -> Key {
    Key {
        slab: Arc::as_ptr(slab).addr(),
        render,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::gzip::Gzip;

    const SPELLING: RenderKey = RenderKey {
        format: Format::OpenMetrics,
        escaping: Escaping::Underscores,
        created: Created::Hidden,
    };

    fn part() -> Arc<DeflateChunk> {
        Arc::new(Gzip::begin(&mut Vec::new()).compress(b"jobs_total 1\n").unwrap())
    }

    #[test]
    fn a_part_is_found_until_its_slab_changes_and_under_its_spelling_only() {
        let (gzip_cache, slab) = (GzipCache::new(1 << 20), Arc::new(Slab::numbers(1)));
        gzip_cache.keep(&slab, SPELLING, slab.version(), part());
        assert!(gzip_cache.find(&slab, SPELLING).is_some());
        let other = RenderKey {
            format: Format::Prometheus,
            ..SPELLING
        };
        assert!(gzip_cache.find(&slab, other).is_none());
        assert!(gzip_cache.find(&Arc::new(Slab::numbers(1)), SPELLING).is_none());
        slab.changed();
        assert!(gzip_cache.find(&slab, SPELLING).is_none());
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_what_is_replaced_or_gone_gives_its_room_back() {
        let room = part().len() + OVERHEAD_BYTES;
        let gzip_cache = GzipCache::new(2 * room);
        let slabs: Vec<_> = std::iter::repeat_with(|| Arc::new(Slab::numbers(1))).take(3).collect();
        let keep = |slab: &Arc<Slab>| gzip_cache.keep(slab, SPELLING, slab.version(), part());
        let found = || {
            slabs
                .iter()
                .map(|slab| gzip_cache.find(slab, SPELLING).is_some())
                .collect::<Vec<_>>()
        };
        slabs.iter().for_each(keep);
        assert_eq!(found(), [true, true, false]);
        keep(&slabs[0]);
        assert_eq!(found(), [true, true, false]);
        let gone = Arc::new(Slab::numbers(1));
        gzip_cache.lock().remove(&key(&slabs[0], SPELLING));
        keep(&gone);
        drop(gone);
        keep(&slabs[2]);
        assert_eq!(found(), [false, true, false]);
        gzip_cache.sweep();
        keep(&slabs[2]);
        assert_eq!(found(), [false, true, true]);
        assert_eq!(gzip_cache.lock().bytes, 2 * room);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_goes() {
        let (gzip_cache, slab) = (GzipCache::new(1 << 20), Arc::new(Slab::numbers(1)));
        gzip_cache.keep(&slab, SPELLING, slab.version(), part());
        for _ in 0..3 {
            tokio::time::advance(UNUSED_MAX).await;
            gzip_cache.sweep();
            assert!(gzip_cache.find(&slab, SPELLING).is_some());
        }
        tokio::time::advance(UNUSED_MAX + Duration::from_secs(1)).await;
        gzip_cache.sweep();
        assert!(gzip_cache.find(&slab, SPELLING).is_none());
    }
}
