//! Whether an [`Op`] may happen to a series.

use nexus_metric::{Family, Kind};

use super::{conflict, finite};
use crate::write::{Op, Reason};

/// Whether a change that comes before or behind it in the same write may matter to it or depend on it: if counters only go
/// up, the order of changes cannot matter.
pub(super) fn may_lower(op: &Op) -> bool {
    match op {
        Op::Set(_) => true,
        Op::Add(delta) => *delta < 0.0,
        Op::Ensure | Op::Observe(_) | Op::Merge(_) => false,
    }
}

/// The number that it leaves in a series of this family that holds `old`; of a histogram, whatever it was.
///
/// # Errors
/// It does not fit the family.
pub(super) fn check(op: &Op, family: &Family, old: f64) -> Result<f64, Reason> {
    match op {
        Op::Ensure => Ok(old),
        Op::Set(value) => number(family).map(|()| *value),
        Op::Add(delta) => number(family).and_then(|()| sum(family, old, *delta)),
        Op::Observe(value) => {
            histogram(family)?;
            finite(family, *value)?;
            Ok(old)
        }
        Op::Merge(delta) => {
            histogram(family)?;
            finite(family, delta.sum)?;
            match delta.counts.len() == family.buckets.bounds().len() + 1 {
                true => Ok(old),
                false => Err(Reason::BucketsConflict(family.name.clone())),
            }
        }
    }
}

/// A counter of 2^53 would swallow whatever is added to it, one by one, and say that it did not.
fn sum(family: &Family, old: f64, delta: f64) -> Result<f64, Reason> {
    let sum = old + delta;
    let is_lost = delta != 0.0 && sum.is_finite() && sum.total_cmp(&old).is_eq();
    match family.kind == Kind::Counter && is_lost {
        true => Err(Reason::Lost {
            name: family.name.clone(),
            value: old,
            delta,
        }),
        false => Ok(sum),
    }
}

fn number(family: &Family) -> Result<(), Reason> {
    match family.kind {
        Kind::Histogram => Err(conflict(family, "use observe")),
        _ => Ok(()),
    }
}

fn histogram(family: &Family) -> Result<(), Reason> {
    match family.kind {
        Kind::Histogram => Ok(()),
        _ => Err(conflict(family, "only a histogram can observe")),
    }
}
