//! What was counted in one series since it was last told.

/// What was counted in one series, to be told to the hub.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delta {
    /// Nothing yet: the series is made if the hub does not have it.
    Create,
    /// Add to a counter or gauge.
    Add(f64),
    /// A gauge's value.
    Set(f64),
    /// Observations by bucket, not cumulative, the last one `+Inf`.
    Merge {
        /// One more than there are bounds.
        counts: Box<[u64]>,
        /// Of the observed values.
        sum: f64,
    },
}

impl Delta {
    /// Both in one: this and then a later one of the same series.
    pub(crate) fn then(self, later: Delta) -> Delta {
        match (self, later) {
            (Delta::Add(first), Delta::Add(second)) => Delta::Add(first + second),
            (Delta::Set(first), Delta::Add(second)) => Delta::Set(first + second),
            (
                Delta::Merge { mut counts, sum },
                Delta::Merge {
                    counts: more,
                    sum: more_sum,
                },
            ) => {
                for (count, more) in counts.iter_mut().zip(&more) {
                    *count = count.saturating_add(*more);
                }
                Delta::Merge {
                    counts,
                    sum: sum + more_sum,
                }
            }
            (first, Delta::Create) => first,
            // A value that is set makes all before count for nothing; the kinds of one series do not change.
            (_, later) => later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_one() {
        let check = |first: Delta, later: Delta, expected: Delta| assert_eq!(first.then(later), expected);
        let merge = |counts: [u64; 2], sum| Delta::Merge {
            counts: counts.into(),
            sum,
        };
        check(Delta::Add(1.0), Delta::Add(2.0), Delta::Add(3.0));
        check(Delta::Add(1.0), Delta::Set(2.0), Delta::Set(2.0));
        check(Delta::Set(1.0), Delta::Add(2.0), Delta::Set(3.0));
        check(Delta::Set(1.0), Delta::Set(2.0), Delta::Set(2.0));
        check(Delta::Create, Delta::Add(2.0), Delta::Add(2.0));
        check(Delta::Add(2.0), Delta::Create, Delta::Add(2.0));
        check(merge([1, 2], 0.5), merge([3, 0], 1.0), merge([4, 2], 1.5));
        check(merge([u64::MAX, 0], 0.0), merge([1, 0], 1.0), merge([u64::MAX, 0], 1.0));
    }
}
