//! What a report reads: the same questions to every store that has sums.

use super::{Adjustment, Column, ReportError, plan::Range, sqlite};
use crate::{amounts::Amounts, level::Level, sqlite::Cut};

/// A store as it is at one moment.
#[derive(Debug)]
pub(super) enum Tables<'a> {
    Sqlite(sqlite::Snapshot<'a>),
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::Snapshot<'a>),
}

/// Takes the number of a series or account, and its values of the columns that were asked for.
pub(super) type EachSeries<'f> = dyn FnMut(i64, Vec<String>) + 'f;
/// Takes a bucket, the number of a series or account, and their sums.
pub(super) type EachSum<'f> = dyn FnMut(i64, i64, Amounts) -> Result<(), ReportError> + 'f;

impl Tables<'_> {
    /// The first and the last day that have sums.
    pub(super) fn days(&mut self) -> Result<Option<Range>, ReportError> {
        match self {
            Self::Sqlite(tables) => tables.days(),
            #[cfg(feature = "postgres")]
            Self::Postgres(tables) => tables.days(),
        }
    }

    /// Since when the sums of a level are kept; none for since ever.
    pub(super) fn kept_since(&mut self, level: Level) -> Result<Option<i64>, ReportError> {
        match self {
            Self::Sqlite(tables) => tables.kept_since(level),
            #[cfg(feature = "postgres")]
            Self::Postgres(tables) => tables.kept_since(level),
        }
    }

    /// Whether there are sums of this kind at this level.
    pub(super) fn has(&self, cut: Cut, level: Level) -> bool {
        match self {
            Self::Sqlite(_) => cut.has(level),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => cut == Cut::Series,
        }
    }

    /// All series or accounts, in no order.
    pub(super) fn series(
        &mut self,
        cut: Cut,
        columns: &[&Column],
        each: &mut EachSeries<'_>,
    ) -> Result<(), ReportError> {
        match self {
            Self::Sqlite(tables) => tables.series(cut, columns, each),
            #[cfg(feature = "postgres")]
            Self::Postgres(tables) => tables.series(columns, each),
        }
    }

    /// The sums whose buckets begin in the range, by bucket.
    pub(super) fn sums(
        &mut self,
        cut: Cut,
        level: Level,
        range: Range,
        each: &mut EachSum<'_>,
    ) -> Result<(), ReportError> {
        match self {
            Self::Sqlite(tables) => tables.sums(cut, level, range, each),
            #[cfg(feature = "postgres")]
            Self::Postgres(tables) => tables.sums(level, range, each),
        }
    }

    /// What was added to the closed hours that begin in the range, as it was made; at most `max`.
    pub(super) fn adjustments(&mut self, range: Range, max: usize) -> Result<Vec<Adjustment>, ReportError> {
        match self {
            Self::Sqlite(tables) => tables.adjustments(range, max),
            #[cfg(feature = "postgres")]
            Self::Postgres(tables) => tables.adjustments(range, max),
        }
    }
}

/// What a label is in the labels of a series.
pub(super) fn label(labels: &str, name: &str) -> String {
    let labels: serde_json::Value = serde_json::from_str(labels).unwrap_or_default();
    labels
        .get(name)
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// Amounts from columns in their order.
pub(super) fn amounts<E>(mut column: impl FnMut(usize) -> Result<i64, E>) -> Result<Amounts, E> {
    let mut number = |index| column(index).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(Amounts {
        calls: number(0)?,
        bytes_in: number(1)?,
        bytes_out: number(2)?,
        body_bytes_in: number(3)?,
        body_bytes: number(4)?,
        duration_ns: number(5)?,
    })
}
