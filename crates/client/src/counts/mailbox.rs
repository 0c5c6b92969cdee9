//! What the sender's thread is asked by others.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::report::Unsent;

/// What the sender is asked, by any thread.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    /// Permits are kept, so no wake-up is lost.
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// One for each caller that waits for its answer.
    requests: Vec<Request>,
    life: Life,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Life {
    #[default]
    Running,
    /// Nobody can ask any more.
    Abandoned,
    /// Nobody answers any more.
    Ended,
}

/// To send all that was counted before.
pub(super) struct Request {
    pub(super) then: Then,
    pub(super) deadline: Duration,
    /// Not called if the sender dies.
    pub(super) answer: Box<dyn FnOnce(Result<(), Unsent>) + Send>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    End,
}

impl Mailbox {
    /// Gives the request back if there is no sender any more.
    pub(super) fn ask(&self, request: Request) -> Result<(), Request> {
        let mut state = self.lock();
        if state.life != Life::Running {
            return Err(request);
        }
        state.requests.push(request);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Says that nobody will ask any more; whether the sender was running.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.lock();
        let was_running = state.life == Life::Running;
        if was_running {
            state.life = Life::Abandoned;
            self.filled.notify_one();
        }
        was_running
    }

    /// Waits for requests; none if there will be no more.
    pub(super) async fn requests(&self) -> Option<Vec<Request>> {
        loop {
            {
                let mut state = self.lock();
                if !state.requests.is_empty() {
                    return Some(std::mem::take(&mut state.requests));
                }
                if state.life != Life::Running {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    /// Says that nobody answers any more. What was asked since is dropped, which tells those who wait.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.life = Life::Ended;
        drop(std::mem::take(&mut state.requests));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("then", &self.then)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
