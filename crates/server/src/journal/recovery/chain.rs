//! Which segments go on behind the snapshot, each behind the one before, told by their ids: names and sequences can be right
//! in the journal of another hub, too, or of another time of the same one.

use crate::journal::{Joint, Link, SegmentHeader, SegmentId};

/// What a journal should continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// There is no snapshot: the first change of all stands in the journal.
    Nothing,
    /// A snapshot that names no segment: of format 1.
    Unnamed,
    /// A snapshot that names the segments that end and begin there.
    Joint(Joint),
    /// It is not known: the snapshot is damaged.
    Unknown,
}

/// Where a segment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Before the one that goes on behind the snapshot.
    Older,
    /// None goes on behind the snapshot; this one should hold nothing that is newer.
    Beside,
    /// Behind the snapshot, and behind the one before it.
    Next,
    /// Behind something else.
    Unlinked,
}

/// The way through the segments.
#[derive(Debug)]
pub(super) struct Chain {
    follows: Follows,
    /// Any of these may be continued: the last one that holds something, and those behind it. None: anything may.
    tips: Option<Vec<Option<SegmentId>>>,
    /// Whether one that is continued was met.
    joined: bool,
    /// Whether one will be.
    joins: bool,
    /// Whether one is of the history that the snapshot is of.
    kin: bool,
}

impl Chain {
    pub(super) fn behind(follows: Follows, headers: &[SegmentHeader]) -> Self {
        let tips = match follows {
            Follows::Nothing => Some(vec![None]),
            Follows::Joint(joint) => Some(vec![Some(joint.next)]),
            Follows::Unnamed | Follows::Unknown => None,
        };
        let mut chain = Chain {
            follows,
            tips,
            joined: false,
            joins: false,
            kin: false,
        };
        let links = || headers.iter().filter_map(|header| header.link);
        chain.joins = links().any(|link| chain.continues(link));
        if let Follows::Joint(Joint { before, .. }) = follows {
            chain.kin = links().any(|link| Some(link.id) == before || link.previous == before)
                || (before.is_none() && links().next().is_none());
        }
        chain
    }

    fn continues(&self, link: Link) -> bool {
        let begins = matches!(self.follows, Follows::Joint(joint) if joint.next == link.id);
        begins || self.tips.as_ref().is_none_or(|tips| tips.contains(&link.previous))
    }

    pub(super) fn standing(&self, header: &SegmentHeader) -> Standing {
        match (self.follows, header.link) {
            (Follows::Unknown, _) | (Follows::Unnamed, None) => Standing::Next,
            (Follows::Unnamed, Some(_)) => Standing::Beside,
            (Follows::Joint(_), _) if !self.joins => Standing::Beside,
            (_, Some(link)) if self.continues(link) => Standing::Next,
            (Follows::Joint(_), _) if !self.joined => Standing::Older,
            (Follows::Nothing, None) if !self.joined => Standing::Next,
            (Follows::Joint(_) | Follows::Nothing, _) => Standing::Unlinked,
        }
    }

    /// Goes on behind a segment that holds something, or nothing.
    pub(super) fn pass(&mut self, header: &SegmentHeader, holds: bool) {
        let Some(Link { id, .. }) = header.link else { return };
        self.joined = true;
        let tips = self.tips.get_or_insert_default();
        if holds {
            tips.clear();
        }
        tips.push(Some(id));
    }

    /// Goes on behind a segment of which nobody knows which one it was.
    pub(super) fn lose(&mut self) {
        self.tips = None;
    }

    /// Whether what stands beside the snapshot is of its history.
    pub(super) fn is_kin(&self) -> bool {
        self.kin
    }

    /// Whether a new segment can continue what the snapshot names, without another snapshot.
    pub(super) fn is_joined(&self) -> bool {
        match self.follows {
            Follows::Nothing => true,
            Follows::Joint(_) => self.joins,
            Follows::Unnamed | Follows::Unknown => false,
        }
    }
}
