//! What all series of one name have in common.

use crate::{Kind, Name};

/// What all series of one name have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The name, for counters as clients write it (`jobs_total`).
    pub name: Name,
    /// What it measures.
    pub kind: Kind,
    /// One line or more for people; may be empty.
    pub help: Box<str>,
    /// OpenMetrics' unit, a suffix of the name; may be empty.
    pub unit: Box<str>,
    /// The upper bounds of a histogram's buckets; empty for every other kind.
    pub buckets: Buckets,
}

/// Upper bounds of a histogram's buckets: finite, strictly rising; the last bucket, `+Inf`, is implied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets(Box<[f64]>);

/// Why a list is not a list of upper bounds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BucketsError {
    /// A bound is NaN or infinite (one `+Inf` at the end is allowed, and left out).
    #[error("bucket bound {0} is not a finite number")]
    NotFinite(f64),
    /// A bound is not above the one before it.
    #[error("bucket bounds must rise: {1} follows {0}")]
    NotRising(f64, f64),
    /// More bounds than [`Buckets::BOUNDS_MAX`].
    #[error("{0} bucket bounds, at most {max} are allowed", max = Buckets::BOUNDS_MAX)]
    TooMany(usize),
}

impl Buckets {
    /// How many finite bounds a histogram may have.
    pub const BOUNDS_MAX: usize = 1000;

    /// The defaults of Prometheus' client libraries, for durations in seconds.
    pub const DEFAULT: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

    /// Checks the bounds; a final `+Inf` is left out.
    ///
    /// # Errors
    /// See [`BucketsError`].
    pub fn new(bounds: &[f64]) -> Result<Self, BucketsError> {
        let finite = match bounds.split_last() {
            Some((last, rest)) if *last == f64::INFINITY => rest,
            _ => bounds,
        };
        if finite.len() > Self::BOUNDS_MAX {
            return Err(BucketsError::TooMany(finite.len()));
        }
        if let Some(bound) = finite.iter().find(|bound| !bound.is_finite()) {
            return Err(BucketsError::NotFinite(*bound));
        }
        for (low, high) in finite.iter().zip(finite.iter().skip(1)) {
            if low >= high {
                return Err(BucketsError::NotRising(*low, *high));
            }
        }
        // -0.0 and 0.0 are one bound; keep the spelling that has no sign.
        Ok(Buckets(finite.iter().map(|bound| bound + 0.0).collect()))
    }

    /// The defaults of Prometheus' client libraries.
    #[must_use]
    pub fn prometheus_default() -> Self {
        Buckets(Self::DEFAULT.into())
    }

    /// The finite bounds.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.0
    }

    /// The index of the bucket that a value falls into; `bounds().len()` stands for `+Inf`, where NaN goes too.
    #[must_use]
    pub fn index_of(&self, value: f64) -> usize {
        if value.is_nan() {
            return self.0.len();
        }
        self.0.partition_point(|bound| *bound < value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_finite_and_rise() {
        let check = |bounds: &[f64], expected: &str| {
            let found = match Buckets::new(bounds) {
                Ok(buckets) => format!("{:?}", buckets.bounds()),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected);
        };
        check(&[], "[]");
        check(&[1.0, 2.5], "[1.0, 2.5]");
        check(&[-0.0, 1.0, f64::INFINITY], "[0.0, 1.0]");
        check(&[f64::INFINITY], "[]");
        check(
            &[f64::INFINITY, f64::INFINITY],
            "bucket bound inf is not a finite number",
        );
        check(&[f64::NAN], "bucket bound NaN is not a finite number");
        check(&[f64::NEG_INFINITY, 1.0], "bucket bound -inf is not a finite number");
        check(&[1.0, 1.0], "bucket bounds must rise: 1 follows 1");
        check(&[2.0, 1.0], "bucket bounds must rise: 1 follows 2");
        check(&[0.0; 1001], "1001 bucket bounds, at most 1000 are allowed");
        assert_eq!(Buckets::prometheus_default(), Buckets::new(&Buckets::DEFAULT).unwrap());
    }

    #[test]
    fn a_value_falls_into_the_first_bucket_that_is_not_below_it() {
        let buckets = Buckets::new(&[1.0, 2.0]).unwrap();
        for (value, index) in [
            (f64::NEG_INFINITY, 0),
            (0.5, 0),
            (1.0, 0),
            (1.5, 1),
            (2.0, 1),
            (2.5, 2),
            (f64::INFINITY, 2),
            (f64::NAN, 2),
        ] {
            assert_eq!(buckets.index_of(value), index, "{value}");
        }
    }
}
