//! A ledger in Redis, one server or a Cluster.
//!
//! Per subject and period there are two hashes in one slot, the cells and the claims; `prelude.lua` says what stands in them.
//! Scripts change them, so that each change is one step. Beside them one set per period names the subjects, for reports.
//! Every key has an expiry, set by what creates it in the same step: [`Ledger::kept_until`](super::Ledger::kept_until).
//!
//! A claim is as safe as Redis keeps its data: after a loss of it (a restart without persistence, a failover to a replica
//! that was behind) usage is whole again with the next push of each writer, but claims are not known until they are renewed,
//! and others may be granted what was claimed.

mod answer;
mod connection;
mod error;
mod keys;
mod scripts;
mod settings;

use std::sync::Arc;

use ::redis::{Cmd, FromRedisValue, RedisResult, Value};
use tokio::time::timeout;

use super::{Answer, Claim, ErrorKind, Lease, LedgerError, Pushed, Row, Sum, slot::Slot};
use crate::{Amount, Cell, Period, Subject, Totals, WriterId};
use answer::Granted;
use connection::{Client, Connection};
use error::{explain, explain_connecting};
use keys::Keys;
use scripts::How;
pub use settings::{RedisAddress, RedisAddressError, RedisSettings, RedisTls, RedisTopology};

#[derive(Debug, Clone)]
pub(super) struct Redis {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    slot: Slot<Connection>,
    keys: Keys,
    settings: RedisSettings,
}

impl Redis {
    /// Connects to nothing yet.
    pub(super) fn new(settings: RedisSettings) -> Result<Self, LedgerError> {
        const OPENING: &str = "opening the ledger";
        let keys = Keys::new(&settings.key_prefix)
            .ok_or_else(|| LedgerError::new(ErrorKind::Refused, OPENING, "a key prefix must not hold braces"))?;
        let client = Client::new(&settings).map_err(|error| explain(OPENING, error))?;
        Ok(Redis {
            shared: Arc::new(Shared {
                client,
                slot: Slot::new(settings.connect_timeout),
                keys,
                settings,
            }),
        })
    }

