//! The names of the keys in Redis.

use redis::Cmd;

use crate::{Field, Period, Subject, WriterId};

/// What the keys are called.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    /// None if the prefix holds braces: keys of one subject in one period would not be in one slot.
    pub(super) fn new(prefix: &str) -> Option<Self> {
        let fits = !prefix.contains(['{', '}']);
        fits.then(|| Keys {
            prefix: prefix.to_owned(),
        })
    }

    /// The hash of cells. What is in braces says the slot; it begins with the period, so that a name with braces in it cannot
    /// make it empty.
    pub(super) fn cells(&self, period: Period, subject: &Subject) -> String {
        format!("{}:usage:{{{period}:{subject}}}", self.prefix)
    }

    /// The hash of claims, in the same slot.
    pub(super) fn claims(&self, period: Period, subject: &Subject) -> String {
        format!("{}:claims:{{{period}:{subject}}}", self.prefix)
    }

    /// The set of names.
    pub(super) fn subjects(&self, period: Period) -> String {
        format!("{}:backends:{{{period}}}", self.prefix)
    }

    /// Asks for the names in a period's set.
    pub(super) fn read_index(&self, period: Period) -> Cmd {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(self.subjects(period));
        command
    }

    /// Asks for the sums over all writers, then for one writer's cell.
    pub(super) fn read_sum(&self, period: Period, subject: &Subject, writer: WriterId) -> Cmd {
        let mut command = self.read_total(period, subject);
        let of_writer = |field: Field| format!("w:{writer}:{field}");
        for name in added_and_taken(of_writer) {
            command.arg(name);
        }
        command
    }

    /// Asks for the sums over all writers.
    pub(super) fn read_total(&self, period: Period, subject: &Subject) -> Cmd {
        let mut command = redis::cmd("HMGET");
        command.arg(self.cells(period, subject));
        for name in added_and_taken(|field| format!("s:{field}")) {
            command.arg(name);
        }
        command
    }
}

/// What was added, then what was taken back, each in the order of the fields.
fn added_and_taken(name: impl Fn(Field) -> String) -> impl Iterator<Item = String> {
    let added = Field::ALL.map(&name);
    let taken = Field::ALL.map(|field| name(field) + ":taken");
    added.into_iter().chain(taken)
}
