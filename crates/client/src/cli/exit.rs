//! The exit codes of `nexus`.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::{Error, spool::SpoolError};

/// How a run ends, for the script that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    /// By the hub, by this program because it is not the hub to be trusted, or by the disk.
    Refused = 1,
    Usage = 2,
    Unreachable = 3,
    /// 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a run did not do what it was asked.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
    status: Option<u16>,
    kind: Option<String>,
    outcome_unknown: bool,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure {
            exit,
            message: message.into(),
            status: None,
            kind: None,
            outcome_unknown: false,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, message)
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Failure::new(Exit::Refused, message)
    }

    pub(super) fn unreachable(message: impl Into<String>) -> Self {
        Failure::new(Exit::Unreachable, message)
    }

    /// Nobody reads on.
    pub(super) fn enough() -> Self {
        Failure::new(Exit::Done, "")
    }

    pub(super) fn interrupted() -> Self {
        let mut failure = Failure::new(
            Exit::Interrupted,
            "interrupted: what was under way may or may not have happened",
        );
        failure.outcome_unknown = true;
        failure
    }

    pub(super) fn of(error: &Error) -> Self {
        let exit = if error.is_transient() || error.is_connect() {
            Exit::Unreachable
        } else {
            Exit::Refused
        };
        // A single change is refused for its own reason, not because one of many is wrong.
        let mut message = match error.items().collect::<Vec<_>>().as_slice() {
            [item] => format!("{} ({})", item.reason(), error.status().unwrap_or_default()),
            _ => error.to_string(),
        };
        if error.is_outcome_unknown() {
            message.push_str("; it may or may not have happened");
        }
        Failure {
            exit,
            message,
            status: error.status(),
            kind: error.problem().map(|problem| problem.kind().to_owned()),
            outcome_unknown: error.is_outcome_unknown(),
        }
    }

    /// The same, and where or how far.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}{}", self.message);
        self
    }

    /// The same, and what it means.
    pub(super) fn and(mut self, more: &str) -> Self {
        self.message.push_str(more);
        self
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "error": self.message,
            "exit": self.exit as u8,
            "status": self.status,
            "type": self.kind,
            "outcome_unknown": self.outcome_unknown,
        })
    }
}

impl From<SpoolError> for Failure {
    fn from(error: SpoolError) -> Self {
        Failure::failed(error.to_string())
    }
}