    #[expect(clippy::unused_self, reason = "every kind of ledger is asked the same way")]
    pub(super) fn name(&self) -> &'static str {
        "redis"
    }

    pub(super) async fn push(&self, cells: &[Cell]) -> Result<Pushed, LedgerError> {
        let mut closed = 0;
        for chunk in cells.chunks(RedisSettings::PUSH_CELLS_MAX) {
            let mut commands = scripts::index(&self.shared.keys, chunk);
            let indexing = commands.len();
            commands.extend(chunk.iter().map(|cell| scripts::push(&self.shared.keys, cell)));
            let answers = self.ask("merging cells", commands).await?;
            for answer in answers.into_iter().skip(indexing) {
                let kept: u64 = read("merging cells", answer)?;
                closed += 1 - kept.min(1);
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
        let wanted = |subject| self.shared.keys.read_sum(period, subject, writer);
        let answers = self.ask_in_chunks("reading sums", subjects.iter().map(wanted)).await?;
        let sum = |answer| answer::sum("reading sums", answer);
        answers.into_iter().map(sum).collect()
    }

    pub(super) async fn report(&self, first: Period, last: Period) -> Result<Vec<Row>, LedgerError> {
        const REPORTING: &str = "making a report";
        let periods = std::iter::successors(Some(first), |period| Some(period.next()));
        // The last of all periods is its own successor.
        let count = (last.ordinal() + 1).saturating_sub(first.ordinal());
        let periods: Vec<_> = periods.take(usize::try_from(count).unwrap_or(0)).collect();
        let members = periods.iter().map(|&period| self.shared.keys.read_index(period));
        let members = self.ask_in_chunks(REPORTING, members).await?;
        let mut named = Vec::new();
        for (&period, members) in periods.iter().zip(members) {
            for subject in answer::subjects(REPORTING, members)? {
                named.push((period, subject));
            }
        }
        named.sort();
        let read = named
            .iter()
            .map(|(period, subject)| self.shared.keys.read_total(*period, subject));
        let totals = self.ask_in_chunks(REPORTING, read).await?;
        let mut rows = Vec::with_capacity(named.len());
        for ((period, subject), answer) in named.into_iter().zip(totals) {
            // The set of names outlived the cells: Redis was told to forget what is used least.
            if let Some(totals) = answer::totals(REPORTING, answer)? {
                rows.push(Row {
                    period,
                    subject,
                    totals,
                });
            }
        }
        Ok(rows)
    }

    /// Periods go by themselves.
    pub(super) async fn compact(&self, _before: Period) -> Result<u64, LedgerError> {
        Ok(0)
    }

    pub(super) async fn ping(&self) -> Result<(), LedgerError> {
        self.ask("pinging", vec![::redis::cmd("PING")]).await.map(drop)
    }

    pub(super) async fn lease(&self, claim: &Claim) -> Result<Lease, LedgerError> {
        match self
            .claim("leasing", &claim.cell, &claim.up_to, How::Part(claim))
            .await?
        {
            Granted::Held(lease) => Ok(lease),
            Granted::Closed | Granted::Refused(_) => Ok(Lease::default()),
        }
    }

    pub(super) async fn admit(&self, claim: &Claim) -> Result<Answer, LedgerError> {
        match self
            .claim("admitting", &claim.cell, &claim.up_to, How::Whole(claim))
            .await?
        {
            Granted::Held(lease) => Ok(Answer::Admitted(lease)),
            Granted::Refused(field) => Ok(Answer::Refused(field)),
            Granted::Closed => Ok(Answer::Admitted(Lease::default())),
        }
    }

    pub(super) async fn give_back(&self, cell: &Cell, up_to: Amount) -> Result<(), LedgerError> {
        self.claim("giving back", cell, &up_to, How::Lower).await.map(drop)
    }

    pub(super) async fn close(&self) {
        self.shared.slot.close().await;
    }

    async fn claim(
        &self,
        operation: &'static str,
        cell: &Cell,
        up_to: &Amount,
        how: How<'_>,
    ) -> Result<Granted, LedgerError> {
        let command = scripts::claim(&self.shared.keys, cell, up_to, how);
        let answer = self.ask(operation, vec![command]).await?.pop().unwrap_or(Value::Nil);
        let (granted, made) = answer::granted(operation, answer)?;
        if made && cell.totals != Totals::ZERO {
            self.ask(operation, scripts::index(&self.shared.keys, std::slice::from_ref(cell)))
                .await?;
        }
        Ok(granted)
    }

    async fn ask_in_chunks(
        &self,
        operation: &'static str,
        commands: impl Iterator<Item = Cmd>,
    ) -> Result<Vec<Value>, LedgerError> {
        let commands: Vec<_> = commands.collect();
        let mut answers = Vec::with_capacity(commands.len());
        for chunk in commands.chunks(RedisSettings::PUSH_CELLS_MAX) {
            answers.extend(self.ask(operation, chunk.to_vec()).await?);
        }
        Ok(answers)
    }

    /// One round trip. A connection on which something went wrong is not used again: its answers may come late.
    async fn ask(&self, operation: &'static str, commands: Vec<Cmd>) -> Result<Vec<Value>, LedgerError> {
        let shared = &*self.shared;
        let connecting = async {
            let connected = shared.client.connect().await;
            connected.map_err(|error| explain_connecting(operation, error))
        };
        let (connection, number) = shared.slot.get(operation, connecting).await?;
        let asked = timeout(shared.settings.operation_timeout, connection.ask(&commands)).await;
        let answered = match asked {
            Ok(answered) => answered.map_err(|error| explain(operation, error)),
            Err(_) => Err(LedgerError::new(ErrorKind::Unavailable, operation, "no answer in time")),
        };
        if let Err(error) = &answered
            && error.kind() == ErrorKind::Unavailable
        {
            shared.slot.discard(number).await;
        }
        answered
    }
}

/// Reads an answer as what it must be.
fn read<T: FromRedisValue>(operation: &'static str, answer: Value) -> Result<T, LedgerError> {
    let read: RedisResult<T> = ::redis::from_redis_value(answer).map_err(Into::into);
    read.map_err(|error| explain(operation, error))
}
