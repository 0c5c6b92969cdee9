//! Limits of a node, by direction.

use std::num::NonZeroU16;

use crate::rate::Rate;

/// Which way the bytes go, seen from the one who holds the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Read,
    /// To the peer.
    Write,
}

impl Direction {
    /// Both, for whoever does something for each.
    pub const BOTH: [Direction; 2] = [Direction::Read, Direction::Write];
}

/// What one node of the tree allows in one direction. The default allows everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The ceiling: never faster than this, whatever is free elsewhere.
    pub rate: Rate,
    /// What a node that did nothing may do at once, in bytes, beyond the one quantum that it always may.
    /// 0: the first second is not faster than any other.
    pub burst_bytes: u64,
    /// The share among siblings that want more than there is: one of weight 2 gets twice what one of weight 1 gets.
    pub weight: NonZeroU16,
    /// What this node gets before its siblings get their shares, as far as its ancestors' ceilings allow; nothing if
    /// unlimited (0). What it does not use, its siblings may. If siblings are promised more than there is, they get it in
    /// proportion to what they were promised.
    pub guaranteed: Rate,
}

impl Limits {
    /// No limit, weight 1, nothing guaranteed.
    pub const UNLIMITED: Limits = Limits {
        rate: Rate::UNLIMITED,
        burst_bytes: 0,
        weight: NonZeroU16::MIN,
        guaranteed: Rate::UNLIMITED,
    };

    /// This ceiling and no more.
    pub const fn rate(rate: Rate) -> Self {
        Self {
            rate,
            ..Self::UNLIMITED
        }
    }

    /// With this burst.
    #[must_use]
    pub const fn with_burst(self, burst_bytes: u64) -> Self {
        Self { burst_bytes, ..self }
    }

    /// With this weight.
    #[must_use]
    pub const fn with_weight(self, weight: NonZeroU16) -> Self {
        Self { weight, ..self }
    }

    /// With this rate guaranteed.
    #[must_use]
    pub const fn with_guaranteed(self, guaranteed: Rate) -> Self {
        Self { guaranteed, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::UNLIMITED
    }
}

impl From<Rate> for Limits {
    fn from(rate: Rate) -> Self {
        Self::rate(rate)
    }
}

/// One of a kind for each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Each<T> {
    pub(crate) read: T,
    pub(crate) write: T,
}

impl<T> Each<T> {
    pub(crate) const fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    pub(crate) const fn of_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }
}
