//! When the sender is to do something next.

use std::time::Duration;

use tokio::time::Instant;

use crate::counts::{
    mailbox::{Request, Then},
    report::Unsent,
};

/// As good as never.
const FAR: Duration = Duration::from_secs(365 * 86_400);

/// Somebody who waits for all that was counted to be sent.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(super) deadline: Instant,
    /// Whether what they wait for was taken, and is in the outbox or with the hub.
    pub(super) taken: bool,
    request: Request,
}

impl Waiting {
    /// From now on.
    pub(super) fn new(request: Request) -> Self {
        let now = Instant::now();
        Waiting {
            deadline: now.checked_add(request.deadline).unwrap_or(now + FAR),
            taken: false,
            request,
        }
    }

    pub(super) fn closes(&self) -> bool {
        self.request.then == Then::End
    }

    pub(super) fn answer(self, answer: Result<(), Unsent>) {
        (self.request.answer)(answer);
    }
}
