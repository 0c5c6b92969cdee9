//! Ids of events, by the day of their arrival.

use nexus_calendar::Time;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::raw::{day_tables, drop_day};
use crate::{day::Day, digest::Digest, id::EventOutcome};

const PREFIX: &str = "ids";

/// Which events from elsewhere have been stored: a table for each day of arrival, so that forgetting a day is cheap. An id
/// is looked for in all of them, for a repeat may come on any later day.
#[derive(Debug)]
pub(super) struct ForeignIds {
    /// The latest first.
    days: Vec<DayIds>,
}

#[derive(Debug)]
struct DayIds {
    day: Day,
    find: String,
}

impl DayIds {
    fn new(day: Day) -> Self {
        let find = format!("SELECT content FROM {} WHERE digest = ?1", day.table(PREFIX));
        DayIds { day, find }
    }
}

impl ForeignIds {
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        let mut ids = ForeignIds { days: Vec::new() };
        ids.reload(connection)?;
        Ok(ids)
    }

    /// To be called when what was made may have been rolled back.
    pub(super) fn reload(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.days = day_tables(connection, PREFIX)?
            .into_iter()
            .rev()
            .map(DayIds::new)
            .collect();
        Ok(())
    }

    /// Takes an id. If it was taken before, says what that makes of the event.
    pub(super) fn claim(
        &mut self,
        connection: &Connection,
        id: &Digest,
        content: i64,
        now: Time,
    ) -> rusqlite::Result<Option<EventOutcome>> {
        for day in &self.days {
            let mut find = connection.prepare_cached(&day.find)?;
            let found: Option<i64> = find.query_row([id], |row| row.get(0)).optional()?;
            match found {
                Some(known) if known == content => return Ok(Some(EventOutcome::Duplicate)),
                Some(_) => return Ok(Some(EventOutcome::Conflict)),
                None => {}
            }
        }
        let today = self.day_for(connection, Day::of(now))?;
        connection
            .prepare_cached(&format!(
                "INSERT INTO {}(digest, content) VALUES (?1, ?2)",
                today.table(PREFIX)
            ))?
            .execute(params![id, content])?;
        Ok(None)
    }

    /// The table for what arrives today: also when the clock was set back, the latest there is.
    fn day_for(&mut self, connection: &Connection, today: Day) -> rusqlite::Result<Day> {
        if let Some(latest) = self.days.first().filter(|latest| latest.day >= today) {
            return Ok(latest.day);
        }
        connection.execute_batch(&format!(
            "CREATE TABLE {}(digest BLOB PRIMARY KEY, content INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            today.table(PREFIX)
        ))?;
        self.days.insert(0, DayIds::new(today));
        Ok(today)
    }

    /// Forgets the oldest day, if it is before `first`.
    pub(super) fn drop_before(&mut self, connection: &Connection, first: Day) -> rusqlite::Result<bool> {
        match self.days.last() {
            Some(oldest) if oldest.day < first => {
                drop_day(connection, PREFIX, oldest.day)?;
                self.days.pop();
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
