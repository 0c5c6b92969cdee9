//! The writer, the snapshotter and those who talk to them, in every order that a scheduler can think of.
//!
//! Shuttle runs the very code of the writer and the snapshotter, compiled a second time on its own channels and locks, and
//! switches between the tasks at each of them and at each access to the disk. It notices a wake-up that is lost, since then
//! nobody can run; the assertions notice an acknowledgement that comes before its sync, and one that never comes.

#![expect(clippy::duplicate_mod, reason = "the same code on other channels and locks")]
#![allow(dead_code, reason = "not all of that code is needed here")]

#[path = "../command.rs"]
mod command;
#[path = "../decide.rs"]
mod decide;
#[path = "../files.rs"]
mod files;
#[path = "../snapshotter.rs"]
mod snapshotter;
#[path = "../writer.rs"]
mod writer;

mod sync {
    pub(super) use std::sync::mpsc::RecvTimeoutError;
    use std::{sync::mpsc::TryRecvError, time::Duration};

    use shuttle::sync::mpsc;
    pub(super) use shuttle::sync::{Mutex, MutexGuard, mpsc::SyncSender};

    /// As that of `std`, which drops what is still in the channel when the receiver goes; shuttle's keeps it.
    #[derive(Debug)]
    pub(super) struct Receiver<T>(mpsc::Receiver<T>);

    pub(super) fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
        let (sender, receiver) = mpsc::sync_channel(bound);
        (sender, Receiver(receiver))
    }

    impl<T> Receiver<T> {
        pub(super) fn recv(&self) -> Result<T, mpsc::RecvError> {
            self.0.recv()
        }

        pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
            self.0.try_recv()
        }

        pub(super) fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
            self.0.recv_timeout(timeout)
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            while self.0.try_recv().is_ok() {}
        }
    }

    /// As `tokio::sync::oneshot`, for those who wait in a thread.
    pub(super) mod oneshot {
        use shuttle::sync::mpsc;

        #[derive(Debug)]
        pub(in super::super) struct Sender<T>(mpsc::SyncSender<T>);
        #[derive(Debug)]
        pub(in super::super) struct Receiver<T>(mpsc::Receiver<T>);

        pub(in super::super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
            let (sender, receiver) = mpsc::sync_channel(1);
            (Sender(sender), Receiver(receiver))
        }

        impl<T> Sender<T> {
            pub(in super::super) fn send(self, value: T) -> Result<(), T> {
                self.0.send(value).map_err(|error| error.0)
            }
        }

        impl<T> Receiver<T> {
            pub(in super::super) fn blocking_recv(self) -> Result<T, mpsc::RecvError> {
                self.0.recv()
            }
        }
    }
}

