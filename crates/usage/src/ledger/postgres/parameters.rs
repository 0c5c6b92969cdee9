//! Values as PostgreSQL takes them.

use tokio_postgres::types::{ToSql, Type};

use crate::{Amount, Cell, Field, Limits, Totals};

/// A value and what it is taken as.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Cells, turned: one array per column.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    periods: Vec<String>,
    subjects: Vec<&'a str>,
    writers: Vec<String>,
    totals: [Vec<i64>; 6],
}

impl<'a> Columns<'a> {
    pub(super) fn of(cells: &'a [Cell]) -> Self {
        let mut totals: [Vec<i64>; 6] = Default::default();
        for cell in cells {
            for (column, total) in totals.iter_mut().zip(totals_of(cell.totals)) {
                column.push(total);
            }
        }
        Columns {
            periods: cells.iter().map(|cell| cell.period.to_string()).collect(),
            subjects: cells.iter().map(|cell| cell.subject.as_str()).collect(),
            writers: cells.iter().map(|cell| cell.writer.to_string()).collect(),
            totals,
        }
    }

    pub(super) fn parameters(&self) -> Vec<Parameter<'_>> {
        let keys: [Parameter<'_>; 3] = [
            (&self.periods, Type::TEXT_ARRAY),
            (&self.subjects, Type::TEXT_ARRAY),
            (&self.writers, Type::TEXT_ARRAY),
        ];
        let totals = self
            .totals
            .iter()
            .map(|column| -> Parameter<'_> { (column, Type::INT8_ARRAY) });
        keys.into_iter().chain(totals).collect()
    }
}

/// What was added, then what was taken back.
pub(super) fn totals_of(totals: Totals) -> Vec<i64> {
    let amounts = [totals.added, totals.taken].into_iter().flat_map(numbers_of);
    let most = i64::try_from(Totals::VALUE_MAX).unwrap_or(i64::MAX);
    amounts.map(|total| total.min(most)).collect()
}

/// In the order of the fields; what is more than fits is as good as the most that does.
pub(super) fn numbers_of(amount: Amount) -> Vec<i64> {
    let number = |field| i64::try_from(amount.get(field)).unwrap_or(i64::MAX);
    Field::ALL.map(number).to_vec()
}

/// In the order of the fields; nothing where there is no limit.
pub(super) fn limits_of(limits: Limits) -> Vec<Option<i64>> {
    let number = |limit| i64::try_from(limit).unwrap_or(i64::MAX);
    Field::ALL.map(|field| limits.get(field).map(number)).to_vec()
}

/// Back again; what is below zero cannot be, and is zero.
pub(super) fn saturated(numbers: Vec<i64>) -> Amount {
    let mut numbers = numbers.into_iter().map(|number| u64::try_from(number).unwrap_or(0));
    Amount::from_fn(|_| numbers.next().unwrap_or(0))
}
