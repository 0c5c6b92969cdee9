//! Credit that grows with time, to the nanobyte: a product of bytes per second and nanoseconds, so nothing is ever rounded.

use std::time::Duration;

/// How late a waiter may be served without losing what it was due meanwhile: a timer's or a task's lateness is made up
/// for, a clock that jumped is not.
pub(crate) const LATENESS_MAX: Duration = Duration::from_millis(20);
const LATENESS_NS: u64 = 20_000_000;
/// A pause that is longer is idleness. A shorter one may be a busy machine's: what was due in it is kept as if it had been waited for.
const IDLE_NS: u64 = 250_000_000;
const NANO: u64 = 1_000_000_000;

/// Open while its credit is not below zero: it is paid after the fact, so whoever finds it open may run into debt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Bytes per second; 0 is unlimited.
    rate: u64,
    burst_bytes: u64,
    /// In nanobytes.
    credit: i64,
    /// The time up to which `credit` holds what was earned.
    settled_ns: u64,
}

impl Bucket {
    pub(super) fn new(rate: u64, burst_bytes: u64, now: u64) -> Self {
        Self {
            rate,
            burst_bytes,
            credit: nanobytes(burst_bytes),
            settled_ns: now,
        }
    }

    pub(super) fn rate(&self) -> u64 {
        self.rate
    }

    /// A waiter arrives where there was none. What was earned in idleness is kept up to the burst.
    pub(super) fn resume(&mut self, now: u64) {
        let idle = now.saturating_sub(self.settled_ns) > IDLE_NS;
        self.settle(
            now,
            if idle {
                nanobytes(self.burst_bytes)
            } else {
                self.credit_max()
            },
        );
    }

    pub(super) fn charge(&mut self, bytes: u64, now: u64) {
        self.settle(now, self.credit_max());
        self.credit = self.credit.saturating_sub(nanobytes(bytes));
    }

    pub(super) fn refund(&mut self, bytes: u64) {
        self.credit = self.credit.saturating_add(nanobytes(bytes)).min(self.credit_max());
    }

    /// Charges what was had without asking for it: that never makes a debt beyond what [`LATENESS_MAX`] pays back.
    pub(super) fn charge_lightly(&mut self, bytes: u64, now: u64) {
        let debt_max = earned(self.rate, LATENESS_NS).saturating_neg();
        self.settle(now, self.credit_max());
        let charged = self.credit.saturating_sub(nanobytes(bytes));
        self.credit = charged.max(debt_max.min(self.credit));
    }

    /// Another limit from `now` on. What was done under the old one is not held against the new one beyond `debt_bytes`.
    pub(super) fn change(&mut self, rate: u64, burst_bytes: u64, debt_bytes: u64, now: u64) {
        self.settle(now, self.credit_max());
        self.rate = rate;
        self.burst_bytes = burst_bytes;
        self.credit = self
            .credit
            .min(self.credit_max())
            .max(nanobytes(debt_bytes).saturating_neg());
    }

    /// When it is open, if nothing is charged until then: in the past if it is.
    pub(super) fn opens_at(&self) -> u64 {
        if self.rate == 0 || self.credit >= 0 {
            return 0;
        }
        self.settled_ns
            .saturating_add(self.credit.unsigned_abs().div_ceil(self.rate))
    }

    /// Would one made anew at `now` be the same?
    pub(super) fn is_as_new(&self, now: u64) -> bool {
        let idle_ns = now.saturating_sub(self.settled_ns);
        let credit = self.credit.saturating_add(earned(self.rate, idle_ns));
        idle_ns > IDLE_NS && (self.rate == 0 || credit >= nanobytes(self.burst_bytes))
    }

    fn settle(&mut self, now: u64, credit_max: i64) {
        let elapsed_ns = now.saturating_sub(self.settled_ns);
        self.settled_ns = self.settled_ns.max(now);
        if self.rate == 0 {
            self.credit = nanobytes(self.burst_bytes);
        } else {
            self.credit = self
                .credit
                .saturating_add(earned(self.rate, elapsed_ns))
                .min(credit_max);
        }
    }

    fn credit_max(&self) -> i64 {
        earned(self.rate, LATENESS_NS).max(nanobytes(self.burst_bytes))
    }
}

fn earned(rate: u64, elapsed_ns: u64) -> i64 {
    rate.checked_mul(elapsed_ns)
        .and_then(|earned| i64::try_from(earned).ok())
        .unwrap_or(i64::MAX)
}

fn nanobytes(bytes: u64) -> i64 {
    earned(bytes, NANO)
}
