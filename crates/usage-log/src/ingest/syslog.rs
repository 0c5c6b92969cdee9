//! Access logs that come as datagrams, as NGINX sends them: `access_log syslog:server=…` over UDP or a unix socket.
//!
//! It is the quick way, not the lossless one: what a full socket or a network drops is gone, and seen only in the
//! sequence of what does arrive. A unix socket is full by the count of datagrams (`net.unix.max_dgram_qlen`), a UDP socket
//! by their bytes (`SO_RCVBUF`, `net.core.rmem_default`).
//! A [`tail`](super::tail) of the same lines makes up for it, for an id is stored once.

mod message;
mod sequence;

use std::{
    future::Future,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nexus_calendar::Time;
use tokio::{
    net::{UdpSocket, UnixDatagram},
    sync::mpsc::{self, error::TrySendError},
};

use super::{Item, Limits, Origin, access_log, deliver::deliver};
use crate::{id::Event, log::UsageLog};
use sequence::Sequences;

/// How a receiver behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SyslogSettings {
    /// Whose lines they are.
    pub origin: Origin,
    /// What a line may have.
    pub limits: Limits,
    /// How long a datagram is; longer ones are cut off and counted. Default 8 KiB.
    pub datagram_bytes_max: usize,
    /// How many events wait to be stored; further ones are dropped and counted. Default 65 536.
    pub waiting_events_max: usize,
    /// How many events are stored together. Default 1000.
    pub batch_events_max: usize,
    /// How many sequences are followed: of those that were quiet for longest, nothing further is missed. Default 10 000.
    pub sequences_max: usize,
    /// How long the end waits for what has arrived to be stored. Default 5 s.
    pub drain_max: Duration,
}

impl SyslogSettings {
    /// The defaults.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        SyslogSettings {
            origin,
            limits: Limits::default(),
            datagram_bytes_max: 8 << 10,
            waiting_events_max: 65_536,
            batch_events_max: 1_000,
            sequences_max: 10_000,
            drain_max: Duration::from_secs(5),
        }
    }
}

/// What a receiver has seen. `received = recorded + malformed + truncated + dropped`, and what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SyslogCounts {
    /// Datagrams that came.
    pub received: u64,
    /// Those that the usage log has taken; what became of them there, it counts itself.
    pub recorded: u64,
    /// Those that are no syslog, or whose line is not understood.
    pub malformed: u64,
    /// Those that were cut off.
    pub truncated: u64,
    /// Those that came while too many waited, or waited when the end came.
    pub dropped: u64,
    /// Those that never came, as far as the sequences of others tell. One that is only late is missing for a moment.
    pub missing: u64,
}

/// Where datagrams come from. How much fits into the socket is up to whoever makes it.
#[derive(Debug)]
pub enum Datagrams {
    /// From the network.
    Udp(UdpSocket),
    /// From this machine.
    Unix(UnixDatagram),
}

impl Datagrams {
    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Datagrams::Udp(socket) => socket.recv(buffer).await,
            Datagrams::Unix(socket) => socket.recv(buffer).await,
        }
    }
}

/// Receives lines and stores them. Cheap to clone; all clones count in one place.
///
/// A line with an id is stored as an event, so that it counts once by whatever ways it comes. One without is recorded as a
/// record of this log's own.
#[derive(Debug, Clone)]
pub struct SyslogReceiver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: UsageLog,
    settings: SyslogSettings,
    counts: Mutex<SyslogCounts>,
}

impl SyslogReceiver {
    /// A receiver that stores into `log`.
    #[must_use]
    pub fn new(log: UsageLog, settings: SyslogSettings) -> Self {
        let counts = Mutex::default();
        SyslogReceiver {
            shared: Arc::new(Shared { log, settings, counts }),
        }
    }

    /// What was seen so far.
    #[must_use]
    pub fn counts(&self) -> SyslogCounts {
        *self.shared.counts()
    }

    /// Receives until `shutdown` is done, then stores what it has received, for [`SyslogSettings::drain_max`] at most. Dropping
    /// the future drops what waits, uncounted. One run for each receiver: another socket has another one.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn run(&self, datagrams: Datagrams, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let settings = &self.shared.settings;
        let (waiting, arrived) = mpsc::channel(settings.waiting_events_max.max(1));
        let received = async {
            let ended = tokio::select! {
                error = self.shared.receive(&datagrams, &waiting) => Err(error),
                () = shutdown => Ok(()),
            };
            drop(waiting);
            ended
        };
        let mut stored = std::pin::pin!(self.shared.store(arrived));
        let ended = tokio::select! {
            ended = received => {
                // What is left when the time is up is counted below.
                drop(tokio::time::timeout(settings.drain_max, stored).await);
                ended
            }
            // The log is closed: nothing can be stored any more.
            () = &mut stored => Ok(()),
        };
        let mut counts = self.shared.counts();
        counts.dropped = counts.received - counts.recorded - counts.malformed - counts.truncated;
        ended
    }
}

/// Why a datagram says nothing.
enum Unread {
    Malformed,
    Truncated,
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, SyslogCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on until the socket fails.
    async fn receive(&self, datagrams: &Datagrams, waiting: &mpsc::Sender<Event>) -> io::Error {
        // One byte more than a datagram may have shows that it had more.
        let mut buffer = vec![0; self.settings.datagram_bytes_max + 1];
        let mut sequences = Sequences::new(self.settings.sequences_max);
        loop {
            match datagrams.receive(&mut buffer).await {
                Ok(length) => self.take(buffer.get(..length).unwrap_or_default(), waiting, &mut sequences),
                // An answer to something that was sent earlier from this address: not an error of what is received.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return error,
            }
        }
    }

    fn take(&self, datagram: &[u8], waiting: &mpsc::Sender<Event>, sequences: &mut Sequences) {
        let item = self.read(datagram);
        let mut counts = self.counts();
        counts.received += 1;
        match item {
            Ok(item) => {
                if let Some((stream, number)) = &item.sequence {
                    sequences.note(stream, *number);
                    counts.missing = sequences.missing();
                }
                self.pass(item, waiting, &mut counts);
            }
            Err(Unread::Malformed) => counts.malformed += 1,
            Err(Unread::Truncated) => counts.truncated += 1,
        }
    }

    fn read(&self, datagram: &[u8]) -> Result<Item, Unread> {
        let settings = &self.settings;
        if datagram.len() > settings.datagram_bytes_max {
            return Err(Unread::Truncated);
        }
        let line = message::line(datagram).ok_or(Unread::Malformed)?;
        access_log::parse(line, &settings.origin, &settings.limits, Time::now()).map_err(|error| {
            tracing::debug!(%error, "a line that came by syslog is not understood");
            if line.starts_with(b"{") && !line.ends_with(b"}") {
                Unread::Truncated
            } else {
                Unread::Malformed
            }
        })
    }

    fn pass(&self, item: Item, waiting: &mpsc::Sender<Event>, counts: &mut SyslogCounts) {
        if item.id.is_none() {
            self.log.record(item.record);
            counts.recorded += 1;
            return;
        }
        let event = item.into_event(&self.settings.origin, Default::default);
        match waiting.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => counts.dropped += 1,
        }
    }

    /// Stores what arrives, until nothing more can or the log is closed.
    async fn store(&self, mut arrived: mpsc::Receiver<Event>) {
        let mut events = Vec::new();
        while arrived
            .recv_many(&mut events, self.settings.batch_events_max.max(1))
            .await
            > 0
        {
            if deliver(&self.log, &events).await.is_err() {
                return;
            }
            self.counts().recorded += events.len() as u64;
            events.clear();
        }
    }
}
