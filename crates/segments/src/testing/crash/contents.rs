//! What is known of the bytes of a file.

use std::ops::Range;

use super::Choices;

/// The bytes of a file, as stretches of its tape: all that was ever appended to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    stretches: Vec<Stretch>,
    /// What it held before each time that it was cut short since it was last synced.
    before_cuts: Vec<Vec<Stretch>>,
}

#[derive(Debug, Clone)]
struct Stretch {
    bytes: Range<usize>,
    firm: Firm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Firm {
    Dirty,
    Durable,
    /// Was dirty when a sync failed.
    Undecided,
}

impl Contents {
    pub(super) fn durable(length: usize) -> Self {
        let all = Stretch {
            bytes: 0..length,
            firm: Firm::Durable,
        };
        Contents {
            stretches: vec![all],
            before_cuts: Vec::new(),
        }
    }

    pub(super) fn append(&mut self, bytes: Range<usize>) {
        match self.stretches.last_mut() {
            Some(last) if last.firm == Firm::Dirty && last.bytes.end == bytes.start => last.bytes.end = bytes.end,
            _ => self.stretches.push(Stretch {
                bytes,
                firm: Firm::Dirty,
            }),
        }
    }

    pub(super) fn cut(&mut self, length: usize) {
        self.before_cuts.push(self.stretches.clone());
        let mut left = length;
        for stretch in &mut self.stretches {
            let bytes = stretch.bytes.len().min(left);
            stretch.bytes.end = stretch.bytes.start + bytes;
            left -= bytes;
        }
        self.stretches.retain(|stretch| !stretch.bytes.is_empty());
    }

    pub(super) fn sync(&mut self, to: Firm) {
        let dirty = self.stretches.iter_mut().filter(|stretch| stretch.firm == Firm::Dirty);
        dirty.for_each(|stretch| stretch.firm = to);
        if to == Firm::Durable {
            self.before_cuts.clear();
        }
    }

    pub(super) fn length(&self) -> usize {
        length(&self.stretches)
    }

    /// All bytes, as they are read while the power is on.
    pub(super) fn read(&self, tape: &[u8]) -> Vec<u8> {
        read(&self.stretches, tape)
    }

    /// Copies bytes from this place on; says how many.
    pub(super) fn read_at(&self, tape: &[u8], at: usize, to: &mut [u8]) -> usize {
        let (mut skip, mut copied) = (at, 0);
        for stretch in &self.stretches {
            let skipped = skip.min(stretch.bytes.len());
            skip -= skipped;
            let from = &tape[stretch.bytes.start + skipped..stretch.bytes.end];
            let length = from.len().min(to.len() - copied);
            to[copied..copied + length].copy_from_slice(&from[..length]);
            copied += length;
        }
        copied
    }

    /// What a power cut leaves of it.
    pub(super) fn after_power_cut(&self, tape: &[u8], page: usize, choices: &mut Choices<'_>) -> Vec<u8> {
        let stretches = match self.before_cuts.len() {
            0 => &self.stretches,
            cuts => self.before_cuts.get(choices.up_to(cuts)).unwrap_or(&self.stretches),
        };
        let durable = stretches.iter().rposition(|stretch| stretch.firm == Firm::Durable);
        let durable = length(&stretches[..durable.map_or(0, |last| last + 1)]);
        let mut left = read(stretches, tape);
        left.truncate(durable + choices.up_to(left.len() - durable));
        let mut start = 0;
        for stretch in stretches {
            let end = start + stretch.bytes.len();
            if stretch.firm != Firm::Durable {
                lose_pages(&mut left, start..end, page, choices);
            }
            start = end;
        }
        left
    }
}

/// Zeros for the pages of a stretch that did not reach the disk.
fn lose_pages(bytes: &mut [u8], stretch: Range<usize>, page: usize, choices: &mut Choices<'_>) {
    let mut at = stretch.start;
    while at < stretch.end.min(bytes.len()) {
        let end = (at / page + 1) * page;
        let end = end.min(stretch.end).min(bytes.len());
        if !choices.bit() {
            bytes[at..end].fill(0);
        }
        at = end;
    }
}

fn length(stretches: &[Stretch]) -> usize {
    stretches.iter().map(|stretch| stretch.bytes.len()).sum()
}

fn read(stretches: &[Stretch], tape: &[u8]) -> Vec<u8> {
    let bytes = stretches.iter().flat_map(|stretch| &tape[stretch.bytes.clone()]);
    bytes.copied().collect()
}
