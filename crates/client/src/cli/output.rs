//! What `nexus` prints, and where.

use std::{
    cell::Cell,
    io::{self, IsTerminal as _, Write as _},
};

use serde_json::{Value, json};

use super::{Exit, Failure};
use crate::Written;

/// Data to standard output, everything else to standard error.
#[derive(Debug)]
pub(super) struct Output {
    json: bool,
    quiet: bool,
    /// A line of progress stands there.
    progress: Cell<bool>,
}

impl Output {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        Output {
            json,
            quiet,
            progress: Cell::new(false),
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints lines of data.
    ///
    /// # Errors
    /// They cannot be written; [`Failure`] has the exit code 0 if the reader has seen enough, as `head` does.
    pub(super) fn data(&self, text: &str) -> Result<(), Failure> {
        self.clear();
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::enough(),
            _ => Failure::failed(format!("cannot write to standard output: {error}")),
        })
    }

    /// Says what was done, to programs that ask for it.
    ///
    /// # Errors
    /// See [`Output::data`].
    pub(super) fn done(&self, what: &Value) -> Result<(), Failure> {
        if self.json {
            self.data(&format!("{what}\n"))
        } else {
            Ok(())
        }
    }

    /// # Errors
    /// See [`Output::data`].
    pub(super) fn written(&self, written: &Written) -> Result<(), Failure> {
        self.done(&json!({
            "changes": written.changes(),
            "created": written.created(),
            "deleted": written.deleted(),
            "replayed": written.is_replay(),
        }))
    }

    /// Tells people something that is no failure.
    pub(super) fn say(&self, text: &str) {
        self.clear();
        if !self.quiet {
            to_people(&format!("nexus: {text}\n"));
        }
    }

    /// One line that is written over, if somebody looks at it.
    pub(super) fn progress(&self, text: &str) {
        if !self.quiet && io::stderr().is_terminal() {
            self.progress.set(true);
            to_people(&format!("\r\x1b[K{text}"));
        }
    }

    pub(super) fn clear(&self) {
        if self.progress.take() {
            to_people("\r\x1b[K");
        }
    }

    pub(super) fn failed(&self, failure: &Failure) -> Exit {
        self.clear();
        if failure.message.is_empty() || self.quiet {
        } else if self.json {
            to_people(&format!("{}\n", failure.as_json()));
        } else {
            to_people(&format!("nexus: {}\n", failure.message));
        }
        failure.exit
    }
}

/// If standard error is closed, nobody listens.
fn to_people(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
