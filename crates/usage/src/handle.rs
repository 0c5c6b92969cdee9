//! Counts the use of one subject, and says whether it may use more.

use std::sync::Arc;

use crate::{
    Amount, Field, Limits, Milestone, Mode, Period, Reason, Refusal, Reservation, Standing, Subject, Time, Totals,
    entry::Entry,
    gate::{Gate, Link},
    month::Month,
};

/// Counts the use of one subject, and says whether it may use more. Cheap to clone; all clones count the same.
///
/// Each event is counted in the period in which it ended, in all its fields, whenever it is told. The methods that take a time are
/// for whoever knows it; the others ask the clock, which costs more than the counting.
#[derive(Debug, Clone)]
pub struct UsageHandle {
    pub(crate) entry: Arc<Entry>,
}

impl UsageHandle {
    /// Whose use.
    pub fn subject(&self) -> &Subject {
        &self.entry.subject
    }

    /// How strictly its limits are kept.
    pub fn mode(&self) -> Mode {
        self.entry.mode
    }

    /// Its limits.
    pub fn limits(&self) -> Limits {
        self.entry.limits()
    }

    /// Sets its limits. They hold for whatever is asked for after the call; what was admitted stays admitted.
    pub fn set_limits(&self, limits: Limits) {
        self.entry.set_limits(limits);
    }

    /// Counts something that ended now.
    pub fn record(&self, amount: Amount) {
        self.record_at(self.now(), amount);
    }

    /// Counts something that ended then. It is counted whether or not it was admitted, and never waits for anybody.
    #[inline]
    pub fn record_at(&self, at: Time, amount: Amount) {
        self.entry.month_at(at).record(amount);
        self.entry.touch();
    }

    /// Takes back what was counted for something that ended then. Usage does not go below zero by it, as far as limits are concerned.
    pub fn take_back_at(&self, at: Time, amount: Amount) {
        self.entry.month_at(at).take_back(amount);
        self.entry.touch();
    }

    /// Counts one field of something that ended then; below zero takes back.
    pub fn add_at(&self, at: Time, field: Field, value: i64) {
        let amount = Amount::of(field, value.unsigned_abs());
        if value < 0 {
            self.take_back_at(at, amount);
        } else {
            self.record_at(at, amount);
        }
    }

    /// What this process has counted in a period. Only ever grows: what was added since a reading is the difference to it,
    /// [`Totals::since`].
    pub fn totals(&self, period: Period) -> Totals {
        self.entry.month_if_any(period).map_or(Totals::ZERO, Month::totals)
    }

    /// How the subject stands in a period.
    pub fn standing(&self, period: Period) -> Standing {
        let limits = self.limits();
        let Some(month) = self.entry.month_if_any(period) else {
            let others = self.entry.context.inherited(self.subject(), period).used();
            return Standing {
                limits,
                own: Amount::ZERO,
                others,
                reserved: Amount::ZERO,
            };
        };
        let gate = month.gate();
        Standing {
            limits,
            own: month.totals_within(&gate).used(),
            others: gate.others.used(),
            reserved: gate.reserved,
        }
    }

    /// Whether so much more may be used, by what is known. Reserves nothing, asks nobody, counts no refusal.
    pub fn within_limits_at(&self, at: Time, proposed: Amount) -> Result<(), Refusal> {
        let month = self.entry.month_at(at);
        let gate = self.entry.gate_at(month, at);
        let used = month.totals_within(&gate).used();
        match gate.lacks(used, proposed, Amount::ZERO) {
            Some(field) => Err(self.refusal(at, month, &gate, field)),
            None => Ok(()),
        }
    }

    /// Asks whether so much may be used, now.
    pub async fn admit(&self, proposed: Amount) -> Result<Reservation, Refusal> {
        self.admit_at(self.now(), proposed).await
    }

