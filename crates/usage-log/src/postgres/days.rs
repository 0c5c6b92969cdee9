//! The partitions of the records, by day.

use std::collections::BTreeSet;

use nexus_calendar::Time;
use tokio_postgres::{Client, Error, types::Type};

use super::{error::Failure, lock};
use crate::day::Day;

const TABLE: &str = "nexus_usage_log_raw";

/// The days that have a partition.
#[derive(Debug, Default)]
pub(super) struct Days {
    known: BTreeSet<Day>,
}

impl Days {
    /// Makes the partitions that records need, in a transaction of their own: an empty one does no harm.
    pub(super) async fn prepare(
        &mut self,
        client: &mut Client,
        times: impl Iterator<Item = Time>,
    ) -> Result<(), Failure> {
        let mut missing: BTreeSet<Day> = times.map(Day::of).collect();
        missing.retain(|day| !self.known.contains(day));
        if missing.is_empty() {
            return Ok(());
        }
        let transaction = client.transaction().await?;
        transaction.batch_execute(lock::PARTITIONS).await?;
        self.known = partitions(transaction.client()).await?;
        for day in missing.difference(&self.known) {
            // Attached, and not made in place: that would wait for all who read and write, and make them wait.
            let make = format!(
                "CREATE TABLE {partition} (LIKE {TABLE}); ALTER TABLE {TABLE} ATTACH PARTITION {partition} FOR VALUES {range}",
                partition = day.table(TABLE),
                range = range(*day),
            );
            transaction.batch_execute(&make).await?;
        }
        transaction.commit().await?;
        self.known.extend(missing);
        Ok(())
    }

    /// Throws the oldest day away, if it is before `first`.
    pub(super) async fn drop_before(&mut self, client: &Client, first: Day) -> Result<bool, Failure> {
        let known = partitions(client).await?;
        let Some(oldest) = known.first().filter(|oldest| **oldest < first) else {
            return Ok(false);
        };
        // Who reads for long is not to make all who write wait behind this.
        let drop = format!("SET LOCAL lock_timeout = 1000; DROP TABLE {}", oldest.table(TABLE));
        client.batch_execute(&drop).await?;
        self.known.remove(oldest);
        Ok(true)
    }
}

async fn partitions(client: &Client) -> Result<BTreeSet<Day>, Error> {
    let names = "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = $1::text::regclass";
    let rows = client.query_typed(names, &[(&TABLE, Type::TEXT)]).await?;
    let names = rows.iter().map(|row| row.try_get::<_, &str>(0));
    names
        .filter_map(|name| name.map(|name| Day::of_table(TABLE, name)).transpose())
        .collect()
}

/// The nanoseconds of a day. The first and the last day that a time can be in are cut by what a column can hold.
fn range(day: Day) -> String {
    let nanos = |second: i64| second.checked_mul(1_000_000_000);
    let from = nanos(day.first_second()).map_or_else(|| "MINVALUE".to_owned(), |nanos| nanos.to_string());
    let to = nanos(day.next().first_second()).map_or_else(|| "MAXVALUE".to_owned(), |nanos| nanos.to_string());
    format!("FROM ({from}) TO ({to})")
}
