//! A ledger in PostgreSQL.
//!
//! `schema.sql` has the tables and the functions that change them: each operation is one call of one function, and so one
//! statement, one transaction and one round trip. Statements are sent without a name, so that a pooler between may hand them
//! to any connection.

mod error;
mod parameters;
mod schema;
mod settings;

use std::sync::Arc;

use nexus_postgres::{Connection, Database, Timeouts};
use tokio::time::timeout;
use tokio_postgres::{Row as SqlRow, types::Type};

use super::{Answer, Claim, ErrorKind, Lease, LedgerError, Pushed, Row, Sum, slot::Slot};
use crate::{Amount, Cell, Field, Period, Subject, Totals, WriterId};
use error::{explain, explain_connecting};
use parameters::{Columns, Parameter, limits_of, numbers_of, saturated, totals_of};
pub use settings::PostgresSettings;

#[derive(Debug, Clone)]
pub(super) struct Postgres {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    slot: Slot<Arc<Connection>>,
    settings: PostgresSettings,
}

impl Postgres {
    /// Connects to nothing yet.
    pub(super) fn new(settings: PostgresSettings) -> Result<Self, LedgerError> {
        const OPENING: &str = "opening the ledger";
        let timeouts = Timeouts {
            connect: settings.connect_timeout,
            statement: settings.operation_timeout,
        };
        let database = Database::new(&settings.url, settings.authorities.as_deref(), "nexus-usage", timeouts)
            .map_err(|error| LedgerError::new(ErrorKind::Refused, OPENING, error))?;
        Ok(Postgres {
            shared: Arc::new(Shared {
                database,
                slot: Slot::new(settings.connect_timeout),
                settings,
            }),
        })
    }

