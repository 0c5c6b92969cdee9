use std::collections::HashMap;

use nexus_calendar::{Calendar, Time};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, types::ValueRef};

use super::{Column, Query, ReportError, ReportRow, plan};
use crate::{amounts::Amounts, level::Level, sqlite::Cut};

/// The seconds to report on: what was asked for, as far as there is anything. None if there is nothing.
pub(super) fn range(connection: &Connection, query: &Query) -> Result<Option<plan::Range>, ReportError> {
    let table = Cut::Account.table(Level::Day);
    // One by one, so that each is a look at an end of the table.
    let ends = format!("SELECT (SELECT MIN(bucket) FROM {table}), (SELECT MAX(bucket) FROM {table})");
    let (first, last): (Option<i64>, Option<i64>) =
        connection.query_row(&ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(None);
    };
    let from = query.from.map_or(first, |from| from.seconds().max(first));
    let end = last + Level::Day.seconds();
    let to = query.to.map_or(end, |to| to.seconds().min(end));
    Ok((from < to).then_some((from, to)))
}

/// The sums by window and group, in no order.
pub(super) fn rows(connection: &Connection, query: &Query, range: plan::Range) -> Result<Vec<ReportRow>, ReportError> {
    let scans = plan::plan(query.window, &query.zone, query.anchor_day, range);
    let mut groups = Groups::default();
    let mut sums = Sums::new(query, query.from.map_or(range.0, Time::seconds));
    for scan in scans {
        must_be_kept(connection, &scan)?;
        let cut = if query.is_of_account() && Cut::Account.has(scan.level) {
            Cut::Account
        } else {
            Cut::Series
        };
        let places = groups.of(connection, query, cut)?;
        sums.add(connection, &scan, cut, places)?;
    }
    let names = groups.names;
    Ok(sums
        .by_place
        .into_iter()
        .map(|((window, group), amounts)| ReportRow {
            window: Time::from_seconds(window),
            group: names.get(group as usize).cloned().unwrap_or_default(),
            amounts,
        })
        .collect())
}

impl Query {
    fn is_of_account(&self) -> bool {
        self.columns().all(Column::is_of_account)
    }

    /// The columns that the query looks at: those of the group, then those of the filters.
    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.group_by
            .iter()
            .chain(self.filters.iter().map(|filter| &filter.column))
    }
}

fn must_be_kept(connection: &Connection, scan: &plan::Scan) -> Result<(), ReportError> {
    let since: Option<i64> = connection
        .prepare_cached("SELECT since FROM kept WHERE level = ?1")?
        .query_row([scan.level.name()], |row| row.get(0))
        .optional()?;
    match since {
        Some(since) if scan.range.0 < since => Err(ReportError::NotKept {
            level: scan.level.name(),
            since: Time::from_seconds(since),
        }),
        _ => Ok(()),
    }
}

/// Which group each series or account belongs to, by its number; none for those that the filters exclude.
type Places = Vec<Option<u32>>;

#[derive(Debug, Default)]
struct Groups {
    names: Vec<Vec<String>>,
    numbers: HashMap<Vec<String>, u32>,
    by_cut: [Option<Places>; 2],
}

impl Groups {
    fn of(&mut self, connection: &Connection, query: &Query, cut: Cut) -> rusqlite::Result<&Places> {
        let [series, account] = &mut self.by_cut;
        let known = match cut {
            Cut::Series => series,
            Cut::Account => account,
        };
        if known.is_none() {
            let places = read_places(connection, query, cut, &mut self.names, &mut self.numbers)?;
            *known = Some(places);
        }
        Ok(known.get_or_insert_default())
    }
}

fn read_places(
    connection: &Connection,
    query: &Query,
    cut: Cut,
    names: &mut Vec<Vec<String>>,
    numbers: &mut HashMap<Vec<String>, u32>,
) -> rusqlite::Result<Places> {
    let table = match cut {
        Cut::Series => "series",
        Cut::Account => "account",
    };
    let columns: String = query.columns().map(|column| format!(", {}", column.sql())).collect();
    let mut statement = connection.prepare(&format!("SELECT id{columns} FROM {table}"))?;
    let mut rows = statement.query([])?;
    let mut places = Places::new();
    while let Some(row) = rows.next()? {
        let Some(id) = usize::try_from(row.get::<_, i64>(0)?).ok() else {
            continue;
        };
        let values = values(row, query)?;
        let (group, filtered) = values.split_at_checked(query.group_by.len()).unwrap_or_default();
        if !query
            .filters
            .iter()
            .zip(filtered)
            .all(|(filter, value)| filter.admits(value))
        {
            continue;
        }
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(group.to_vec()).or_insert_with(|| {
            names.push(group.to_vec());
            next
        });
        if places.len() <= id {
            places.resize(id + 1, None);
        }
        if let Some(place) = places.get_mut(id) {
            *place = Some(number);
        }
    }
    Ok(places)
}

fn values(row: &SqlRow<'_>, query: &Query) -> rusqlite::Result<Vec<String>> {
    let value = |(index, column): (usize, &Column)| match (row.get_ref(index)?, column) {
        (ValueRef::Integer(number), _) => Ok(number.to_string()),
        (text, Column::Label(name)) => Ok(label(text.as_str()?, name)),
        (text, _) => Ok(text.as_str()?.to_owned()),
    };
    (1..).zip(query.columns()).map(value).collect()
}

fn label(labels: &str, name: &str) -> String {
    let labels: serde_json::Value = serde_json::from_str(labels).unwrap_or_default();
    labels
        .get(name)
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}

#[derive(Debug)]
struct Sums<'a> {
    query: &'a Query,
    calendar: Calendar,
    start: i64,
    by_place: HashMap<(i64, u32), Amounts, foldhash::fast::RandomState>,
}

impl<'a> Sums<'a> {
    fn new(query: &'a Query, start: i64) -> Self {
        Sums {
            query,
            calendar: Calendar::new(query.zone.clone(), query.anchor_day),
            start,
            by_place: HashMap::default(),
        }
    }

    fn add(
        &mut self,
        connection: &Connection,
        scan: &plan::Scan,
        cut: Cut,
        places: &Places,
    ) -> Result<(), ReportError> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT bucket, series, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns FROM {}
             WHERE bucket >= ?1 AND bucket < ?2 ORDER BY bucket",
            cut.table(scan.level)
        ))?;
        let mut rows = statement.query([scan.range.0, scan.range.1])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            let id = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX);
            let Some(group) = places.get(id).copied().flatten() else {
                continue;
            };
            let bucket = row.get(0)?;
            let (_, window) = match last {
                Some((known, window)) if known == bucket => (known, window),
                _ => *last.insert((bucket, self.window_of(bucket))),
            };
            *self.by_place.entry((window, group)).or_default() += amounts(row)?;
            if self.by_place.len() > self.query.rows_max {
                return Err(ReportError::TooLong(self.query.rows_max));
            }
        }
        Ok(())
    }

    fn window_of(&self, bucket: i64) -> i64 {
        let window = self.query.window;
        window.map_or(self.start, |window| window.start(&self.calendar, bucket))
    }
}

fn amounts(row: &SqlRow<'_>) -> rusqlite::Result<Amounts> {
    let number = |index| {
        row.get::<_, i64>(index)
            .map(|number| u64::try_from(number).unwrap_or(0))
    };
    Ok(Amounts {
        calls: number(2)?,
        bytes_in: number(3)?,
        bytes_out: number(4)?,
        body_bytes_in: number(5)?,
        body_bytes: number(6)?,
        duration_ns: number(7)?,
    })
}
