//! Why nothing can be sent, and since how many tries.

use std::time::Duration;

use crate::backoff::{self, Backoff};

/// Why nothing can be sent, and for how many tries.
#[derive(Debug)]
pub(crate) struct Trouble {
    why: String,
    tries: u32,
    retry_after: Option<Duration>,
}

impl Trouble {
    pub(super) fn new(why: String, tries: u32, retry_after: Option<Duration>) -> Self {
        Trouble {
            why,
            tries,
            retry_after,
        }
    }

    pub(super) fn why(&self) -> &str {
        &self.why
    }

    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// How long to wait before the next try: at least what the hub asks for.
    pub(super) fn pause(&self) -> Duration {
        let wait = Backoff::DEFAULT.wait(self.tries, self.retry_after, Duration::MAX, backoff::random());
        wait.unwrap_or_default()
    }

    /// The waits grow from the shortest again.
    pub(super) fn begin_again(&mut self) {
        self.tries = 0;
        self.retry_after = None;
    }
}
