//! Opens a store: reads snapshot and journal, and starts the writer.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use nexus_segments::{Disk, files::directory_of};

use super::{
    Shared, Store,
    files::Files,
    snapshotter::Snapshotter,
    status::Status,
    sync::{Mutex, sync_channel},
    view::View,
    writer::{Mode, Writer},
};
use crate::{
    clients::Clients,
    clock::Clock,
    config::Durability,
    journal::{
        FrameHeader, Joint, Journal, JournaledWrite, Link, SegmentHeader, SegmentId,
        recovery::{self, Follows, JournalError, Recovered},
    },
    snapshot::{self, LoadError, Loaded, StandsFor},
    state::{State, StoreLimits},
    write::Applied,
};

/// What a store needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) disk: Arc<dyn Disk>,
    /// The snapshot's file.
    pub(crate) snapshot: PathBuf,
    /// The journal's directory, which must exist.
    pub(crate) journal: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) limits: StoreLimits,
    /// How many writes may wait, and how many bytes of them.
    pub(crate) queue_writes_max: usize,
    pub(crate) queue_bytes_max: u64,
    /// How often a hub whose journal failed tries to come back.
    pub(crate) retry: Duration,
    pub(crate) clock: Clock,
}

/// What was found when the store was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) recovered: Recovered,
    /// The copy that was kept of a state file that this hub did not write.
    pub(crate) imported: Option<PathBuf>,
}

/// Why the store cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Snapshot(#[from] LoadError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{file} was not written by this hub, and the journal beside it is not empty: one of them is not what belongs here", file = .0.display())]
    ForeignBesideJournal(PathBuf),
    #[error("cannot write {path}: {source}", path = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
}

/// Snapshot and journal, read.
pub(super) struct Read {
    loaded: Option<Loaded>,
    state: State,
    pub(super) recovered: Recovered,
}

fn position(loaded: Option<&Loaded>) -> u64 {
    loaded.and_then(|loaded| loaded.position).unwrap_or(0)
}

/// What the journal beside a snapshot should continue.
pub(super) fn follows(loaded: Option<&Loaded>) -> Follows {
    match loaded {
        None => Follows::Nothing,
        // It stands for no position: that there is a journal at all is what is wrong.
        Some(loaded) if loaded.foreign => Follows::Unknown,
        Some(loaded) => loaded.joint.map_or(Follows::Unnamed, Follows::Joint),
    }
}

pub(super) fn read(settings: &Settings) -> Result<Read, OpenError> {
    let disk = &*settings.disk;
    let mut loaded = snapshot::load(disk, &settings.snapshot)?;
    let mut state = loaded
        .as_mut()
        .map_or_else(State::default, |loaded| std::mem::take(&mut loaded.state));
    let position = position(loaded.as_ref());
    if loaded.as_ref().is_some_and(|loaded| loaded.foreign) {
        // It stands for no position in a journal, so it can follow none.
        let recovered = recovery::empty(disk, &settings.journal, position)?;
        let recovered = recovered.ok_or_else(|| OpenError::ForeignBesideJournal(settings.snapshot.clone()))?;
        return Ok(Read {
            loaded,
            state,
            recovered,
        });
    }
    let follows = follows(loaded.as_ref());
    let recovered = recovery::replay(disk, &settings.journal, position, follows, |frame, write| {
        replay_one(&mut state, frame, &write);
    })?;
    let newest = loaded.as_ref().map_or(0, |loaded| loaded.newest);
    recovery::reaches(&recovered, &settings.journal, newest)?;
    Ok(Read {
        loaded,
        state,
        recovered,
    })
}

/// Does a write from the journal again.
pub(super) fn replay_one(state: &mut State, frame: &FrameHeader, write: &JournaledWrite<'_>) {
    let applied = state.apply_recorded(&write.write, write.first, frame.at_ms);
    if let Some(idempotency) = write.write.idempotency {
        // What the first answer said; replaying on a newer snapshot may make fewer series.
        let (created, deleted) = (write.created, write.deleted);
        let applied = Applied {
            created,
            deleted,
            ..applied
        };
        state.keep_key(idempotency, &applied, frame.at_ms);
    }
}