    #[expect(clippy::unused_self, reason = "every kind of ledger is asked the same way")]
    pub(super) fn name(&self) -> &'static str {
        "postgres"
    }

    pub(super) async fn push(&self, cells: &[Cell]) -> Result<Pushed, LedgerError> {
        const MERGING: &str = "merging cells";
        const PUSH: &str = "SELECT nexus_usage_push($1, $2, $3::text[]::uuid[], $4, $5, $6, $7, $8, $9)";
        let mut closed = 0;
        for chunk in cells.chunks(PostgresSettings::PUSH_CELLS_MAX) {
            let columns = Columns::of(chunk);
            for row in self.ask(MERGING, PUSH, &columns.parameters()).await? {
                closed += read(MERGING, &row, 0).map(i64::unsigned_abs)?;
            }
        }
        Ok(Pushed { closed })
    }

    pub(super) async fn sums(
        &self,
        period: Period,
        subjects: &[Subject],
        writer: WriterId,
    ) -> Result<Vec<Sum>, LedgerError> {
        let mut sums = Vec::with_capacity(subjects.len());
        for chunk in subjects.chunks(PostgresSettings::PUSH_CELLS_MAX) {
            let known = self.sums_of(period, chunk, writer).await?;
            let sum = |subject: &Subject| known.get(subject.as_str()).copied().unwrap_or_default();
            sums.extend(chunk.iter().map(sum));
        }
        Ok(sums)
    }

    async fn sums_of(
        &self,
        period: Period,
        subjects: &[Subject],
        writer: WriterId,
    ) -> Result<std::collections::HashMap<String, Sum>, LedgerError> {
        const READING: &str = "reading sums";
        let names: Vec<_> = subjects.iter().map(Subject::as_str).collect();
        let (period, writer) = (period.to_string(), writer.to_string());
        let parameters: [Parameter<'_>; 3] = [(&period, Type::TEXT), (&names, Type::TEXT_ARRAY), (&writer, Type::TEXT)];
        let rows = self.ask(READING, schema::SUMS, &parameters).await?;
        let sum = |row: &SqlRow| {
            let (all, own) = (totals_at(READING, row, 1)?, totals_at(READING, row, 7)?);
            Ok((read(READING, row, 0)?, Sum { all, own }))
        };
        rows.iter().map(sum).collect()
    }

    pub(super) async fn report(&self, first: Period, last: Period) -> Result<Vec<Row>, LedgerError> {
        const REPORTING: &str = "making a report";
        let (first, last) = (first.to_string(), last.to_string());
        let parameters: [Parameter<'_>; 2] = [(&first, Type::TEXT), (&last, Type::TEXT)];
        let rows = self.ask(REPORTING, schema::REPORT, &parameters).await?;
        let senseless =
            |error: Box<dyn std::error::Error + Send + Sync>| LedgerError::new(ErrorKind::Corrupt, REPORTING, error);
        let row = |row: &SqlRow| {
            let (period, subject): (&str, &str) = (read(REPORTING, row, 0)?, read(REPORTING, row, 1)?);
            Ok(Row {
                period: period
                    .parse()
                    .map_err(|error: crate::PeriodError| senseless(error.into()))?,
                subject: Subject::new(subject).map_err(|error| senseless(error.into()))?,
                totals: totals_at(REPORTING, row, 2)?,
            })
        };
        rows.iter().map(row).collect()
    }

    pub(super) async fn compact(&self, before: Period) -> Result<u64, LedgerError> {
        const COMPACTING: &str = "compacting";
        let before = before.to_string();
        let rows = self
            .ask(COMPACTING, "SELECT nexus_usage_compact($1)", &[(&before, Type::TEXT)])
            .await?;
        let gone = rows.first().map(|row| read(COMPACTING, row, 0)).transpose()?;
        Ok(gone.map_or(0, i64::unsigned_abs))
    }

    pub(super) async fn ping(&self) -> Result<(), LedgerError> {
        self.ask("pinging", "SELECT kept_from FROM nexus_usage_ledger", &[])
            .await
            .map(drop)
    }

    pub(super) async fn lease(&self, claim: &Claim) -> Result<Lease, LedgerError> {
        let granted = self.claim("leasing", claim, false).await?;
        Ok(granted.map(|(lease, _)| lease).unwrap_or_default())
    }

    pub(super) async fn admit(&self, claim: &Claim) -> Result<Answer, LedgerError> {
        Ok(match self.claim("admitting", claim, true).await? {
            None => Answer::Admitted(Lease::default()),
            Some((lease, None)) => Answer::Admitted(lease),
            Some((_, Some(field))) => Answer::Refused(field),
        })
    }

    pub(super) async fn give_back(&self, cell: &Cell, up_to: Amount) -> Result<(), LedgerError> {
        const GIVE_BACK: &str = "SELECT nexus_usage_give_back($1, $2, $3::text::uuid, $4, $5)";
        let key = (cell.period.to_string(), cell.writer.to_string());
        let (totals, up_to) = (totals_of(cell.totals), numbers_of(up_to));
        let parameters: [Parameter<'_>; 5] = [
            (&key.0, Type::TEXT),
            (&cell.subject.as_str(), Type::TEXT),
            (&key.1, Type::TEXT),
            (&totals, Type::INT8_ARRAY),
            (&up_to, Type::INT8_ARRAY),
        ];
        self.ask("giving back", GIVE_BACK, &parameters).await.map(drop)
    }

    pub(super) async fn close(&self) {
        self.shared.slot.close().await;
    }

    /// None if the period is closed; else what is held, and the first field of which it is less than was asked for.
    async fn claim(
        &self,
        operation: &'static str,
        claim: &Claim,
        whole: bool,
    ) -> Result<Option<(Lease, Option<Field>)>, LedgerError> {
        const CLAIM: &str =
            "SELECT held, free, others, lacks FROM nexus_usage_claim($1, $2, $3::text::uuid, $4, $5, $6, $7, $8)";
        let cell = &claim.cell;
        let key = (cell.period.to_string(), cell.writer.to_string());
        let (totals, asked, limits) = (totals_of(cell.totals), numbers_of(claim.up_to), limits_of(claim.limits));
        let valid_for_ms = i64::try_from(claim.valid_for.as_millis())
            .unwrap_or(i64::MAX)
            .min(VALID_FOR_MS_MAX);
        let parameters: [Parameter<'_>; 8] = [
            (&key.0, Type::TEXT),
            (&cell.subject.as_str(), Type::TEXT),
            (&key.1, Type::TEXT),
            (&totals, Type::INT8_ARRAY),
            (&asked, Type::INT8_ARRAY),
            (&limits, Type::INT8_ARRAY),
            (&valid_for_ms, Type::INT8),
            (&whole, Type::BOOL),
        ];
        let rows = self.ask(operation, CLAIM, &parameters).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let lacks: Option<i32> = read(operation, row, 3)?;
        let lacks = lacks.and_then(|position| Field::ALL.get(usize::try_from(position - 1).ok()?).copied());
        Ok(Some((lease_of(operation, row, claim)?, lacks)))
    }

    /// One round trip. A connection on which no answer came is not used again.
    async fn ask(
        &self,
        operation: &'static str,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<SqlRow>, LedgerError> {
        let shared = &*self.shared;
        let connecting = async {
            let connected = shared.database.connect(&schema::SCHEMA).await.map(Arc::new);
            connected.map_err(|error| explain_connecting(operation, error))
        };
        let (connection, number) = shared.slot.get(operation, connecting).await?;
        let warned = connection.warnings.count();
        let asked = timeout(
            shared.settings.operation_timeout,
            connection.client.query_typed(statement, parameters),
        )
        .await;
        let unavailable = |why: String| LedgerError::new(ErrorKind::Unavailable, operation, why);
        let answered = match (asked, connection.warnings.since(warned)) {
            // As when nobody knows whether the standby has what was committed: it is asked again.
            (Ok(Ok(_)), Some(warning)) => Err(unavailable(format!("it was done with a warning: {warning}"))),
            (Ok(answered), _) => answered.map_err(|error| explain(operation, &error)),
            (Err(_), _) => Err(unavailable("no answer in time".to_owned())),
        };
        if let Err(error) = &answered
            && error.kind() == ErrorKind::Unavailable
        {
            shared.slot.discard(number).await;
        }
        answered
    }
}

/// A hundred years: what PostgreSQL can add to a time with certainty.
const VALID_FOR_MS_MAX: i64 = 100 * 365 * 24 * 60 * 60 * 1_000;

fn lease_of(operation: &'static str, row: &SqlRow, claim: &Claim) -> Result<Lease, LedgerError> {
    let held: Vec<i64> = read(operation, row, 0)?;
    let left: Vec<Option<i64>> = read(operation, row, 1)?;
    let others: Vec<i64> = read(operation, row, 2)?;
    let held = saturated(held);
    Ok(Lease {
        up_to: Amount::from_fn(|field| match claim.limits.get(field) {
            Some(_) => held.get(field),
            // More may be asked for than a column holds.
            None => held.get(field).max(claim.up_to.get(field)),
        }),
        left: {
            let mut left = left.into_iter();
            Amount::from_fn(|_| {
                left.next()
                    .flatten()
                    .map_or(u64::MAX, |left| u64::try_from(left).unwrap_or(0))
            })
        },
        others: saturated(others),
    })
}

fn totals_at(operation: &'static str, row: &SqlRow, first: usize) -> Result<Totals, LedgerError> {
    let mut numbers = Vec::with_capacity(6);
    for column in first..first + 6 {
        numbers.push(read(operation, row, column)?);
    }
    let taken = numbers.split_off(3);
    Ok(Totals {
        added: saturated(numbers),
        taken: saturated(taken),
    })
}

fn read<'a, T: tokio_postgres::types::FromSql<'a>>(
    operation: &'static str,
    row: &'a SqlRow,
    column: usize,
) -> Result<T, LedgerError> {
    row.try_get(column)
        .map_err(|error| LedgerError::new(ErrorKind::Corrupt, operation, error))
}
