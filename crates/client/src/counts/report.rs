//! What was counted and did not arrive.

use std::{error::Error as StdError, fmt};

use super::{delta::Delta, series::Shared};

/// Something that was counted and did not arrive: what, how much, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Undelivered {
    name: String,
    labels: Vec<(String, String)>,
    amount: Amount,
    reason: String,
    may_have_arrived: bool,
}

/// How much was counted.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Amount {
    /// Nothing yet: the series was to be made.
    Nothing,
    /// What was added to a counter or gauge.
    Added(f64),
    /// The value that a gauge was given.
    Set(f64),
    /// What a histogram observed.
    Observed {
        /// How many values.
        count: u64,
        /// Their sum.
        sum: f64,
    },
    /// How many values could not be counted: NaN, infinite, or negative where that cannot be.
    Invalid(u64),
}

/// What was counted and not acknowledged by the hub when the time was over; the answer of
/// [`Counts::close`](super::Counts::close) and [`Counts::flush`](super::Counts::flush).
///
/// Its text names the first few series.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsent {
    items: Vec<Undelivered>,
    reason: String,
}

/// How many series the text of [`Unsent`] names.
const NAMED_MAX: usize = 10;

impl Undelivered {
    pub(super) fn new(shared: &Shared, amount: Amount, reason: impl Into<String>) -> Self {
        let labels = shared.identity.labels.iter();
        Undelivered {
            name: shared.identity.name.to_string(),
            labels: labels
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            amount,
            reason: reason.into(),
            may_have_arrived: false,
        }
    }

    pub(super) fn perhaps(mut self, may_have_arrived: bool) -> Self {
        self.may_have_arrived = may_have_arrived;
        self
    }

    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The series' labels.
    #[must_use]
    pub fn labels(&self) -> &[(String, String)] {
        &self.labels
    }

    /// How much was counted.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Why it did not arrive; for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether it was sent, and only the answer is missing: the hub may have counted it. Never so for what was refused.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        self.may_have_arrived
    }
}

impl Unsent {
    pub(super) fn new(items: Vec<Undelivered>, reason: impl Into<String>) -> Self {
        Unsent {
            items,
            reason: reason.into(),
        }
    }

    /// What did not arrive, at most two entries for each series.
    #[must_use]
    pub fn items(&self) -> &[Undelivered] {
        &self.items
    }

    /// Why, as far as it is known; for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Amount {
    pub(super) fn of(delta: &Delta) -> Self {
        match delta {
            Delta::Create => Amount::Nothing,
            Delta::Add(value) => Amount::Added(*value),
            Delta::Set(value) => Amount::Set(*value),
            Delta::Merge { counts, sum } => Amount::Observed {
                count: counts.iter().fold(0, |all, count| all.saturating_add(*count)),
                sum: *sum,
            },
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Nothing => f.write_str("nothing yet"),
            Amount::Added(value) => write!(f, "{value:+}"),
            Amount::Set(value) => write!(f, "={value}"),
            Amount::Observed { count, sum } => write!(f, "{count} values, their sum {sum}"),
            Amount::Invalid(count) => write!(f, "{count} values"),
        }
    }
}

impl fmt::Display for Undelivered {
    /// `jobs_total{queue="mail"} +4`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (index, (name, value)) in self.labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{name}={value:?}")?;
        }
        let after = if self.labels.is_empty() { "" } else { "}" };
        write!(f, "{after} {}", self.amount)?;
        if self.may_have_arrived {
            f.write_str(" (may have arrived)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} series could not be sent: {}", self.items.len(), self.reason)?;
        for (index, item) in self.items.iter().take(NAMED_MAX).enumerate() {
            let before = if index == 0 { ": " } else { ", " };
            write!(f, "{before}{item}")?;
        }
        match self.items.len().checked_sub(NAMED_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, ", and {more} more"),
        }
    }
}

impl StdError for Unsent {}
