//! What stands between a subject and its limits in one period.

use crate::{Amount, Field, Limits, Mode, OnLoss, Time, Totals};

/// What stands between a subject and its limits in one period.
///
/// The limits and what others have used come together in one number a field: the ceiling, up to which this process's own use and
/// reservations may go. Limits and usage by others change rarely and far from here; whoever asks for admission finds both as they
/// were at one moment.
#[derive(Debug)]
pub(crate) struct Gate {
    /// What was admitted here and then recorded. What was recorded without having been admitted is in the shards.
    pub(crate) settled: Amount,
    /// What was admitted and is not recorded yet.
    pub(crate) reserved: Amount,
    /// What the others have used, as far as it is known. It never goes down.
    pub(crate) others: Totals,
    /// What is leased to this process, and until when it may be used.
    pub(crate) granted: Amount,
    pub(crate) granted_until: Time,
    /// This process's use when the shared ledger was lost.
    own_at_loss: Option<Amount>,
    ceiling: [i64; 3],
    /// The generation of the link by which the ceilings were set.
    followed: u64,
}

/// All on which a ceiling depends beside the gate itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
    pub(crate) on_loss: OnLoss,
    pub(crate) link: Link,
    pub(crate) generation: u64,
}

/// How the shared ledger is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is none.
    Absent,
    Up,
    Lost,
}

impl Gate {
    pub(crate) fn new(others: Totals) -> Self {
        Gate {
            settled: Amount::ZERO,
            reserved: Amount::ZERO,
            others,
            granted: Amount::ZERO,
            granted_until: Time::MIN,
            own_at_loss: None,
            // A month is seen by others before whoever made it has set its ceilings: the first who looks sets them.
            ceiling: [-1; 3],
            followed: u64::MAX,
        }
    }

    /// The first field in which this much, beside own use and reservations, would be too much by more than `overrun`.
    #[inline]
    pub(crate) fn lacks(&self, used: Amount, proposed: Amount, overrun: Amount) -> Option<Field> {
        let room = self.ceiling.iter().zip(Field::ALL);
        for (&ceiling, field) in room {
            let wanted = used
                .get(field)
                .saturating_add(self.reserved.get(field))
                .saturating_add(proposed.get(field));
            if signed(wanted) > ceiling.saturating_add(signed(overrun.get(field))) {
                return Some(field);
            }
        }
        None
    }

    /// Whether the ceilings are to be set anew before they are looked at: the link has changed, or a lease has run out. A lease
    /// that has is dropped.
    #[inline]
    pub(crate) fn is_behind(&mut self, generation: u64, at: Time) -> bool {
        let ran_out = self.granted_until <= at && !self.granted.is_zero();
        if ran_out {
            self.granted = Amount::ZERO;
        }
        ran_out || self.followed != generation
    }

    /// Sets the ceilings anew. `used` is this process's own use.
    pub(crate) fn follow(&mut self, rules: &Rules, used: Amount) {
        self.followed = rules.generation;
        self.own_at_loss = match rules.link {
            Link::Lost => self.own_at_loss.or(Some(used.plus(self.reserved))),
            Link::Absent | Link::Up => None,
        };
        let ceiling = |field| match rules.limits.get(field) {
            None => i64::MAX,
            Some(limit) => self.ceiling_of(field, signed(limit), rules),
        };
        self.ceiling = Field::ALL.map(ceiling);
    }

    fn ceiling_of(&self, field: Field, limit: i64, rules: &Rules) -> i64 {
        let known = limit.saturating_sub(signed(self.others.used().get(field)));
        let granted = known.min(signed(self.granted.get(field)));
        let share = |parts: std::num::NonZeroU32| {
            let own = signed(self.own_at_loss.unwrap_or_default().get(field));
            known.min(own.saturating_add((known.saturating_sub(own)).max(0) / i64::from(parts.get())))
        };
        match (rules.mode, rules.link, rules.on_loss) {
            (Mode::Off, _, _) => i64::MAX,
            (Mode::Lease | Mode::Ask, Link::Up, _) | (Mode::Lease | Mode::Ask, Link::Lost, OnLoss::Refuse) => granted,
            (Mode::Lease | Mode::Ask, Link::Lost, OnLoss::LocalShare(parts)) => granted.max(share(parts)),
            (_, Link::Absent | Link::Up, _) | (_, Link::Lost, OnLoss::GoOn) => known,
            // Below zero: nothing is admitted, not even nothing.
            (_, Link::Lost, OnLoss::Refuse) => -1,
            (_, Link::Lost, OnLoss::LocalShare(parts)) => share(parts),
        }
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
