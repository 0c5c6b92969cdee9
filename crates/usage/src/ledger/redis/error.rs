//! What to do about an error of Redis.

use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

use crate::ledger::{ErrorKind, LedgerError};

/// What to do about an error of Redis, or of the connection to it.
pub(super) fn explain(operation: &'static str, error: RedisError) -> LedgerError {
    let kind = match error.kind() {
        Kind::AuthenticationFailed | Kind::InvalidClientConfig | Kind::RESP3NotSupported => ErrorKind::Refused,
        Kind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ReadOnly) => ErrorKind::Refused,
        Kind::UnexpectedReturnType => ErrorKind::Corrupt,
        Kind::Server(ServerErrorKind::ResponseError) | Kind::Extension => match error.code() {
            // Not logged in, or the database cannot be selected; no memory or disk; too few replicas.
            Some("NOAUTH" | "WRONGPASS" | "OOM" | "MISCONF" | "NOREPLICAS") => ErrorKind::Refused,
            // A script stumbled, or a key holds what we did not write.
            _ => ErrorKind::Corrupt,
        },
        _ => ErrorKind::Unavailable,
    };
    LedgerError::new(kind, operation, error)
}

/// The same while connecting: a server that answers with an error does not want us, whatever its words.
pub(super) fn explain_connecting(operation: &'static str, error: RedisError) -> LedgerError {
    match error.kind() {
        Kind::Server(ServerErrorKind::ResponseError) => LedgerError::new(ErrorKind::Refused, operation, error),
        _ => explain(operation, error),
    }
}
