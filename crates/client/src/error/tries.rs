//! What is known of the tries of one request.

use std::{fmt, time::Duration};

use reqwest::StatusCode;

use super::{Error, Kind, OUTCOME_UNKNOWN};

/// What is known of the tries of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tries {
    pub(crate) count: u32,
    pub(crate) elapsed: Duration,
    /// One of them may have been done by the hub.
    pub(crate) outcome_unknown: bool,
}

impl Tries {
    /// With one more, that failed like this.
    pub(crate) fn and(self, error: &Error, elapsed: Duration) -> Self {
        let outcome_unknown = match certainty(error) {
            Certainty::Unknown => true,
            Certainty::NotThisTime => self.outcome_unknown,
            Certainty::Never => false,
        };
        Tries {
            count: self.count.saturating_add(1),
            elapsed,
            outcome_unknown,
        }
    }
}

/// What a failed try says about whether the write happened.
enum Certainty {
    /// Perhaps.
    Unknown,
    /// Not by this try.
    NotThisTime,
    /// Not by this one nor by one before: to those, the hub would have repeated its answer.
    Never,
}

fn certainty(error: &Error) -> Certainty {
    match (error.0.kind, error.0.status) {
        (Kind::Timeout | Kind::Broken | Kind::Answer, _) => Certainty::Unknown,
        (Kind::Refused, Some(status)) => refused(status, error),
        _ => Certainty::NotThisTime,
    }
}

fn refused(status: StatusCode, error: &Error) -> Certainty {
    match status {
        // Said before the hub looks for the key.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS => Certainty::NotThisTime,
        // The hub itself says so; a proxy knows nothing.
        StatusCode::SERVICE_UNAVAILABLE if error.problem().is_some() && !error.is_problem(OUTCOME_UNKNOWN) => {
            Certainty::NotThisTime
        }
        status if status.is_client_error() => Certainty::Never,
        _ => Certainty::Unknown,
    }
}

impl fmt::Display for Tries {
    /// What stands behind an error's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " (tried {count} times in {:.1?})", self.elapsed),
        }
    }
}
