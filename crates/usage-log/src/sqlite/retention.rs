//! Throws away what is past its retention, piece by piece.

use std::time::Duration;

use nexus_calendar::Time;
use rusqlite::{OptionalExtension as _, params};

use super::{SqliteSink, cut::Cut};
use crate::{day::Day, level::Level, sink::Tended};

impl SqliteSink {
    /// Throws one bounded piece of what is past its retention away.
    pub(super) fn throw_away(&mut self, now: Time) -> rusqlite::Result<Tended> {
        let first_day = |kept: Duration| Day::of(now.before(kept));
        let raw = first_day(self.retention.raw_kept);
        let ids = first_day(self.retention.ids_kept());
        let did = self.days.drop_before(&self.connection, raw)?
            || self.ids.drop_before(&self.connection, ids)?
            || self.drop_quarantined(now)?
            || self.drop_sums(Level::Second, self.retention.seconds_kept, now)?
            || self.drop_sums(Level::Minute, self.retention.minutes_kept, now)?
            || self.drop_sums(Level::Hour, self.retention.hours_kept, now)?;
        Ok(if did { Tended::More } else { Tended::Done })
    }

    fn drop_quarantined(&self, now: Time) -> rusqlite::Result<bool> {
        let before = now.before(self.retention.raw_kept).nanos();
        let delete = "DELETE FROM quarantine WHERE rowid IN
            (SELECT rowid FROM quarantine WHERE arrived_ns < ?1 ORDER BY rowid LIMIT 10000)";
        Ok(self.connection.execute(delete, [before])? > 0)
    }

    /// Deletes the oldest of the buckets that are not kept any more: those of an hour, a day or a month, by level.
    fn drop_sums(&self, level: Level, kept: Duration, now: Time) -> rusqlite::Result<bool> {
        let since = Level::Day.floor(now.before(kept).seconds());
        let span = level.seconds() * 3_600;
        let mut did = false;
        for cut in [Cut::Series, Cut::Account].into_iter().filter(|cut| cut.has(level)) {
            let table = cut.table(level);
            let oldest: Option<i64> = self
                .connection
                .prepare_cached(&format!("SELECT bucket FROM {table} ORDER BY bucket LIMIT 1"))?
                .query_row([], |row| row.get(0))
                .optional()?;
            let Some(oldest) = oldest.filter(|oldest| *oldest < since) else {
                continue;
            };
            let before = since.min(oldest.saturating_add(span));
            self.connection
                .prepare_cached(&format!("DELETE FROM {table} WHERE bucket < ?1"))?
                .execute([before])?;
            did = true;
        }
        if did {
            self.connection
                .prepare_cached(
                    "INSERT INTO kept(level, since) VALUES (?1, ?2)
                     ON CONFLICT(level) DO UPDATE SET since = MAX(since, excluded.since)",
                )?
                .execute(params![level.name(), since])?;
        }
        Ok(did)
    }
}
