use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use nexus_metric::text::{Escaping, Format};
use tokio::time::Instant;

use super::{gzip::Part, render::Created};
use crate::store::Slab;

/// How many bytes of compressed parts are kept from scrape to scrape. A million series with three labels take six to seven
/// million; series beyond the bound are compressed each time.
pub(crate) const PARTS_BYTES_MAX: usize = 12 << 20;
/// A part that no scrape asked for goes after that: twice the longest scrape interval that Prometheus works with.
const UNUSED_MAX: Duration = Duration::from_secs(600);
/// What a part takes beside its bytes.
const OVERHEAD_BYTES: usize = 192;

/// The compressed lines of slabs that may be the same at the next scrape. Cheap to clone; all clones are one.
///
/// A part is right as long as its slab's version stays. What does not fit is not kept: scrapes come round and round, and
/// whatever made room would be asked for again before the part that took it.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    shared: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    parts: HashMap<Key, Entry, foldhash::fast::FixedState>,
    bytes: usize,
    bytes_max: usize,
}

/// How a slab's lines are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Spelling {
    pub(super) format: Format,
    pub(super) escaping: Escaping,
    pub(super) created: Created,
}

/// A slab is known by its address, which stays its own as long as the entry has a weak pointer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    slab: usize,
    spelling: Spelling,
}

#[derive(Debug)]
struct Entry {
    slab: Weak<Slab>,
    version: u64,
    part: Arc<Part>,
    used: Instant,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.part.len() + OVERHEAD_BYTES
    }
}

impl Default for Parts {
    fn default() -> Self {
        Parts::new(PARTS_BYTES_MAX)
    }
}

impl Parts {
    /// Keeps at most so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let kept = Kept {
            parts: HashMap::default(),
            bytes: 0,
            bytes_max,
        };
        Parts {
            shared: Arc::new(Mutex::new(kept)),
        }
    }

    /// The part of a slab, if the slab has not changed since.
    pub(super) fn find(&self, slab: &Arc<Slab>, spelling: Spelling) -> Option<Arc<Part>> {
        let mut kept = self.lock();
        let entry = kept.parts.get_mut(&key(slab, spelling))?;
        if entry.version != slab.version() {
            return None;
        }
        entry.used = Instant::now();
        Some(entry.part.clone())
    }

    /// Keeps the part of a slab, made after the slab had this version, in place of an older one.
    pub(super) fn keep(&self, slab: &Arc<Slab>, spelling: Spelling, version: u64, part: Arc<Part>) {
        let entry = Entry {
            slab: Arc::downgrade(slab),
            version,
            part,
            used: Instant::now(),
        };
        let mut kept = self.lock();
        kept.remove(&key(slab, spelling));
        if kept.bytes + entry.bytes() <= kept.bytes_max {
            kept.bytes += entry.bytes();
            kept.parts.insert(key(slab, spelling), entry);
        }
    }

    /// Forgets the parts of slabs that are gone, and those that nobody asks for any more.
    pub(super) fn sweep(&self) {
        let mut kept = self.lock();
        let now = Instant::now();
        let mut bytes = 0;
        kept.parts.retain(|_, entry| {
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
        if let Some(old) = self.parts.remove(key) {
            self.bytes -= old.bytes();
        }
    }
}

fn key(slab: &Arc<Slab>, spelling: Spelling) -> Key {
    Key {
        slab: Arc::as_ptr(slab).addr(),
        spelling,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::gzip::Gzip;

    const SPELLING: Spelling = Spelling {
        format: Format::OpenMetrics,
        escaping: Escaping::Underscores,
        created: Created::Hidden,
    };

    fn part() -> Arc<Part> {
        Arc::new(Gzip::begin(&mut Vec::new()).pack(b"jobs_total 1\n").unwrap())
    }

    #[test]
    fn a_part_is_found_until_its_slab_changes_and_under_its_spelling_only() {
        let (parts, slab) = (Parts::default(), Arc::new(Slab::numbers(1)));
        parts.keep(&slab, SPELLING, slab.version(), part());
        assert!(parts.find(&slab, SPELLING).is_some());
        let other = Spelling {
            format: Format::Prometheus,
            ..SPELLING
        };
        assert!(parts.find(&slab, other).is_none());
        assert!(parts.find(&Arc::new(Slab::numbers(1)), SPELLING).is_none());
        slab.changed();
        assert!(parts.find(&slab, SPELLING).is_none());
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_what_is_replaced_or_gone_gives_its_room_back() {
        let room = part().len() + OVERHEAD_BYTES;
        let parts = Parts::new(2 * room);
        let slabs: Vec<_> = std::iter::repeat_with(|| Arc::new(Slab::numbers(1))).take(3).collect();
        let keep = |slab: &Arc<Slab>| parts.keep(slab, SPELLING, slab.version(), part());
        let found = || {
            slabs
                .iter()
                .map(|slab| parts.find(slab, SPELLING).is_some())
                .collect::<Vec<_>>()
        };
        slabs.iter().for_each(keep);
        assert_eq!(found(), [true, true, false]);
        keep(&slabs[0]);
        assert_eq!(found(), [true, true, false]);
        let gone = Arc::new(Slab::numbers(1));
        parts.lock().remove(&key(&slabs[0], SPELLING));
        keep(&gone);
        drop(gone);
        keep(&slabs[2]);
        assert_eq!(found(), [false, true, false]);
        parts.sweep();
        keep(&slabs[2]);
        assert_eq!(found(), [false, true, true]);
        assert_eq!(parts.lock().bytes, 2 * room);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_goes() {
        let (parts, slab) = (Parts::default(), Arc::new(Slab::numbers(1)));
        parts.keep(&slab, SPELLING, slab.version(), part());
        for _ in 0..3 {
            tokio::time::advance(UNUSED_MAX).await;
            parts.sweep();
            assert!(parts.find(&slab, SPELLING).is_some());
        }
        tokio::time::advance(UNUSED_MAX + Duration::from_secs(1)).await;
        parts.sweep();
        assert!(parts.find(&slab, SPELLING).is_none());
    }
}