impl Store {
    /// Reads snapshot and journal, and starts the writer. Blocks the thread.
    pub(crate) fn open(settings: &Settings, clients: Clients) -> Result<Opened, OpenError> {
        let Read {
            loaded,
            state,
            recovered,
        } = read(settings)?;
        let foreign = loaded.as_ref().is_some_and(|loaded| loaded.foreign);
        let position = position(loaded.as_ref());
        let named = loaded.as_ref().and_then(|loaded| loaded.joint).map(|joint| joint.next);
        // A snapshot that was put back without its journal may hold changes behind its position.
        let newest = loaded.as_ref().map_or(0, |loaded| loaded.newest);
        let last = recovered.last.max(position).max(newest);
        clients.restore(loaded.map(|loaded| loaded.clients).unwrap_or_default());
        let imported = foreign.then(|| keep_copy(settings, "original")).transpose()?;
        let files = Files {
            disk: settings.disk.clone(),
            snapshot: settings.snapshot.clone(),
            journal: settings.journal.clone(),
            clients,
            one_at_a_time: Mutex::new(()),
        };
        if foreign || last > recovered.last {
            // Empty segments of an earlier life begin at positions that mean nothing any more. They go first: without
            // them, a crash on the way leaves what was there before.
            let removed = Journal::clear_before(&*settings.disk, &settings.journal, recovered.next_number);
            removed.map_err(|error| OpenError::Io(settings.journal.clone(), error))?;
        }
        let id = SegmentId::random().map_err(|error| OpenError::Io(settings.journal.clone(), error))?;
        let anew = foreign || last > position || !recovered.joined;
        let begun = if anew {
            // The next segment says that all before it is durable. What was read may be in the operating system's memory
            // only: the hub before this one may have been killed before it synced, or its disk may have failed to. And a
            // copy that was put back alone begins a history of its own.
            let joint = Joint {
                before: recovered.newest,
                next: id,
            };
            let stands_for = StandsFor {
                position: last,
                joint: Some(joint),
            };
            files.write_snapshot(&state.catalog(), stands_for, || Ok(())).map(drop)
        } else if position > 0 {
            // It may have been put in its place a moment before a kill.
            settings.disk.sync_directory(directory_of(&settings.snapshot))
        } else {
            Ok(())
        };
        let begun = begun.map_err(|error| OpenError::Io(settings.snapshot.clone(), error));
        let (disk, directory) = (settings.disk.clone(), &settings.journal);
        let header = SegmentHeader {
            durability: settings.durability,
            number: recovered.next_number,
            after: last,
            link: Some(Link {
                id,
                previous: if anew { recovered.newest } else { named },
            }),
        };
        let begun = begun.and_then(|()| {
            Journal::begin(disk.clone(), directory, header).map_err(|error| OpenError::Io(directory.clone(), error))
        });
        let (journal, full, durable) = match begun {
            Ok(journal) => (journal, None, last),
            // What was read can be shown, and there will be room again.
            Err(OpenError::Io(_, error)) if !foreign && is_full(&error) => {
                let journal = Journal::not_begun(disk, directory, header);
                (journal, Some(error), position)
            }
            Err(error) => return Err(error),
        };
        let start = Start { last, durable, full };
        let store = start_writer(settings, state, journal, Arc::new(files), start)?;
        Ok(Opened {
            store,
            recovered,
            imported,
        })
    }
}

/// A file that this hub did not write is about to be replaced by the hub's own: keep it under this extension.
pub(super) fn keep_copy(settings: &Settings, extension: &str) -> Result<PathBuf, OpenError> {
    let copy = settings.snapshot.with_added_extension(extension);
    let copied = || -> io::Result<()> {
        let mut bytes = Vec::new();
        settings.disk.open(&settings.snapshot)?.read_to_end(&mut bytes)?;
        settings.disk.remove(&copy)?;
        let mut file = settings.disk.create(&copy)?;
        file.append(&bytes)?;
        file.sync()?;
        settings.disk.sync_directory(directory_of(&copy))
    };
    copied().map_err(|error| OpenError::Io(copy.clone(), error))?;
    Ok(copy)
}

/// Where a writer begins.
struct Start {
    /// The sequence of the last change.
    last: u64,
    /// The position of the snapshot.
    durable: u64,
    /// Why it is read-only at first, if so.
    full: Option<io::Error>,
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn start_writer(
    settings: &Settings,
    state: State,
    journal: Journal,
    files: Arc<Files>,
    start: Start,
) -> Result<Store, OpenError> {
    let Start { last, durable, full } = start;
    let (queue, receiver) = sync_channel(settings.queue_writes_max);
    let status = Arc::new(Status::default());
    status.set_sequence(last);
    status.snapshot_loaded(durable, 0);
    let catalog = state.catalog();
    catalog.used_keys.follow(settings.clock.read());
    let mut writer = Writer {
        state,
        limits: settings.limits,
        journal,
        durability: settings.durability,
        queue: receiver,
        status: status.clone(),
        files: files.clone(),
        next: last + 1,
        retry: settings.retry,
        clock: settings.clock.clone(),
        mode: Mode::Open { snapshot_begun: false },
        closed: false,
    };
    if let Some(error) = full {
        writer.fail(&error);
    }
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(|| writer.run());
    let thread = thread.map_err(|error| OpenError::Io(settings.journal.clone(), error))?;
    let snapshotter = Snapshotter {
        files,
        catalog: catalog.clone(),
        status: status.clone(),
    };
    Ok(Store {
        shared: Arc::new(Shared {
            queue,
            view: View::of(catalog),
            status,
            stopping: AtomicBool::new(false),
            queue_bytes: Arc::new(AtomicU64::new(0)),
            queue_bytes_max: settings.queue_bytes_max,
            snapshotter,
            writer: Mutex::new(Some(thread)),
        }),
    })
}
