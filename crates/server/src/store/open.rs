use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64},
        mpsc::sync_channel,
    },
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
    config::Durability,
    disk::Disk,
    journal::{
        Journal,
        recovery::{self, JournalError, Recovered},
    },
    snapshot::{self, LoadError, Loaded},
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

impl Store {
    /// Reads snapshot and journal, and starts the writer. Blocks the thread.
    pub(crate) fn open(settings: Settings, clients: Clients) -> Result<Opened, OpenError> {
        let disk = settings.disk.clone();
        let loaded = snapshot::load(&*disk, &settings.snapshot)?;
        let mut loaded = loaded.unwrap_or_else(|| Loaded {
            state: super::State::default(),
            position: 0,
            clients: Vec::new(),
            foreign: false,
        });
        let start = loaded.position;
        let recovered = recovery::replay(
            &*disk,
            &settings.journal,
            if loaded.foreign { 0 } else { start },
            |frame, write| {
                loaded.state.apply(&write.write, write.first, frame.at_ms);
            },
        )?;
        if loaded.foreign && recovered.frames > 0 {
            return Err(OpenError::ForeignBesideJournal(settings.snapshot));
        }
        clients.restore(std::mem::take(&mut loaded.clients));
        let last = recovered.last.max(start);
        let imported = loaded
            .foreign
            .then(|| keep_original(&settings))
            .transpose()?;
        let files = Files {
            disk,
            snapshot: settings.snapshot.clone(),
            journal: settings.journal.clone(),
            clients,
            one_at_a_time: Mutex::new(()),
        };
        if loaded.foreign {
            files
                .write_snapshot(&loaded.state.catalog(), last, || Ok(()))
                .map_err(|error| OpenError::Io(settings.snapshot.clone(), error))?;
        }
        let journal = Journal::begin(
            settings.disk.clone(),
            &settings.journal,
            settings.durability,
            recovered.next_number,
            last,
        );
        let journal = journal.map_err(|error| OpenError::Io(settings.journal.clone(), error))?;
        let position = if loaded.foreign { last } else { start };
        let store = start_writer(
            settings,
            loaded.state,
            journal,
            Arc::new(files),
            last,
            position,
        )?;
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
        settings
            .disk
            .open(&settings.snapshot)?
            .read_to_end(&mut bytes)?;
        settings.disk.remove(&copy)?;
        let mut file = settings.disk.create(&copy)?;
        file.append(&bytes)?;
        file.sync()
    };
    copied().map_err(|error| OpenError::Io(copy.clone(), error))?;
    Ok(copy)
}

fn start_writer(
    settings: Settings,
    state: super::State,
    journal: Journal,
    files: Arc<Files>,
    last: u64,
    position: u64,
) -> Result<Store, OpenError> {
    let (queue, receiver) = sync_channel(settings.queue_writes_max);
    let status = Arc::new(Status::default());
    status.set_sequence(last);
    status.snapshot_loaded(position, 0);
    let catalog = state.catalog();
    let writer = Writer {
        state,
        limits: settings.limits,
        journal,
        durability: settings.durability,
        queue: receiver,
        status: status.clone(),
        files: files.clone(),
        next: last + 1,
        mode: Mode::Open {
            snapshot_begun: false,
        },
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
