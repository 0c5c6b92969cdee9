//! Adds up what a query asks for.

use std::collections::HashMap;

use nexus_calendar::{Calendar, Time};

use super::{Column, Query, ReportError, ReportRow, plan, tables::Tables};
use crate::{amounts::Amounts, level::Level, sqlite::Cut};

/// The seconds to report on: what was asked for, as far as there is anything. None if there is nothing.
pub(super) fn range(tables: &mut Tables<'_>, query: &Query) -> Result<Option<plan::Range>, ReportError> {
    let Some((first, last)) = tables.days()? else {
        return Ok(None);
    };
    let from = query.from.map_or(first, |from| from.seconds().max(first));
    let end = last + Level::Day.seconds();
    let to = query.to.map_or(end, |to| to.seconds().min(end));
    Ok((from < to).then_some((from, to)))
}

/// The sums by window and group, in no order.
pub(super) fn rows(tables: &mut Tables<'_>, query: &Query, range: plan::Range) -> Result<Vec<ReportRow>, ReportError> {
    let scans = plan::plan(query.window, &query.zone, query.anchor_day, range);
    let mut groups = Groups::default();
    let mut sums = Sums::new(query, query.from.map_or(range.0, Time::seconds));
    for scan in scans {
        must_be_kept(tables, &scan)?;
        let cut = if query.is_of_account() && tables.has(Cut::Account, scan.level) {
            Cut::Account
        } else {
            Cut::Series
        };
        let places = groups.of(tables, query, cut)?;
        sums.add(tables, &scan, cut, places)?;
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

fn must_be_kept(tables: &mut Tables<'_>, scan: &plan::Scan) -> Result<(), ReportError> {
    match tables.kept_since(scan.level)? {
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
    fn of(&mut self, tables: &mut Tables<'_>, query: &Query, cut: Cut) -> Result<&Places, ReportError> {
        let [series, account] = &mut self.by_cut;
        let known = match cut {
            Cut::Series => series,
            Cut::Account => account,
        };
        if known.is_none() {
            *known = Some(read_places(tables, query, cut, &mut self.names, &mut self.numbers)?);
        }
        Ok(known.get_or_insert_default())
    }
}

fn read_places(
    tables: &mut Tables<'_>,
    query: &Query,
    cut: Cut,
    names: &mut Vec<Vec<String>>,
    numbers: &mut HashMap<Vec<String>, u32>,
) -> Result<Places, ReportError> {
    let columns: Vec<&Column> = query.columns().collect();
    let mut places = Places::new();
    tables.series(cut, &columns, &mut |id, values| {
        let Ok(id) = usize::try_from(id) else { return };
        let (group, filtered) = values.split_at_checked(query.group_by.len()).unwrap_or_default();
        let mut conditions = query.filters.iter().zip(filtered);
        if !conditions.all(|(filter, value)| filter.admits(value)) {
            return;
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
    })?;
    Ok(places)
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
        tables: &mut Tables<'_>,
        scan: &plan::Scan,
        cut: Cut,
        places: &Places,
    ) -> Result<(), ReportError> {
        let mut last = None;
        tables.sums(cut, scan.level, scan.range, &mut |bucket, id, amounts| {
            let id = usize::try_from(id).unwrap_or(usize::MAX);
            let Some(group) = places.get(id).copied().flatten() else {
                return Ok(());
            };
            let (_, window) = match last {
                Some((known, window)) if known == bucket => (known, window),
                _ => *last.insert((bucket, self.window_of(bucket))),
            };
            *self.by_place.entry((window, group)).or_default() += amounts;
            if self.by_place.len() > self.query.rows_max {
                return Err(ReportError::TooLong(self.query.rows_max));
            }
            Ok(())
        })
    }

    fn window_of(&self, bucket: i64) -> i64 {
        let window = self.query.window;
        window.map_or(self.start, |window| window.start(&self.calendar, bucket))
    }
}
