//! Ledgers on servers, as a program opens them: behind a breaker, and seen to be there.

use super::{ErrorKind, Kind, Ledger, LedgerError};

impl Ledger {
    /// A ledger in Redis, behind a breaker. Reaches it once.
    ///
    /// # Errors
    /// If it cannot be reached, unless it is not [required](crate::RedisSettings::required); if the settings make no sense, or
    /// it is reached and refuses.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[cfg(feature = "redis")]
    pub async fn redis(settings: crate::RedisSettings) -> Result<Ledger, LedgerError> {
        let (breaker, required) = (settings.breaker, settings.required);
        let ledger = Ledger::of(Kind::Redis(super::redis::Redis::new(settings)?));
        Ok(ledger.reached(required).await?.with_breaker(breaker))
    }

    /// A ledger in PostgreSQL, behind a breaker. Reaches it once, and makes its tables if there are none.
    ///
    /// # Errors
    /// If it cannot be reached, unless it is not [required](crate::PostgresSettings::required); if the settings make no sense,
    /// or it is reached and refuses.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[cfg(feature = "postgres")]
    pub async fn postgres(settings: crate::PostgresSettings) -> Result<Ledger, LedgerError> {
        let (breaker, required) = (settings.breaker, settings.required);
        let ledger = Ledger::of(Kind::Postgres(super::postgres::Postgres::new(settings)?));
        Ok(ledger.reached(required).await?.with_breaker(breaker))
    }

    async fn reached(self, required: bool) -> Result<Ledger, LedgerError> {
        match self.ping().await {
            Err(error) if required || error.kind() != ErrorKind::Unavailable => Err(error),
            Ok(()) | Err(_) => Ok(self),
        }
    }
}
