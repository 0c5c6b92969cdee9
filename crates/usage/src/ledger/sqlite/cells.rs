//! The cells in SQLite.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    super::{Pushed, Row, Sum},
    error::Failure,
};
use crate::{Amount, Cell, Period, Subject, Totals, WriterId};

const MERGE: &str = "
INSERT INTO cells (period, backend, writer, added_api_requests, added_egress_bytes, added_ingress_bytes,
                   taken_api_requests, taken_egress_bytes, taken_ingress_bytes)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET
    added_api_requests = max(added_api_requests, excluded.added_api_requests),
    added_egress_bytes = max(added_egress_bytes, excluded.added_egress_bytes),
    added_ingress_bytes = max(added_ingress_bytes, excluded.added_ingress_bytes),
    taken_api_requests = max(taken_api_requests, excluded.taken_api_requests),
    taken_egress_bytes = max(taken_egress_bytes, excluded.taken_egress_bytes),
    taken_ingress_bytes = max(taken_ingress_bytes, excluded.taken_ingress_bytes)";

/// The sums are made here and not by SQLite, whose `sum` fails where ours stays at the most there is.
const ROWS: &str = "
SELECT writer, added_api_requests, added_egress_bytes, added_ingress_bytes,
       taken_api_requests, taken_egress_bytes, taken_ingress_bytes
FROM cells WHERE period = ?1 AND backend = ?2";

pub(super) fn merge_all(db: &Connection, cells: &[Cell]) -> Result<Pushed, Failure> {
    let kept_from = kept_from(db)?;
    let mut closed = 0;
    for cell in cells {
        if cell.period.ordinal() < kept_from {
            closed += 1;
        } else {
            put(db, cell.period, &cell.subject, &writer_bytes(cell.writer), cell.totals)?;
        }
    }
    Ok(Pushed { closed })
}

/// Merges the cell, if its period is kept; answers whether it is.
pub(super) fn merge(db: &Connection, cell: &Cell) -> Result<bool, Failure> {
    Ok(merge_all(db, std::slice::from_ref(cell))?.closed == 0)
}

pub(super) fn sums(
    db: &Connection,
    period: Period,
    subjects: &[Subject],
    writer: WriterId,
) -> Result<Vec<Sum>, Failure> {
    let own = writer_bytes(writer);
    let mut statement = db.prepare_cached(ROWS)?;
    let mut sum_of = |subject: &Subject| {
        let mut sum = Sum::default();
        let mut rows = statement.query(params![period.ordinal(), subject.as_str()])?;
        while let Some(row) = rows.next()? {
            let totals = totals(row, 1)?;
            sum.all = sum.all.plus(totals);
            if row.get_ref(0)?.as_blob().is_ok_and(|writer| writer == own) {
                sum.own = totals;
            }
        }
        Ok(sum)
    };
    subjects.iter().map(&mut sum_of).collect()
}

pub(super) fn report(db: &Connection, first: Period, last: Period) -> Result<Vec<Row>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT period, backend, added_api_requests, added_egress_bytes, added_ingress_bytes,
                taken_api_requests, taken_egress_bytes, taken_ingress_bytes
         FROM cells WHERE period BETWEEN ?1 AND ?2 ORDER BY period, backend",
    )?;
    let mut rows = statement.query(params![first.ordinal(), last.ordinal()])?;
    let mut report: Vec<Row> = Vec::new();
    while let Some(row) = rows.next()? {
        let period = period(row.get(0)?)?;
        let subject = subject(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        let totals = totals(row, 2)?;
        match report.last_mut() {
            Some(last) if last.period == period && last.subject == subject => last.totals = last.totals.plus(totals),
            _ => report.push(Row {
                period,
                subject,
                totals,
            }),
        }
    }
    Ok(report)
}

pub(super) fn compact(db: &Connection, before: Period) -> Result<u64, Failure> {
    db.execute("UPDATE kept SET from_period = max(from_period, ?1)", [before.ordinal()])?;
    let folded = super::schema::FOLDED;
    let mut loose = db.prepare_cached(
        "SELECT DISTINCT period, backend FROM cells WHERE period < ?1 AND writer <> ?2 ORDER BY period, backend",
    )?;
    let loose = loose.query_map(params![before.ordinal(), folded], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?))
    })?;
    let loose: Vec<(u32, String)> = loose.collect::<Result<_, _>>()?;
    let mut gone = 0;
    for (number, name) in loose {
        let (period, subject) = (period(number)?, subject(&name)?);
        let sum = sums(db, period, std::slice::from_ref(&subject), WriterId::from_bits(0))?;
        let all = sum.first().map_or(Totals::ZERO, |sum| sum.all);
        let delete = "DELETE FROM cells WHERE period = ?1 AND backend = ?2 AND writer <> ?3";
        gone += db.prepare_cached(delete)?.execute(params![number, name, folded])? as u64;
        put(db, period, &subject, &folded, all)?;
    }
    Ok(gone)
}

fn put(db: &Connection, period: Period, subject: &Subject, writer: &[u8], totals: Totals) -> Result<(), Failure> {
    let value = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let Totals { added, taken } = totals;
    db.prepare_cached(MERGE)?.execute(params![
        period.ordinal(),
        subject.as_str(),
        writer,
        value(added.api_requests),
        value(added.egress_bytes),
        value(added.ingress_bytes),
        value(taken.api_requests),
        value(taken.egress_bytes),
        value(taken.ingress_bytes),
    ])?;
    Ok(())
}

fn kept_from(db: &Connection) -> Result<u32, Failure> {
    let from = db
        .prepare_cached("SELECT from_period FROM kept")?
        .query_row([], |row| row.get(0))
        .optional()?;
    from.ok_or_else(|| Failure::Corrupt("it does not say which periods it keeps".into()))
}

pub(super) fn writer_bytes(writer: WriterId) -> [u8; 16] {
    writer.to_bits().to_be_bytes()
}

/// The totals that begin at this column.
pub(super) fn totals(row: &rusqlite::Row<'_>, first: usize) -> Result<Totals, Failure> {
    Ok(Totals {
        added: amount(row, first)?,
        taken: amount(row, first + 3)?,
    })
}

/// The amount that begins at this column.
pub(super) fn amount(row: &rusqlite::Row<'_>, first: usize) -> Result<Amount, Failure> {
    let value = |column: usize| {
        let value: i64 = row.get(column)?;
        u64::try_from(value).map_err(|_| Failure::Corrupt(format!("a total is {value}")))
    };
    Ok(Amount {
        api_requests: value(first)?,
        egress_bytes: value(first + 1)?,
        ingress_bytes: value(first + 2)?,
    })
}

pub(super) fn period(ordinal: u32) -> Result<Period, Failure> {
    Period::from_ordinal(ordinal).map_err(|_| Failure::Corrupt(format!("a period is {ordinal}")))
}

pub(super) fn subject(name: &str) -> Result<Subject, Failure> {
    Subject::new(name).map_err(|error| Failure::Corrupt(error.to_string()))
}
