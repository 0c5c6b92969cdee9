//! A sink that many machines share.

mod claims;
mod days;
mod error;
mod lock;
mod retention;
mod rows;
mod schema;
mod series;
mod settings;
mod sums;
mod text;

use nexus_calendar::Time;
use nexus_postgres::{Connection, Database, Timeouts};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};

pub use error::PostgresSettingsError;
pub(crate) use schema::SCHEMA;
pub use settings::PostgresSettings;
pub(crate) use sums::table;

use crate::{
    blocking::Blocking,
    id::EventOutcome,
    retention::Retention,
    sink::{Entry, Gap, Sink, SinkError, Tended},
    sums::column,
};
use claims::Claims;
use error::Failure;
use rows::Row;

/// Values, and what PostgreSQL takes them as.
type Parameters<'a, const N: usize> = [(&'a (dyn ToSql + Sync), Type); N];

/// Stores records in a PostgreSQL database, in tables named `nexus_usage_log…`, which it makes: every record in a partition
/// of its day, and sums by second, minute, hour and day, all in the transaction that takes its id. Any number of logs, on any
/// number of machines, store into one database.
///
/// A batch that is answered is as durable as the server's `synchronous_commit` says. When a connection is lost, or no answer
/// comes, the same batch is offered again and what is stored already is found to be.
#[derive(Debug)]
pub struct PostgresSink {
    blocking: Blocking,
    database: Database,
    settings: PostgresSettings,
    session: Option<Session>,
}

/// A connection, and what is known of its database.
#[derive(Debug)]
struct Session {
    connection: Connection,
    series: series::SeriesIds,
    days: days::Days,
}

impl PostgresSink {
    /// Connects to nothing yet: a server that is not there is found when there is something to store, which waits for it.
    ///
    /// # Errors
    /// The URL or the authorities cannot be used.
    pub fn open(settings: PostgresSettings) -> Result<Self, PostgresSettingsError> {
        Ok(PostgresSink {
            blocking: Blocking::new().map_err(PostgresSettingsError::Runtime)?,
            database: database(&settings)?,
            settings,
            session: None,
        })
    }

    /// Does something in a session. One in which anything fails is not used again; if it was an old one, whose connection
    /// may have gone since, it is tried once more in a new one.
    fn run<T>(&mut self, mut work: impl AsyncFnMut(&mut Session) -> Result<T, Failure>) -> Result<T, SinkError> {
        let (database, session) = (&self.database, &mut self.session);
        let working = async {
            let reused = session.take();
            let mut may_repeat = reused.is_some();
            let mut current = match reused {
                Some(session) => session,
                None => Session::new(database).await?,
            };
            loop {
                match work(&mut current).await {
                    Ok(done) => {
                        *session = Some(current);
                        return Ok(done);
                    }
                    Err(failure) if may_repeat && failure.is_of_the_connection() => {
                        may_repeat = false;
                        current = Session::new(database).await?;
                    }
                    Err(failure) => return Err(failure),
                }
            }
        };
        let in_time = async {
            match timeout(self.settings.operation_timeout, working).await {
                Ok(result) => result.map_err(|failure| SinkError::new(WRITING, failure)),
                Err(_) => Err(SinkError::new(WRITING, "no answer in time")),
            }
        };
        self.blocking.run(in_time)
    }
}

/// Where the tables are, for whoever writes or reads them.
pub(crate) fn database(settings: &PostgresSettings) -> Result<Database, PostgresSettingsError> {
    let timeouts = Timeouts {
        connect: settings.connect_timeout,
        statement: settings.operation_timeout,
    };
    let authorities = settings.authorities.as_deref();
    Ok(Database::new(settings.url(), authorities, "nexus-usage-log", timeouts)?)
}

const WRITING: &str = "cannot write the usage log into PostgreSQL";

impl Session {
    async fn new(database: &Database) -> Result<Self, Failure> {
        Ok(Session {
            connection: database.connect(&SCHEMA).await?,
            series: series::SeriesIds::default(),
            days: days::Days::default(),
        })
    }

    async fn store(&mut self, batch: &[Entry], retention: &Retention, now: Time) -> Result<Vec<EventOutcome>, Failure> {
        let series = self
            .series
            .of(&self.connection.client, batch, retention.series_max)
            .await?;
        let times = batch.iter().map(|entry| entry.record.ended_at);
        let counted = times.filter(|ended_at| *ended_at <= now.after(retention.future_max));
        self.days.prepare(&mut self.connection.client, counted).await?;

        let warned = self.connection.warnings.count();
        let transaction = self.connection.client.transaction().await?;
        let mut claims = Claims::make(&transaction, batch, retention, now).await?;
        let mut fates = Vec::with_capacity(batch.len());
        let mut rows = Vec::with_capacity(batch.len());
        for (entry, series) in batch.iter().zip(series) {
            let (fate, writer) = claims.decide(entry, retention, now)?;
            fates.push(fate);
            if matches!(fate, EventOutcome::Stored | EventOutcome::Quarantined) {
                rows.push(Row::new(entry, series, writer, fate));
            }
        }
        rows::insert(&transaction, &rows, now).await?;
        // Last, for others wait for their rows.
        tokio::try_join!(
            biased;
            claims.keep(&transaction),
            sums::adjust(&transaction, &rows, retention, now),
            sums::add(&transaction, &rows),
        )?;
        transaction.commit().await?;
        match self.connection.warnings.since(warned) {
            Some(warning) => Err(Failure::Warned(warning)),
            None => Ok(fates),
        }
    }

    async fn note_gap(&mut self, gap: Gap, now: Time) -> Result<(), Failure> {
        let writer = gap.writer.as_bytes().as_slice();
        let (last, last_possible, now) = (column(gap.last), column(gap.last_possible), now.nanos());
        let note = "INSERT INTO nexus_usage_log_gaps (writer, last, last_possible, noted_ns) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING";
        let parameters: Parameters<'_, 4> = [
            (&writer, Type::BYTEA),
            (&last, Type::INT8),
            (&last_possible, Type::INT8),
            (&now, Type::INT8),
        ];
        self.connection.client.query_typed(note, &parameters).await?;
        Ok(())
    }
}

impl Sink for PostgresSink {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        let retention = self.settings.retention.clone();
        let now = retention.clock.now();
        self.run(async |session| session.store(batch, &retention, now).await)
    }

    fn note_gap(&mut self, gap: Gap) -> Result<(), SinkError> {
        let now = self.settings.retention.clock.now();
        self.run(async |session| session.note_gap(gap, now).await)
    }

    fn tend(&mut self) -> Result<Tended, SinkError> {
        let retention = self.settings.retention.clone();
        let now = retention.clock.now();
        self.run(async |session| {
            retention::throw_away(&mut session.connection.client, &mut session.days, &retention, now).await
        })
    }
}
