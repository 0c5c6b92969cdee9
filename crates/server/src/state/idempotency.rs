//! What makes the repeat of a write harmless: each key that was used, with what its answer needs.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::{
    clock::Reading,
    write::{Applied, Idempotency},
};

/// A write that happened under an idempotency key, in 48 bytes: there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) idempotency: Idempotency,
    /// The sequence of the write's last change.
    pub(crate) sequence: u64,
    /// When it happened, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) created: u32,
    pub(crate) deleted: u32,
}

impl Used {
    /// What the answer to a repeat says, which has as many changes as the first had.
    pub(crate) fn applied(&self, refused: u32, sent: u64) -> Applied {
        let refused = u64::from(refused);
        Applied {
            sequence: self.sequence,
            changes: sent.saturating_sub(refused),
            refused,
            created: self.created.into(),
            deleted: self.deleted.into(),
        }
    }
}

/// How long and how many keys are kept; what comes first ends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) keys_max: usize,
    pub(crate) retention_ms: u64,
}

/// What is known of an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It was never used, or that is forgotten.
    Unknown,
    /// It was used for the same request, of which so many changes were refused.
    Same(Used, u32),
    /// It was used for another request.
    Other,
}

/// The keys that were used, oldest first. The writer changes them, a snapshot reads them in pieces.
#[derive(Debug, Default)]
pub(crate) struct UsedKeys {
    keys: Mutex<Keys>,
    evicted: AtomicU64,
}

/// How many keys are kept in one piece, so that the list grows without moving what is there.
const PIECE: usize = 4096;

#[derive(Debug, Default)]
struct Keys {
    /// Full pieces, the last one excepted; the first may have lost its beginning to `gone`.
    pieces: VecDeque<Vec<Used>>,
    /// How many at the beginning of the first piece are forgotten.
    gone: usize,
    /// The number of the first key of the first piece, counted from the first key ever.
    first: u64,
    /// From a key to its number, modulo 2^32: there are never so many at once.
    index: HashTable<u32>,
    /// How many changes were refused of the write of a key: there are few whose writes happened in part.
    refused: HashMap<[u8; 16], u32, FixedState>,
    /// The clocks when the wall clock was last set. When it is set again, the times of all keys are moved along, so that
    /// keys age by the time that passes, whatever the wall clock does.
    since: Option<Reading>,
}

/// Wall and steady clock differ by more than this: the wall clock was set.
const JUMP_MS: u64 = 1000;

impl UsedKeys {
    pub(crate) fn find(&self, idempotency: &Idempotency) -> Lookup {
        let keys = self.lock();
        match keys.get(idempotency) {
            None => Lookup::Unknown,
            Some(used) if used.idempotency.fingerprint == idempotency.fingerprint => {
                Lookup::Same(*used, keys.refused(used))
            }
            Some(_) => Lookup::Other,
        }
    }

    /// Keeps a key, of whose write so many changes were refused; what is as new already stays as it is.
    pub(crate) fn keep(&self, used: Used, refused: u32) {
        let mut keys = self.lock();
        match keys.get(&used.idempotency) {
            Some(known) if known.sequence >= used.sequence => return,
            None => keys.push(used),
            // Forgotten in an earlier life and used again since.
            Some(_) => {
                keys.unindex(&used.idempotency);
                keys.push(used);
            }
        }
        match refused {
            0 => drop(keys.refused.remove(&used.idempotency.id)),
            _ => drop(keys.refused.insert(used.idempotency.id, refused)),
        }
    }

    /// Sees whether the wall clock was set, before a key is kept under its time.
    pub(crate) fn follow(&self, now: Reading) {
        self.lock().follow(now);
    }