    /// Asks whether so much may be used by something that begins then.
    ///
    /// To use exactly the limit is allowed, one more is refused; a proposal that is too much in one field is refused as a
    /// whole. What is admitted is reserved until the [`Reservation`] is settled or dropped. It waits for nobody, but in the modes
    /// [`Lease`](Mode::Lease), where nothing is left of the lease, and [`Ask`](Mode::Ask): there for at most the
    /// operation timeout and those who asked before. A future that is dropped has admitted nothing.
    pub async fn admit_at(&self, at: Time, proposed: Amount) -> Result<Reservation, Refusal> {
        let refusal = match self.attempt(at, proposed) {
            Ok(reservation) => return Ok(reservation),
            Err(refusal) => refusal,
        };
        let asks = self.entry.mode.asks() && self.entry.context.link() == Link::Up;
        let result = if asks {
            // In a box, so that those who need not ask, which are nearly all, do not carry the room for it about.
            Box::pin(crate::ask::ask(self, at, proposed, refusal)).await
        } else {
            Err(refusal)
        };
        result.inspect_err(|refusal| self.count_refusal(refusal))
    }

    /// The same without ever waiting: where somebody would have to be asked, it is refused.
    pub fn try_admit_at(&self, at: Time, proposed: Amount) -> Result<Reservation, Refusal> {
        self.attempt(at, proposed)
            .inspect_err(|refusal| self.count_refusal(refusal))
    }

    /// Works that no limit stops, such as deletions: admitted whatever is used, and counted when it is recorded.
    pub fn exempt(&self) -> Reservation {
        Reservation::of_nothing(self.clone())
    }

    /// How often it was refused because of each field.
    pub fn refused(&self) -> Amount {
        self.entry.refused.read()
    }

    /// How often it would have been refused, were it not only [observed](Mode::Observe).
    pub fn observed(&self) -> Amount {
        self.entry.observed.read()
    }

    /// Whether so much of any of its limits is used in this period as the settings say is near.
    pub fn is_near_limit(&self, period: Period) -> bool {
        self.entry.is_near(period, self.entry.context.settings.near_percent)
    }

    /// The milestones that its use has reached in this period, as it stands.
    pub fn milestones(&self, period: Period) -> Vec<(Field, Milestone)> {
        let standing = self.standing(period);
        let all = Field::ALL
            .into_iter()
            .flat_map(|field| Milestone::ALL.map(|milestone| (field, milestone)));
        all.filter(|&(field, milestone)| {
            let used = standing.used().get(field);
            standing
                .limits
                .get(field)
                .is_some_and(|limit| milestone.is_reached(used, limit))
        })
        .collect()
    }

    #[inline]
    fn attempt(&self, at: Time, proposed: Amount) -> Result<Reservation, Refusal> {
        if self.entry.mode == Mode::Off {
            return Ok(Reservation::of_nothing(self.clone()));
        }
        let month = self.entry.month_at(at);
        let mut gate = self.entry.gate_at(month, at);
        self.attempt_within(at, month, &mut gate, proposed)
    }

    /// The same, for who holds the gate.
    #[inline]
    pub(crate) fn attempt_within(
        &self,
        at: Time,
        month: &Month,
        gate: &mut Gate,
        proposed: Amount,
    ) -> Result<Reservation, Refusal> {
        let used = month.totals_within(gate).used();
        match gate.lacks(used, proposed, Amount::ZERO) {
            Some(field) if self.entry.mode == Mode::Observe => {
                self.entry.observed.add(Amount::of(field, 1));
                Ok(Reservation::of_nothing(self.clone()))
            }
            Some(field) => Err(self.refusal(at, month, gate, field)),
            None if self.entry.mode.reserves() => {
                gate.reserved = gate.reserved.plus(proposed);
                Ok(Reservation::of(self.clone(), month.period, proposed))
            }
            None => Ok(Reservation::of_nothing(self.clone())),
        }
    }

    pub(crate) fn refusal(&self, at: Time, month: &Month, gate: &Gate, field: Field) -> Refusal {
        let used = month
            .totals_within(gate)
            .used()
            .plus(gate.others.used())
            .plus(gate.reserved)
            .get(field);
        let limit = self.limits().get(field).unwrap_or(u64::MAX);
        Refusal {
            subject: self.subject().clone(),
            field,
            limit,
            used,
            retry_after: month.end().since(at),
            reason: if self.entry.context.link() == Link::Lost {
                Reason::Lost
            } else {
                Reason::Limit
            },
        }
    }

    fn count_refusal(&self, refusal: &Refusal) {
        self.entry.refused.add(Amount::of(refusal.field, 1));
    }

    fn now(&self) -> Time {
        self.entry.context.settings.clock.now()
    }
}
