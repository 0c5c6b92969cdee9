//! What was admitted and is under way.

use crate::{Amount, Period, Refusal, Time, UsageHandle};

/// Something was admitted and is under way: what was proposed for it is held, until what it really used is told.
///
/// Dropped without being settled, it gives back what it held, and nothing is counted.
#[derive(Debug)]
#[must_use = "dropping it gives back what was reserved"]
pub struct Reservation {
    handle: UsageHandle,
    /// None if nothing is held: in modes that do not reserve, or by whom no limit stops.
    held: Option<(Period, Amount)>,
}

impl Reservation {
    pub(crate) fn of_nothing(handle: UsageHandle) -> Self {
        Reservation { handle, held: None }
    }

    pub(crate) fn of(handle: UsageHandle, period: Period, amount: Amount) -> Self {
        Reservation {
            handle,
            held: Some((period, amount)),
        }
    }

    /// Whose use.
    pub fn handle(&self) -> &UsageHandle {
        &self.handle
    }

    /// What is held.
    pub fn reserved(&self) -> Amount {
        self.held.map_or(Amount::ZERO, |(_, amount)| amount)
    }

    /// Holds more, for what turns out to be larger than was proposed; to be asked before it is used. Of bytes, all that is under
    /// way for a subject may together go beyond the limit by `overrun_bytes_max`, so that what has begun can end. Refused, it
    /// still holds what it held.
    ///
    /// Whoever never uses more than is held never lets the use go beyond the limit by more than that setting.
    pub fn extend(&mut self, more: Amount) -> Result<(), Refusal> {
        let Some((period, held)) = &mut self.held else {
            return Ok(());
        };
        let entry = &self.handle.entry;
        let overrun_bytes = entry.context.settings.overrun_bytes_max;
        let overrun = Amount {
            api_requests: 0,
            egress_bytes: overrun_bytes,
            ingress_bytes: overrun_bytes,
        };
        let month = entry.month(*period);
        let now = entry.context.settings.clock.now();
        let mut gate = entry.gate_at(month, now);
        let used = month.totals_within(&gate).used();
        if let Some(field) = gate.lacks(used, more, overrun) {
            return Err(self.handle.refusal(now, month, &gate, field));
        }
        gate.reserved = gate.reserved.plus(more);
        *held = held.plus(more);
        Ok(())
    }

    /// Counts what was really used, by something that ended now, and gives back the rest.
    pub fn settle(self, actual: Amount) {
        let now = self.handle.entry.context.settings.clock.now();
        self.settle_at(now, actual);
    }

    /// Counts what was really used, by something that ended then, and gives back the rest.
    #[inline]
    pub fn settle_at(mut self, at: Time, actual: Amount) {
        let entry = &self.handle.entry;
        let ended_in = entry.month_at(at);
        match self.held.take() {
            Some((period, held)) if period == ended_in.period => {
                let mut gate = ended_in.gate();
                gate.reserved = gate.reserved.minus(held);
                gate.settled = gate.settled.plus(actual);
            }
            Some((period, held)) => {
                ended_in.record(actual);
                release(&self.handle, period, held);
            }
            None => ended_in.record(actual),
        }
        entry.touch();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some((period, held)) = self.held.take() {
            release(&self.handle, period, held);
        }
    }
}

fn release(handle: &UsageHandle, period: Period, held: Amount) {
    let mut gate = handle.entry.month(period).gate();
    gate.reserved = gate.reserved.minus(held);
}