    /// Forgets what is too old or too much at this time.
    pub(crate) fn evict(&self, retention: &Retention, now_ms: u64) {
        let mut keys = self.lock();
        let mut evicted = 0;
        while let Some(oldest) = keys.oldest() {
            let expired = now_ms.saturating_sub(oldest.at_ms) > retention.retention_ms;
            if !expired && keys.index.len() <= retention.keys_max {
                break;
            }
            keys.pop();
            evicted += 1;
        }
        self.evicted.fetch_add(evicted, Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().index.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// A piece of the keys from number `from` on, each with how many changes of its write were refused, and the number to go
    /// on with; `None` if there are no more.
    pub(crate) fn piece(&self, from: u64) -> Option<(Vec<(Used, u32)>, u64)> {
        self.lock().piece(from)
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn follow(&mut self, now: Reading) {
        let Some(since) = self.since else {
            self.since = Some(now);
            return self.settle(now.wall_ms);
        };
        let expected = since.wall_ms + now.steady_ms.saturating_sub(since.steady_ms);
        if now.wall_ms.abs_diff(expected) <= JUMP_MS {
            return;
        }
        self.since = Some(now);
        for used in self.pieces.iter_mut().flatten() {
            used.at_ms = used.at_ms.saturating_add(now.wall_ms).saturating_sub(expected);
        }
    }

    /// Puts keys that were read from snapshot and journal in order. The clock may have been set meanwhile: no key is newer
    /// than the one after it, and none is from the future.
    fn settle(&mut self, now_ms: u64) {
        let kept = || self.pieces.iter().flatten().skip(self.gone);
        let in_order = kept().is_sorted_by_key(|used| used.sequence) && kept().is_sorted_by_key(|used| used.at_ms);
        if in_order && kept().last().is_none_or(|last| last.at_ms <= now_ms) {
            return;
        }
        let mut all: Vec<Used> = kept().copied().collect();
        all.sort_by_key(|used| used.sequence);
        let mut latest = now_ms;
        for used in all.iter_mut().rev() {
            latest = latest.min(used.at_ms);
            used.at_ms = latest;
        }
        *self = Keys {
            since: self.since,
            refused: std::mem::take(&mut self.refused),
            ..Keys::default()
        };
        for used in all {
            // Of a key that was forgotten and used again, the older use may be among them.
            self.unindex(&used.idempotency);
            self.push(used);
        }
    }

    fn at(&self, number: u32) -> Option<&Used> {
        #[expect(clippy::cast_possible_truncation, reason = "numbers are compared modulo 2^32")]
        let offset = number.wrapping_sub(self.first as u32) as usize;
        self.pieces.get(offset / PIECE)?.get(offset % PIECE)
    }

    fn get(&self, idempotency: &Idempotency) -> Option<&Used> {
        let is_it = |number: &u32| {
            self.at(*number)
                .is_some_and(|used| used.idempotency.id == idempotency.id)
        };
        self.at(*self.index.find(hash(&idempotency.id), is_it)?)
    }

    fn refused(&self, used: &Used) -> u32 {
        if self.refused.is_empty() {
            return 0;
        }
        self.refused.get(&used.idempotency.id).copied().unwrap_or(0)
    }

    fn unindex(&mut self, idempotency: &Idempotency) {
        let Keys {
            index, pieces, first, ..
        } = self;
        let hash = hash(&idempotency.id);
        if let Ok(entry) = index.find_entry(hash, |number| hash_at(pieces, *first, *number) == hash) {
            entry.remove();
        }
    }

    fn push(&mut self, used: Used) {
        if self.pieces.back().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push_back(Vec::with_capacity(PIECE));
        }
        let number = self.first + ((self.pieces.len() - 1) * PIECE) as u64;
        let Some(piece) = self.pieces.back_mut() else { return };
        let number = number + piece.len() as u64;
        piece.push(used);
        #[expect(clippy::cast_possible_truncation, reason = "numbers are compared modulo 2^32")]
        let number = number as u32;
        // The table asks for hashes of what is there when it grows.
        let Keys {
            index, pieces, first, ..
        } = self;
        let hash_of = |number: &u32| hash_at(pieces, *first, *number);
        index.insert_unique(hash(&used.idempotency.id), number, hash_of);
    }

    fn oldest(&self) -> Option<&Used> {
        self.pieces.front()?.get(self.gone)
    }

    fn pop(&mut self) {
        let Some(oldest) = self.oldest().copied() else { return };
        #[expect(clippy::cast_possible_truncation, reason = "numbers are compared modulo 2^32")]
        let number = (self.first + self.gone as u64) as u32;
        if let Ok(entry) = self
            .index
            .find_entry(hash(&oldest.idempotency.id), |found| *found == number)
        {
            entry.remove();
            // If it is not there, the key was used again, and this is of the newer use.
            self.refused.remove(&oldest.idempotency.id);
        }
        self.gone += 1;
        if self.gone == PIECE {
            self.pieces.pop_front();
            self.first += PIECE as u64;
            self.gone = 0;
        }
    }

    fn piece(&self, from: u64) -> Option<(Vec<(Used, u32)>, u64)> {
        let from = from.max(self.first + self.gone as u64);
        let offset = usize::try_from(from - self.first).ok()?;
        let piece = self.pieces.get(offset / PIECE)?.get(offset % PIECE..)?;
        let with_refused = || piece.iter().map(|used| (*used, self.refused(used))).collect();
        (!piece.is_empty()).then(|| (with_refused(), from + piece.len() as u64))
    }
}

fn hash_at(pieces: &VecDeque<Vec<Used>>, first: u64, number: u32) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "numbers are compared modulo 2^32")]
    let offset = number.wrapping_sub(first as u32) as usize;
    pieces
        .get(offset / PIECE)
        .and_then(|piece| piece.get(offset % PIECE))
        .map_or(0, |used| hash(&used.idempotency.id))
}

