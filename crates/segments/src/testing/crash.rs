//! A disk in memory that remembers all that was asked of it, and builds what a crash at any moment would have left.
//!
//! What it assumes of a file system is little, so that it stands for most of them:
//!
//! * A file keeps what was appended up to its last successful sync. Of what came later, a power cut leaves any length, and
//!   within that length any subset of pages; a page that is missing reads as zeros, but for what was synced of it.
//! * A file that was cut short may be as long as before after a power cut, unless it was synced since.
//! * Creations, renames and removals are kept once their directory was synced. Of the later ones a power cut leaves any
//!   subset in which those that concern one and the same name happened in order. A rename happens whole or not at all.
//! * A failed sync decides nothing: what was dirty then may be lost for ever, whatever later syncs of that file say, and yet
//!   be read back until the power is cut. (So does Linux: the pages are marked clean.)
//! * When the process is killed, all that it had handed over stays, of an append under way any beginning, and a later power
//!   cut still takes what nobody synced.
//! * An operation that fails may have happened.
//!
//! Left out: files that are overwritten in place (nobody does it), bits that rot (other tests flip them), hard links,
//! directories that vanish, failed syncs of directories (a file system whose journal cannot be written stops), and disks that
//! lie about having synced.

mod choices;
mod contents;
mod fault;
mod file;
mod hook;
mod image;
mod operations;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

pub use choices::Choices;
pub use fault::{Fault, Operations};
use hook::Hook;
use state::{Event, Inode, State};

/// A disk that remembers: it [fails](CrashDisk::add_fault) when it is told to, and says what a [kill](CrashDisk::killed) or a
/// [power cut](CrashDisk::power_cut) at any moment would have left of it. Cheap to clone; all clones are one disk.
#[derive(Debug, Clone, Default)]
pub struct CrashDisk {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// What was durable when the log began.
    base: State,
    /// What happened since, in order. Positions in it are where a crash can be.
    log: Vec<Event>,
    /// What all of that comes to.
    live: State,
    /// All that was ever appended to each file, taken back or not.
    tapes: Vec<Vec<u8>>,
    locked: BTreeSet<Inode>,
    faults: Vec<Fault>,
    /// Files whose sync failed, and how often one of them was synced again.
    given_up: BTreeSet<Inode>,
    synced_again: usize,
    hook: Option<Hook>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Shared {
    fn happen(&mut self, event: Event) {
        self.live.apply(&event);
        self.log.push(event);
    }
}

impl CrashDisk {
    /// A disk on which these files are durable.
    #[must_use]
    pub fn with_files(files: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let mut shared = Shared::default();
        for (path, bytes) in files {
            shared.base.add_durable(path, bytes.len());
            shared.tapes.push(bytes);
        }
        shared.live = shared.base.clone();
        CrashDisk::of(shared)
    }

    fn of(shared: Shared) -> Self {
        CrashDisk {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// How much has happened.
    #[must_use]
    pub fn now(&self) -> usize {
        self.lock().log.len()
    }

    /// The files by their names, synced or not.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let shared = self.lock();
        let names = shared.live.names.iter();
        let read = |inode: Inode| shared.live.files[inode].read(&shared.tapes[inode]);
        names.map(|(path, inode)| (path.clone(), read(*inode))).collect()
    }

    /// Has operations fail.
    pub fn add_fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Nothing fails any more.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// How often a file was synced again after a sync of it had failed.
    #[must_use]
    pub fn synced_again(&self) -> usize {
        self.lock().synced_again
    }
}
