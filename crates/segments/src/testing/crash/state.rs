//! What happened, and what it comes to.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use super::contents::{Contents, Firm};

/// The number of a file, whatever its name is.
pub(super) type Inode = usize;

/// Something that happened to the disk.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Created {
        path: PathBuf,
        inode: Inode,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
        inode: Inode,
    },
    Removed {
        path: PathBuf,
    },
    /// These bytes of the file's tape.
    Appended {
        inode: Inode,
        bytes: Range<usize>,
    },
    Cut {
        inode: Inode,
        length: usize,
    },
    Synced {
        inode: Inode,
    },
    SyncFailed {
        inode: Inode,
    },
    DirectorySynced {
        path: PathBuf,
    },
}

impl Event {
    /// The names that it concerns.
    pub(super) fn names(&self) -> Vec<&Path> {
        match self {
            Event::Created { path, .. } | Event::Removed { path } => vec![path],
            Event::Renamed { from, to, .. } => vec![from, to],
            Event::Appended { .. }
            | Event::Cut { .. }
            | Event::Synced { .. }
            | Event::SyncFailed { .. }
            | Event::DirectorySynced { .. } => Vec::new(),
        }
    }
}

/// The names there are, and what is known of each file.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) names: BTreeMap<PathBuf, Inode>,
    pub(super) files: Vec<Contents>,
}

impl State {
    pub(super) fn add_durable(&mut self, path: PathBuf, bytes: usize) {
        self.names.insert(path, self.files.len());
        self.files.push(Contents::durable(bytes));
    }

    /// What these events make of it.
    pub(super) fn after(&self, events: &[Event]) -> State {
        let mut after = self.clone();
        events.iter().for_each(|event| after.apply(event));
        after
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Created { path, inode } => {
                self.files.resize_with(inode + 1, Contents::default);
                self.names.insert(path.clone(), *inode);
            }
            Event::Renamed { from, to, inode } => {
                self.names.remove(from);
                self.names.insert(to.clone(), *inode);
            }
            Event::Removed { path } => drop(self.names.remove(path)),
            Event::Appended { inode, bytes } => self.files[*inode].append(bytes.clone()),
            Event::Cut { inode, length } => self.files[*inode].cut(*length),
            Event::Synced { inode } => self.files[*inode].sync(Firm::Durable),
            Event::SyncFailed { inode } => self.files[*inode].sync(Firm::Undecided),
            Event::DirectorySynced { .. } => {}
        }
    }
}
