use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64},
        mpsc::sync_channel,
    },
    time::Duration,
};

use super::{
    Shared, Store,
    limits::StoreLimits,
    snapshotter::{Files, Snapshotter},
    status::Status,
    writer::{Mode, Writer},
};
use crate::{
    clients::Clients,
    clock::Clock,
    config::Durability,
    disk::Disk,
    files::directory_of,
    journal::{
        Journal,
        recovery::{self, JournalError, Recovered},
    },
    snapshot::{self, LoadError, Loaded},
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

/// What a state holds, and how much of the journal was needed to know.
#[derive(Debug)]
pub(crate) struct Checked {
    /// None if there is no snapshot.
    pub(crate) snapshot_position: Option<u64>,
    pub(crate) recovered: Recovered,
    pub(crate) families: usize,
    pub(crate) series: u64,
}

/// Snapshot and journal, read.
struct Read {
    loaded: Option<Loaded>,
    state: super::State,
    recovered: Recovered,
}

fn read(settings: &Settings) -> Result<Read, OpenError> {
    let disk = &*settings.disk;
    let mut loaded = snapshot::load(disk, &settings.snapshot)?;
    let mut state = loaded
        .as_mut()
        .map_or_else(super::State::default, |loaded| std::mem::take(&mut loaded.state));
    let position = loaded.as_ref().map_or(0, |loaded| loaded.position);
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
    let mut recovered = recovery::replay(disk, &settings.journal, position, |frame, write| {
        let applied = state.apply(&write.write, write.first, frame.at_ms);
        if let Some(idempotency) = write.write.idempotency {
            // What the first answer said; replaying on a newer snapshot may make fewer series.
            let (created, deleted) = (write.created, write.deleted);
            state.keep_key(
                idempotency,
                &Applied {
                    created,
                    deleted,
                    ..applied
                },
                frame.at_ms,
            );
        }
    })?;
    // The journal was synced before the snapshot took its place. Only a snapshot that was copied without a journal stands
    // alone; then the sequences that it has seen must not be used again, or what gets them would look old.
    let newest = loaded.as_ref().map_or(0, |loaded| loaded.newest);
    if recovered.last < newest {
        if recovered.next_number > 1 {
            return Err(OpenError::Journal(JournalError::EndsEarly {
                directory: settings.journal.clone(),
                last: recovered.last,
                newest,
            }));
        }
        recovered.last = newest;
    }
    Ok(Read {
        loaded,
        state,
        recovered,
    })
}

impl Store {
    /// Reads snapshot and journal, and changes nothing. Blocks the thread.
    pub(crate) fn check(settings: &Settings) -> Result<Checked, OpenError> {
        let read = read(settings)?;
        let catalog = read.state.catalog();
        Ok(Checked {
            snapshot_position: read.loaded.map(|loaded| loaded.position),
            recovered: read.recovered,
            families: catalog.families_len(),
            series: catalog.series_len(),
        })
    }

    /// Reads snapshot and journal, and starts the writer. Blocks the thread.
    pub(crate) fn open(settings: &Settings, clients: Clients) -> Result<Opened, OpenError> {
        let Read {
            loaded,
            state,
            recovered,
        } = read(settings)?;
        let foreign = loaded.as_ref().is_some_and(|loaded| loaded.foreign);
        let position = loaded.as_ref().map_or(0, |loaded| loaded.position);
        let last = recovered.last.max(position);
        clients.restore(loaded.map(|loaded| loaded.clients).unwrap_or_default());
        let imported = foreign.then(|| keep_original(settings)).transpose()?;
        let files = Files {
            disk: settings.disk.clone(),
            snapshot: settings.snapshot.clone(),
            journal: settings.journal.clone(),
            clients,
            one_at_a_time: Mutex::new(()),
        };
        if foreign {
            // Empty segments of an earlier life begin at positions that mean nothing any more. They go first: without
            // them, a crash on the way leaves what was there before.
            let removed = Journal::remove_older_than(&*settings.disk, &settings.journal, recovered.next_number);
            removed.map_err(|error| OpenError::Io(settings.journal.clone(), error))?;
        }
        let snapshot_error = |error| OpenError::Io(settings.snapshot.clone(), error);
        if foreign || last > position {
            // The next segment says that all before it is durable. What was read may be in the operating system's memory
            // only: the hub before this one may have been killed before it synced, or its disk may have failed to.
            files
                .write_snapshot(&state.catalog(), last, || Ok(()))
                .map_err(snapshot_error)?;
        } else if position > 0 {
            // It may have been put in its place a moment before a kill.
            settings
                .disk
                .sync_directory(directory_of(&settings.snapshot))
                .map_err(snapshot_error)?;
        }
        let journal = Journal::begin(
            settings.disk.clone(),
            &settings.journal,
            settings.durability,
            recovered.next_number,
            last,
        );
        let journal = journal.map_err(|error| OpenError::Io(settings.journal.clone(), error))?;
        let store = start_writer(settings, state, journal, Arc::new(files), last)?;
        Ok(Opened {
            store,
            recovered,
            imported,
        })
    }
}

/// A file that this hub did not write is about to be replaced by the hub's own: keep it.
fn keep_original(settings: &Settings) -> Result<PathBuf, OpenError> {
    let copy = settings.snapshot.with_added_extension("original");
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

fn start_writer(
    settings: &Settings,
    state: super::State,
    journal: Journal,
    files: Arc<Files>,
    last: u64,
) -> Result<Store, OpenError> {
    let (queue, receiver) = sync_channel(settings.queue_writes_max);
    let status = Arc::new(Status::default());
    status.set_sequence(last);
    status.snapshot_loaded(last, 0);
    let catalog = state.catalog();
    catalog.used_keys.follow(settings.clock.read());
    let writer = Writer {
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
    };
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
            catalog,
            status,
            stopping: AtomicBool::new(false),
            queue_bytes: Arc::new(AtomicU64::new(0)),
            queue_bytes_max: settings.queue_bytes_max,
            snapshotter,
            writer: Mutex::new(Some(thread)),
        }),
    })
}
