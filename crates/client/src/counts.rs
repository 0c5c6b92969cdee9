//! Counting in the process, and sending to the hub in the background: [`Counts`], its handles, and what it reports.

mod builder;
mod handle;
mod report;

pub(crate) mod cell;
mod delta;
mod families;
mod registry;
pub(crate) mod series;

mod mailbox;
mod outbox;
mod sender;
mod transport;

pub use builder::CountsBuilder;
pub use handle::{Counter, Gauge, Histogram};
pub use report::{Amount, Undelivered, Unsent};

use std::{
    fmt,
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::sync::oneshot;

use self::{
    cell::Cell,
    families::Description,
    mailbox::{Mailbox, Request, Then},
    outbox::{BatchLimits, Outbox},
    registry::{Given, Registry},
    series::Series,
};
use crate::Builder;

/// Counts here and now, and sends to the hub in the background: what is counted arrives exactly once.
///
/// Counters, gauges and histograms are kept in the process. Once a second a thread takes what was counted since, sends it as
/// one batch under one idempotency key, and sends the same batch under the same key until the hub has answered. Nothing here
/// waits for the network but [`flush`](Counts::flush) and [`close`](Counts::close).
///
/// Cheap to clone: all clones are one. It has its own thread, runtime and connection, so it makes no difference whether it is
/// used on a Tokio runtime, on plain threads, or on both.
///
/// ```no_run
/// use std::time::Duration;
/// use nexus_client::{Client, Counts};
///
/// # fn work() {}
/// let counts = Counts::builder(Client::builder("https://127.0.0.1:3000").key("Hello World").ca_file("state/tls/ca.pem")).start()?;
/// counts.describe("jobs_total", "Jobs done");
///
/// let jobs = counts.counter("jobs_total", [("queue", "mail")]);
/// for _ in 0..1_000_000 {
///     work();
///     jobs.inc();
/// }
/// counts.gauge("last_success_timestamp_seconds", []).set(1_700_000_000);
///
/// counts.close_blocking(Duration::from_secs(10))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is certain
///
/// * What was counted before [`close`](Counts::close) was called is with the hub when it says `Ok`, and there once. Otherwise
///   it says what is not, or perhaps not, and how much.
/// * While the hub cannot be reached, or its answers are lost, everything is kept: what was sent and not answered in the
///   batch, and what is counted meanwhile in its series, where it is added up. So what is kept does not grow with time, nothing
///   is dropped for lack of room, and after an outage of hours one batch brings the hub up to date.
/// * A batch that the hub refuses for some of its series (a counter that is a gauge there, a name outside of what the key may
///   write) is sent again without those, under another key. What was counted in these is dropped, logged, and
///   [reported](CountsBuilder::on_refused). The next time they are tried again.
/// * A key that the hub does not know (401), or that may not write at all (403), can be mended there: everything is kept, and
///   tried again.
///
/// It rests on the hub's memory of idempotency keys, 24 hours where nothing else is configured: a batch whose answer was lost,
/// and which is sent again only after that, is counted twice.
///
/// # What is not kept
///
/// What was not sent is lost when the process is killed or ends without [`close`](Counts::close): at most what was counted
/// since the last second that the hub could be reached. Dropping the last clone without `close` waits for nothing, ends
/// the sending, and logs what is lost. A `fork` takes no threads along: start it in the child.
///
/// # On the hub
///
/// Metrics are made when they are first sent, at zero even if nothing was counted yet, by a hub that does not have them. Names
/// are taken as they are. The sums of all processes that count under one name and the same labels are one series.
#[derive(Clone)]
pub struct Counts {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Arc<Registry>,
    mailbox: Arc<Mailbox>,
}

impl Counts {
    /// Begins a set of counts for the hub that this client would talk to.
    pub fn builder(client: Builder) -> CountsBuilder {
        CountsBuilder::new(client)
    }

    fn new(registry: Arc<Registry>, mailbox: Arc<Mailbox>) -> Self {
        Counts {
            shared: Arc::new(Shared { registry, mailbox }),
        }
    }

    /// A counter: the same for the same name and labels, in any order. Labels are an array, slice or vector of pairs; `[]` for
    /// none; an empty value is no label.
    ///
    /// Looking one up takes a read lock and a hash, and allocates only the first time; where it matters, keep the handle. What
    /// cannot be a metric's name or labels is reported when it is [refused](CountsBuilder::on_refused).
    #[must_use]
    pub fn counter<'a>(&self, name: &str, labels: impl AsRef<[(&'a str, &'a str)]>) -> Counter {
        Counter(self.series(name, labels.as_ref().iter().copied()))
    }

    /// A gauge, as [`Counts::counter`].
    #[must_use]
    pub fn gauge<'a>(&self, name: &str, labels: impl AsRef<[(&'a str, &'a str)]>) -> Gauge {
        Gauge(self.series(name, labels.as_ref().iter().copied()))
    }

    /// A histogram, as [`Counts::counter`], with the buckets that the [builder](CountsBuilder::buckets) was given.
    #[must_use]
    pub fn histogram<'a>(&self, name: &str, labels: impl AsRef<[(&'a str, &'a str)]>) -> Histogram {
        Histogram(self.series(name, labels.as_ref().iter().copied()))
    }

    pub(crate) fn series<'a, C: Cell>(&self, name: &str, labels: impl Given<'a>) -> Arc<Series<C>> {
        self.shared.registry.series(name, labels)
    }

    /// What a metric is described as, if the hub makes it. Say so before the metric is first sent; the last one counts.
    pub fn describe(&self, name: &str, help: impl Into<String>) {
        self.describe_with_unit(name, help, "");
    }

    /// The same with a unit: a suffix of the name, such as `seconds` or `bytes`.
    pub fn describe_with_unit(&self, name: &str, help: impl Into<String>, unit: impl Into<String>) {
        let description = Description {
            help: help.into(),
            unit: unit.into(),
        };
        self.shared.registry.families.describe(name, description);
    }

    /// Sends what was counted before, without waiting for the next second, and waits until the hub has it.
    ///
    /// If the future is dropped, it is sent nevertheless.
    ///
    /// # Errors
    /// The deadline, from now, is over; everything is kept and sent later. Says what is not known to be with the hub.
    pub async fn flush(&self, deadline: Duration) -> Result<(), Unsent> {
        self.ask(Then::GoOn, deadline).await
    }

    /// [`Counts::flush`] for plain threads. On a runtime it would block a worker.
    ///
    /// # Errors
    /// As [`Counts::flush`].
    pub fn flush_blocking(&self, deadline: Duration) -> Result<(), Unsent> {
        self.ask_blocking(Then::GoOn, deadline)
    }

    /// Sends what was counted before, waits until the hub has it, and ends. What is counted later goes nowhere.
    ///
    /// If the future is dropped, it happens nevertheless. If it is closed already, says what was counted since.
    ///
    /// # Errors
    /// The deadline, from now, is over, or the hub does not let the key write. Says what is not known to be with the hub, and
    /// will not be sent any more.
    pub async fn close(&self, deadline: Duration) -> Result<(), Unsent> {
        self.ask(Then::End, deadline).await
    }

    /// [`Counts::close`] for plain threads. On a runtime it would block a worker.
    ///
    /// # Errors
    /// As [`Counts::close`].
    pub fn close_blocking(&self, deadline: Duration) -> Result<(), Unsent> {
        self.ask_blocking(Then::End, deadline)
    }

    async fn ask(&self, then: Then, deadline: Duration) -> Result<(), Unsent> {
        let (sender, receiver) = oneshot::channel();
        let answer = Box::new(move |answer| drop(sender.send(answer)));
        let request = Request { then, deadline, answer };
        match self.shared.mailbox.ask(request) {
            Ok(()) => receiver.await.unwrap_or_else(|_| self.ended()),
            Err(_) => self.ended(),
        }
    }

    fn ask_blocking(&self, then: Then, deadline: Duration) -> Result<(), Unsent> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let answer = Box::new(move |answer| drop(sender.send(answer)));
        let request = Request { then, deadline, answer };
        match self.shared.mailbox.ask(request) {
            Ok(()) => receiver.recv().unwrap_or_else(|_| self.ended()),
            Err(_) => self.ended(),
        }
    }

    /// What there is to say when nothing is sent any more.
    fn ended(&self) -> Result<(), Unsent> {
        let limits = BatchLimits {
            items_max: 1,
            bytes_max: 0,
        };
        let mut outbox = Outbox::new(limits);
        outbox.collect(&self.shared.registry, |_| {});
        let why = "it was counted after the close";
        match outbox.unsent(why) {
            items if items.is_empty() => Ok(()),
            items => Err(Unsent::new(items, why)),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.mailbox.abandon() {
            tracing::warn!("counts were dropped without close(): what was counted since the last batch is not sent");
        }
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").finish_non_exhaustive()
    }
}
