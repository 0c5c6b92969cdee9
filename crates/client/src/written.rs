//! What a batch did.

use serde::Deserialize;

use crate::{Error, exchange::Answer};

/// What a batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    done: Done,
    replayed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
struct Done {
    changes: u64,
    created: u64,
    deleted: u64,
}

impl Written {
    pub(crate) fn read(answer: &Answer) -> Result<Self, Error> {
        let done = serde_json::from_slice(&answer.body).map_err(|_| Error::nonsense(answer, "what a batch did"))?;
        Ok(Written {
            done,
            replayed: answer.replayed,
        })
    }

    /// How many changes were made.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.done.changes
    }

    /// How many series came into being.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.done.created
    }

    /// How many series went away.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.done.deleted
    }

    /// Whether the hub had made the changes before, at an earlier try under the same key, and did nothing this time.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.replayed
    }
}
