//! Who wakes the scheduler when the next gate opens: one task (or, outside a runtime, one thread) for all who wait in one
//! direction of one tree, as long as anyone waits.
//!
//! It is nobody's own task: a connection that is never polled again keeps no other from its turn.

use std::{
    sync::Arc,
    task::Waker,
    thread::{self, Thread},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{Pacer, State};

/// An idle thread stays for a while, since it costs more than a task to begin.
const THREAD_LINGERS: Duration = Duration::from_secs(1);
/// A driver that nobody needs any more is told so if it would sleep for longer than this.
const NEEDLESS_SLEEP: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) enum Driver {
    /// It will look at the gates first of all.
    Starting,
    Task(Arc<Notify>),
    Thread(Thread),
}

/// What to do about the driver once the lock is released.
#[must_use]
pub(super) enum Call {
    Nothing,
    Start,
    Notify(Arc<Notify>),
    Unpark(Thread),
}

impl State {
    pub(super) fn call_driver(&mut self, now: u64) -> Call {
        let earlier = match self.scheduler.next_ns() {
            Some(next) => next < self.armed_ns,
            None => self.armed_ns.saturating_sub(now) > nanoseconds(NEEDLESS_SLEEP),
        };
        match &self.driver {
            None if self.scheduler.next_ns().is_none() => Call::Nothing,
            None => {
                self.driver = Some(Driver::Starting);
                Call::Start
            }
            Some(_) if !earlier => Call::Nothing,
            Some(Driver::Starting) => Call::Nothing,
            Some(Driver::Task(notify)) => Call::Notify(Arc::clone(notify)),
            Some(Driver::Thread(thread)) => Call::Unpark(thread.clone()),
        }
    }
}

impl Call {
    pub(super) fn make(self, pacer: &Arc<Pacer>) {
        match self {
            Call::Nothing => {}
            Call::Notify(notify) => notify.notify_one(),
            Call::Unpark(thread) => thread.unpark(),
            Call::Start => {
                let driving = Driving {
                    pacer: Arc::clone(pacer),
                    dismissed: false,
                };
                match Handle::try_current() {
                    Ok(runtime) => drop(runtime.spawn(drive_as_task(driving))),
                    Err(_) => {
                        let thread = thread::Builder::new().name("nexus-throttle".to_owned());
                        // Without a thread the waiters are woken at once, by the end of `driving`, and try again.
                        drop(thread.spawn(move || drive_as_thread(driving)));
                    }
                }
            }
        }
    }
}

/// A driver at work. When it ends early, because its runtime does, those who wait are woken and start another.
struct Driving {
    pacer: Arc<Pacer>,
    dismissed: bool,
}

impl Drop for Driving {
    fn drop(&mut self) {
        if self.dismissed {
            return;
        }
        let mut state = self.pacer.lock();
        state.driver = None;
        state.armed_ns = 0;
        drop(state);
        self.pacer.wake_all();
    }
}

/// When a driver has to look again.
enum Next {
    /// Then the next gate opens.
    Gate(Instant),
    /// Nobody waits; by then it is dismissed.
    Linger(Instant),
}

impl Driving {
    /// Opens the gates whose time has come; then when to come again. `None`: nobody waits, and the driver is dismissed.
    fn drive(&mut self, driver: Driver, linger: Option<Duration>) -> Option<Next> {
        let mut wakers = Vec::new();
        let mut state = self.pacer.lock();
        let now = self.pacer.now_ns();
        state.scheduler.dispatch(now, &mut wakers);
        let next = match (state.scheduler.next_ns(), linger) {
            (Some(next_ns), _) => Some((next_ns, true)),
            (None, Some(linger)) => Some((now.saturating_add(nanoseconds(linger)), false)),
            (None, None) => None,
        };
        state.armed_ns = next.map_or(0, |(next_ns, _)| next_ns);
        state.driver = next.map(|_| driver);
        self.dismissed = next.is_none();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        next.map(|(next_ns, gate)| {
            let at = self.pacer.instant(next_ns);
            if gate { Next::Gate(at) } else { Next::Linger(at) }
        })
    }
}

async fn drive_as_task(mut driving: Driving) {
    let notify = Arc::new(Notify::new());
    while let Some(Next::Gate(at) | Next::Linger(at)) = driving.drive(Driver::Task(Arc::clone(&notify)), None) {
        tokio::select! {
            () = sleep_until(at) => {}
            () = notify.notified() => {}
        }
    }
}

fn drive_as_thread(mut driving: Driving) {
    let mut linger = Some(THREAD_LINGERS);
    while let Some(next) = driving.drive(Driver::Thread(thread::current()), linger) {
        let (at, then) = match next {
            Next::Gate(at) => (at, Some(THREAD_LINGERS)),
            Next::Linger(at) => (at, None),
        };
        linger = then;
        thread::park_timeout(at.saturating_duration_since(Instant::now()));
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