/// A digest's own bytes are as good as a hash of them.
fn hash(id: &[u8; 16]) -> u64 {
    u64::from_le_bytes(*id.first_chunk().unwrap_or(&[0; 8]))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn used(id: u64, fingerprint: u8, sequence: u64, at_ms: u64) -> Used {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&id.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        let idempotency = Idempotency {
            id: bytes,
            fingerprint: [fingerprint; 8],
        };
        Used {
            idempotency,
            sequence,
            at_ms,
            created: 1,
            deleted: 0,
        }
    }

    fn refused(used: &Used) -> u32 {
        u32::try_from(used.sequence % 3).unwrap()
    }

    proptest! {
        /// Against a plain list: what is found, what is forgotten, and what a snapshot reads.
        #[test]
        fn keys_are_kept_in_order_and_forgotten_in_order(steps in vec((0..40u64, 0..3u64), 1..200), keys_max in 1..30usize) {
            let (keys, retention) = (UsedKeys::default(), Retention { keys_max, retention_ms: 20 });
            let mut model: VecDeque<Used> = VecDeque::new();
            let mut now = 0;
            for (sequence, (id, pause)) in (1..).zip(steps) {
                now += pause;
                let new = used(id, 0, sequence, now);
                let known = model.iter().find(|known| known.idempotency.id == new.idempotency.id);
                prop_assert_eq!(keys.find(&new.idempotency), known.map_or(Lookup::Unknown, |known| Lookup::Same(*known, refused(known))));
                if known.is_none() {
                    keys.keep(new, refused(&new));
                    model.push_back(new);
                }
                keys.evict(&retention, now);
                while model.len() > keys_max || model.front().is_some_and(|front| now - front.at_ms > 20) {
                    model.pop_front();
                }
                prop_assert_eq!(keys.len(), model.len());
            }
            let mut read = Vec::new();
            let mut from = 0;
            while let Some((piece, next)) = keys.piece(from) {
                read.extend(piece);
                from = next;
            }
            prop_assert_eq!(keys.lock().refused.len(), model.iter().filter(|used| refused(used) > 0).count());
            let model: Vec<_> = model.into_iter().map(|used| (used, refused(&used))).collect();
            prop_assert_eq!(read, model);
        }
    }

    #[test]
    fn many_keys_over_many_pieces_are_found_and_forgotten() {
        let (keys, retention) = (
            UsedKeys::default(),
            Retention {
                keys_max: 10_000,
                retention_ms: u64::MAX,
            },
        );
        for n in 0..50_000 {
            keys.keep(used(n, 0, n, n), 0);
            keys.evict(&retention, n);
        }
        assert_eq!((keys.len(), keys.evicted()), (10_000, 40_000));
        for n in 0..50_000 {
            assert_eq!(
                keys.find(&used(n, 0, n, n).idempotency) != Lookup::Unknown,
                n >= 40_000,
                "{n}"
            );
        }
        assert_eq!(keys.find(&used(49_000, 1, 0, 0).idempotency), Lookup::Other);
    }

    fn reading(wall_ms: u64, steady_ms: u64) -> Reading {
        Reading { wall_ms, steady_ms }
    }

    fn is_known(keys: &UsedKeys, id: u64) -> bool {
        keys.find(&used(id, 0, 0, 0).idempotency) != Lookup::Unknown
    }

    #[test]
    fn keys_age_by_the_time_that_passes_wherever_the_wall_clock_is_set_to() {
        const YEAR: u64 = 31_536_000_000;
        for jump in [0, 2 * YEAR] {
            let (keys, mut wall) = (UsedKeys::default(), YEAR);
            let retention = Retention {
                keys_max: 100,
                retention_ms: 10_000,
            };
            for second in 0..40u64 {
                // Ahead or back, and right again.
                wall = match second {
                    11 => jump + 11_000,
                    13 => YEAR + 13_000,
                    _ => wall + 1000,
                };
                keys.follow(reading(wall, second * 1000));
                keys.keep(used(second, 0, second + 1, wall), 0);
                keys.evict(&retention, wall);
                for earlier in 0..=second {
                    let age = second - earlier;
                    // A jump is known to a second.
                    if !(9..=12).contains(&age) {
                        assert_eq!(is_known(&keys, earlier), age < 10, "{earlier} at {second}");
                    }
                }
            }
        }
    }

    #[test]
    fn keys_from_the_future_are_not_kept_for_ever_and_the_order_is_that_of_their_use() {
        let keys = UsedKeys::default();
        // As a snapshot and a journal may give them: the clock was ahead for a while, and the journal has an older one.
        for (id, sequence, at_ms) in [
            (1, 1, 1000),
            (2, 2, 900_000),
            (4, 4, 3000),
            (3, 3, 2000),
            (5, 5, 800_000),
        ] {
            keys.keep(used(id, 0, sequence, at_ms), 0);
        }
        keys.follow(reading(4000, 0));
        let (read, _) = keys.piece(0).unwrap();
        let times: Vec<_> = read.iter().map(|(used, _)| (used.sequence, used.at_ms)).collect();
        assert_eq!(times, [(1, 1000), (2, 2000), (3, 2000), (4, 3000), (5, 4000)]);
        let retention = Retention {
            keys_max: 2,
            retention_ms: 10_000,
        };
        keys.evict(&retention, 4000);
        assert_eq!((1..=5).filter(|id| is_known(&keys, *id)).collect::<Vec<_>>(), [4, 5]);
        keys.evict(&retention, 14_001);
        assert_eq!(keys.len(), 0);
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Used>(), 48);
    }
}