use std::{
    ffi::OsString,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use command::{Command, Job, QueueTicket};
use files::Files;
use nexus_segments::{Disk, DiskFile, frame, testing::MemoryDisk};
use shuttle::thread;
use snapshotter::Snapshotter;
use sync::{Mutex, SyncSender, oneshot, sync_channel};
use writer::{Mode, Writer};

use super::{super::status, add, write_of};
use crate::{
    clients::Clients,
    config::Durability,
    journal::{FrameHeader, Journal, SegmentHeader},
    snapshot,
    state::{Catalog, State, StoreLimits, Value},
    write::{Outcome, Unavailable, Write},
};

const SUBMITTERS: usize = 3;
const WRITES_EACH: u64 = 2;
/// How many orders are tried of each scenario.
const ORDERS: usize = 1500;

/// A disk that lets others run at every access, and knows up to which change the journal is durable.
#[derive(Debug, Clone)]
struct ModelDisk {
    files: MemoryDisk,
    synced: Arc<AtomicU64>,
}

#[derive(Debug)]
struct ModelFile {
    file: Box<dyn DiskFile>,
    disk: ModelDisk,
    appended: u64,
}

impl Disk for ModelDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        thread::yield_now();
        let file = self.files.create(path)?;
        let disk = self.clone();
        Ok(Box::new(ModelFile {
            file,
            disk,
            appended: 0,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.files.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        thread::yield_now();
        self.files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        thread::yield_now();
        self.files.sync_directory(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.files.list(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.files.create_directory(path)
    }

    fn is_there(&self, path: &Path) -> io::Result<bool> {
        self.files.is_there(path)
    }

    fn write_back(&self, _path: &Path) {}
}

impl DiskFile for ModelFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        thread::yield_now();
        if let Some((frame, _, _)) = frame::read::<FrameHeader>(bytes) {
            self.appended = frame.last();
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        thread::yield_now();
        self.disk.synced.fetch_max(self.appended, Relaxed);
        self.file.sync()
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

/// A store of the model's parts.
struct Model {
    queue: SyncSender<Command>,
    disk: ModelDisk,
    snapshotter: Arc<Snapshotter>,
    writer: thread::JoinHandle<()>,
    catalog: Arc<Catalog>,
}

fn start(durability: Durability, queue_writes_max: usize) -> Model {
    let disk = ModelDisk {
        files: MemoryDisk::default(),
        synced: Arc::default(),
    };
    let files = Arc::new(Files {
        disk: Arc::new(disk.clone()),
        snapshot: PathBuf::from("state.yaml"),
        journal: PathBuf::from("journal"),
        clients: Clients::new(1),
        one_at_a_time: Mutex::new(()),
    });
    let (queue, receiver) = sync_channel(queue_writes_max);
    let status = Arc::new(status::Status::default());
    let state = State::default();
    let catalog = state.catalog();
    let header = SegmentHeader {
        durability,
        number: 1,
        after: 0,
        link: None,
    };
    let journal = Journal::begin(files.disk.clone(), &files.journal, header).unwrap();
    let writer = Writer {
        state,
        limits: StoreLimits::NONE,
        journal,
        durability,
        queue: receiver,
        status: status.clone(),
        files: files.clone(),
        next: 1,
        retry: Duration::from_secs(1),
        mode: Mode::Open { snapshot_begun: false },
        closed: false,
        clock: crate::clock::Clock::default(),
    };
    let writer = thread::spawn(move || writer.run());
    let snapshotter = Arc::new(Snapshotter {
        files,
        catalog: catalog.clone(),
        status,
    });
    Model {
        queue,
        disk,
        snapshotter,
        writer,
        catalog,
    }
}

/// As `Store::submit`: `None` if there was no room, or nobody to ask.
fn submit(queue: &SyncSender<Command>, write: Write<'static>) -> Option<Outcome> {
    let record = write.encode();
    let (reply, answer) = oneshot::channel();
    let ticket = QueueTicket::take(&Arc::default(), 1, 1)?;
    let job = Job {
        write,
        record,
        reply,
        _ticket: ticket,
    };
    queue.try_send(Command::Write(job)).ok()?;
    Some(answer.blocking_recv().map_or(Outcome::Unknown, |answer| answer.outcome))
}

/// Submits, and looks at each answer when it comes; gives how many were acknowledged.
fn submitter(queue: SyncSender<Command>, disk: ModelDisk, durability: Durability) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let mut acknowledged = 0;
        for _ in 0..WRITES_EACH {
            match submit(&queue, write_of(vec![add("a", 1.0)])) {
                Some(Outcome::Applied(applied, _)) => {
                    let durable = disk.synced.load(Relaxed);
                    assert!(
                        durability != Durability::Sync || applied.sequence <= durable,
                        "change {} is acknowledged, durable is {durable}",
                        applied.sequence
                    );
                    acknowledged += 1;
                }
                // Behind the end: nothing happened, and the check below sees that.
                None | Some(Outcome::Unknown | Outcome::Unavailable(Unavailable::Stopping)) => {}
                other => panic!("{other:?}"),
            }
        }
        acknowledged
    })
}

fn total(catalog: &Catalog) -> f64 {
    let value = catalog.family("a").and_then(|family| family.value(""));
    value.map_or(0.0, |value| match value {
        Value::Number(value, _) => value,
        Value::Histogram(_) => unreachable!(),
    })
}

/// Writers and snapshots go on while the store is closed: what was acknowledged is what there is, in memory and in the last
/// snapshot.
fn everything_at_once(durability: Durability, queue_writes_max: usize) {
    let model = start(durability, queue_writes_max);
    let submitters: Vec<_> = (0..SUBMITTERS)
        .map(|_| submitter(model.queue.clone(), model.disk.clone(), durability))
        .collect();
    let (taker, queue) = (model.snapshotter.clone(), model.queue.clone());
    let snapshots = thread::spawn(move || drop(taker.take(&queue)));
    // As `Store::close`.
    model.queue.send(Command::Close).unwrap();
    model.snapshotter.take(&model.queue).unwrap();
    model.queue.send(Command::Stop).unwrap();
    model.writer.join().unwrap();
    snapshots.join().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a handful of writes")]
    let acknowledged = submitters
        .into_iter()
        .map(|submitter| submitter.join().unwrap())
        .sum::<u64>() as f64;
    assert_eq!(total(&model.catalog), acknowledged, "in memory");
    let kept = snapshot::load(&model.disk, Path::new("state.yaml")).unwrap().unwrap();
    assert_eq!(total(&kept.state.catalog()), acknowledged, "in the last snapshot");
}

#[test]
fn no_acknowledgement_comes_before_its_sync_and_none_is_missing_at_the_end() {
    for durability in [Durability::Sync, Durability::Flush, Durability::Snapshot] {
        for queue_writes_max in [1, 8] {
            shuttle::check_random(move || everything_at_once(durability, queue_writes_max), ORDERS);
        }
    }
}

/// Orders that differ in few places from running one task after the other, which random ones seldom are.
#[test]
fn neither_do_orders_with_few_switches_break_it() {
    for durability in [Durability::Sync, Durability::Snapshot] {
        shuttle::check_pct(move || everything_at_once(durability, 2), ORDERS, 4);
    }
}
