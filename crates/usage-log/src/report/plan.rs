//! Which sums to read: as coarse as the windows allow.

use nexus_calendar::{AnchorDay, Calendar, Zone};

use super::Window;
use crate::level::Level;

/// Seconds, the last one exclusive.
pub(super) type Range = (i64, i64);

/// Ranges of one level's sums.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) level: Level,
    pub(super) range: Range,
}

/// The scans that cover `range`, each second once. No bucket of theirs reaches over the end of a window.
pub(super) fn plan(window: Option<Window>, zone: &Zone, anchor_day: AnchorDay, range: Range) -> Vec<Scan> {
    let mut scans = Vec::new();
    match window.map(|window| (window, window.seconds())) {
        None => cover(range, Level::Day, &mut scans),
        Some((window, None)) => {
            let calendar = Calendar::new(zone.clone(), anchor_day);
            let mut from = range.0;
            while from < range.1 {
                let to = window.end(&calendar, from).min(range.1).max(from + 1);
                cover((from, to), Level::Day, &mut scans);
                from = to;
            }
        }
        Some((_, Some(seconds))) => cover(range, level_within(seconds, zone, range), &mut scans),
    }
    merge(scans)
}

/// The coarsest level whose buckets end with windows of so many seconds.
fn level_within(seconds: i64, zone: &Zone, range: Range) -> Level {
    if seconds % Level::Minute.seconds() != 0 {
        return Level::Second;
    }
    let level = aligned_level(zone, range);
    if seconds % Level::Hour.seconds() == 0 {
        level
    } else {
        level.min(Level::Minute)
    }
}

/// The coarsest level, up to the hour, whose buckets begin where the zone's clocks show a round time.
fn aligned_level(zone: &Zone, range: Range) -> Level {
    let mut level = Level::Hour;
    let mut second = range.0;
    // No offset is in force for less than an hour.
    while second < range.1 {
        let offset = zone.offset(second);
        while offset.rem_euclid(level.seconds()) != 0 {
            level = if level == Level::Hour {
                Level::Minute
            } else {
                Level::Second
            };
        }
        second += Level::Hour.seconds();
    }
    level
}

fn cover((from, to): Range, level: Level, scans: &mut Vec<Scan>) {
    if from >= to {
        return;
    }
    let finer = match level {
        Level::Second => None,
        Level::Minute => Some(Level::Second),
        Level::Hour => Some(Level::Minute),
        Level::Day => Some(Level::Hour),
    };
    let Some(finer) = finer else {
        scans.push(Scan {
            level,
            range: (from, to),
        });
        return;
    };
    let begin = level.floor(from + level.seconds() - 1);
    let end = level.floor(to);
    if begin >= end {
        return cover((from, to), finer, scans);
    }
    cover((from, begin), finer, scans);
    scans.push(Scan {
        level,
        range: (begin, end),
    });
    cover((end, to), finer, scans);
}

/// Scans of one level that touch become one.
fn merge(scans: Vec<Scan>) -> Vec<Scan> {
    let mut merged: Vec<Scan> = Vec::with_capacity(scans.len());
    for scan in scans {
        match merged.last_mut() {
            Some(last) if last.level == scan.level && last.range.1 == scan.range.0 => last.range.1 = scan.range.1,
            _ => merged.push(scan),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    /// 2026-01-01.
    const NEW_YEAR: i64 = 1_767_225_600;

    #[test]
    fn months_are_read_from_the_sums_by_day_whatever_day_they_begin_on() {
        let year = (NEW_YEAR, NEW_YEAR + 365 * DAY);
        for anchor_day in (1..=31).map(|day| AnchorDay::try_from(day).unwrap()) {
            let scans = plan(Some(Window::Month), &Zone::default(), anchor_day, year);
            let days = Scan {
                level: Level::Day,
                range: year,
            };
            assert_eq!(scans, [days], "{anchor_day}");
        }
    }

    #[test]
    fn months_of_a_zone_are_days_and_the_hours_by_which_its_days_differ() {
        let zone = "Europe/Berlin".parse().unwrap();
        for anchor_day in (1..=31).map(|day| AnchorDay::try_from(day).unwrap()) {
            let year = (NEW_YEAR, NEW_YEAR + 365 * DAY);
            let scans = plan(Some(Window::Month), &zone, anchor_day, year);
            let mut next = year.0;
            for Scan { range, .. } in &scans {
                assert_eq!(range.0, next, "{anchor_day}: a second is read twice or not at all");
                next = range.1;
            }
            assert_eq!(next, year.1, "{anchor_day}");
            let seconds = |wanted: Level| {
                let of_level = scans.iter().filter(|scan| scan.level == wanted);
                of_level.map(|scan| scan.range.1 - scan.range.0).sum::<i64>()
            };
            // Each of the twelve beginnings of a month cuts a day of UTC in two.
            assert_eq!(seconds(Level::Hour), 12 * DAY, "{anchor_day}");
            assert_eq!(seconds(Level::Day), 353 * DAY, "{anchor_day}");
        }
    }
}
