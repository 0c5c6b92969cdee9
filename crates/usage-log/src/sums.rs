//! The arithmetic of sums, which every sink with tables of its own does alike.

use std::{collections::HashMap, time::Duration};

use nexus_calendar::Time;

use crate::{amounts::Amounts, level::Level};

/// Sums by bucket and series (or account).
pub(crate) type Sums = HashMap<(i64, i64), Amounts, foldhash::fast::RandomState>;

/// The sums of a coarser level.
pub(crate) fn coarser(sums: &Sums, level: Level) -> Sums {
    let mut coarse = Sums::default();
    for ((bucket, series), amounts) in sums {
        *coarse.entry((level.floor(*bucket), *series)).or_default() += *amounts;
    }
    coarse
}

/// Sums of records that belong to closed hours, by hour and series, with how many records they are of.
pub(crate) type Late = HashMap<(i64, i64), (u64, Amounts)>;

/// Which of the records that are counted belong to hours that are closed.
pub(crate) fn late(counted: impl Iterator<Item = (Time, i64, Amounts)>, now: Time, closes_after: Duration) -> Late {
    let open_since = Level::Hour.floor(now.before(closes_after).seconds());
    let mut late = Late::new();
    for (ended_at, series, more) in counted {
        let hour = Level::Hour.floor(ended_at.seconds());
        if hour < open_since {
            let (records, amounts) = late.entry((hour, series)).or_default();
            *records += 1;
            *amounts += more;
        }
    }
    late
}

/// Amounts in the order of their columns.
pub(crate) fn columns(amounts: &Amounts) -> [i64; 6] {
    [
        amounts.calls,
        amounts.bytes_in,
        amounts.bytes_out,
        amounts.body_bytes_in,
        amounts.body_bytes,
        amounts.duration_ns,
    ]
    .map(column)
}

/// A number as a column can hold it.
pub(crate) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
