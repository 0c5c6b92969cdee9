//! Ledgers on servers, as a program opens them: behind a breaker.

#[cfg(feature = "postgres")]
use super::postgres::{Postgres, PostgresSettings};
#[cfg(feature = "redis")]
use super::redis::{Redis, RedisSettings};
use super::{Kind, Ledger, LedgerError};

impl Ledger {
    /// A ledger in Redis, behind a breaker. It is reached when it is first used; [`ping`](Ledger::ping) says whether it can be.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused) if the settings make no sense.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[cfg(feature = "redis")]
    pub fn redis(settings: RedisSettings) -> Result<Ledger, LedgerError> {
        let breaker = settings.breaker;
        Ok(Ledger::of(Kind::Redis(Redis::new(settings)?)).with_breaker(breaker))
    }

    /// A ledger in PostgreSQL, behind a breaker. It is reached when it is first used, and then its tables are made if there are
    /// none; [`ping`](Ledger::ping) says whether it can be.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused) if the settings make no sense.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[cfg(feature = "postgres")]
    pub fn postgres(settings: PostgresSettings) -> Result<Ledger, LedgerError> {
        let breaker = settings.breaker;
        Ok(Ledger::of(Kind::Postgres(Postgres::new(settings)?)).with_breaker(breaker))
    }
}
