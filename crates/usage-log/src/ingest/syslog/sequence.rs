//! Which lines are missing.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// What is missing in numbered streams, whose numbers come in about their order. What is lost at the beginning or the end
/// of a stream is not seen.
///
/// The names come from the network, so the map's hash is a keyed one.
#[derive(Debug)]
pub(super) struct Sequences {
    streams: HashMap<Arc<str>, Stream>,
    /// The streams with the turn in which each was looked at, oldest first; those that were looked at later are in it
    /// again.
    turns: VecDeque<(Arc<str>, u64)>,
    turn: u64,
    streams_max: usize,
    missing: u64,
}

#[derive(Debug, Default)]
struct Stream {
    lowest: u64,
    highest: u64,
    seen: u64,
    turn: u64,
}

impl Stream {
    fn missing(&self) -> u64 {
        (self.highest - self.lowest).saturating_add(1).saturating_sub(self.seen)
    }
}

impl Sequences {
    pub(super) fn new(streams_max: usize) -> Self {
        Sequences {
            streams: HashMap::new(),
            turns: VecDeque::new(),
            turn: 0,
            streams_max: streams_max.max(1),
            missing: 0,
        }
    }

    /// In all streams.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// The stream's number has come. A stream is followed from the lowest number that has come: it may be older than we are.
    pub(super) fn note(&mut self, name: &Arc<str>, number: u64) {
        self.turn += 1;
        let mut before = 0;
        let stream = self
            .streams
            .entry(name.clone())
            .and_modify(|stream| before = stream.missing())
            .or_insert(Stream {
                lowest: number,
                highest: number,
                ..Stream::default()
            });
        stream.lowest = stream.lowest.min(number);
        stream.highest = stream.highest.max(number);
        stream.seen = stream.seen.saturating_add(1);
        self.missing = self.missing.saturating_sub(before).saturating_add(stream.missing());
        // Once in a while is enough to tell the quiet ones, and keeps the list short.
        let is_due = stream.turn == 0 || self.turn - stream.turn >= self.streams_max as u64;
        if is_due {
            stream.turn = self.turn;
            self.turns.push_back((name.clone(), self.turn));
        }
        self.forget();
    }

    /// Forgets the quietest streams. What they miss stays counted.
    fn forget(&mut self) {
        while self.streams.len() > self.streams_max || self.turns.len() > 2 * self.streams_max {
            let Some((name, turn)) = self.turns.pop_front() else {
                return;
            };
            if self.streams.get(&name).is_some_and(|stream| stream.turn == turn) {
                self.streams.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_until_they_are_filled() {
        let check = |streams_max: usize, notes: &[(&str, u64)], missing: u64| {
            let mut sequences = Sequences::new(streams_max);
            for (name, number) in notes {
                sequences.note(&(*name).into(), *number);
                assert!(sequences.streams.len() <= streams_max && sequences.turns.len() <= 2 * streams_max);
            }
            assert_eq!(sequences.missing(), missing, "{notes:?}");
        };
        check(8, &[], 0);
        check(8, &[("a", 1), ("a", 2), ("b", 1)], 0);
        check(8, &[("a", 1), ("a", 4)], 2);
        check(8, &[("a", 1), ("a", 4), ("a", 2)], 1);
        check(8, &[("a", 1), ("a", 3), ("b", 1), ("b", 3), ("a", 2)], 1);
        // Begun before we were there.
        check(8, &[("a", 1_000), ("a", 1_002)], 1);
        check(8, &[("a", 3), ("a", 1), ("a", 2)], 0);
        check(8, &[("a", 3), ("a", 1)], 1);
        check(8, &[("a", u64::MAX), ("a", 0)], u64::MAX - 2);
        check(8, &[("a", 1), ("a", 1), ("a", 1)], 0);
        // A stream that is forgotten keeps what it misses, and begins anew.
        check(1, &[("a", 1), ("a", 3), ("b", 1), ("a", 9)], 1);
        let quiet: Vec<_> = (0..100).map(|number| ("a", number)).collect();
        check(2, &quiet, 0);
    }
}
