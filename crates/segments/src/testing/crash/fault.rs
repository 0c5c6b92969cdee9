//! Operations that fail.

use std::{io, path::Path};

use super::{CrashDisk, Event, Shared};

/// Makes operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which operations.
    pub what: Operations,
    /// How many of them succeed before.
    pub after: u32,
    /// How many fail then.
    pub times: u32,
    /// How many bytes of a failing append get into the file. Of other operations: whether they happen nevertheless, if odd.
    pub part: usize,
}

impl Fault {
    /// After so many operations the process is as good as dead: whatever it tries does not happen, but for so many bytes of
    /// the append that it was at.
    #[must_use]
    pub fn death(after: u32) -> Self {
        Fault {
            what: Operations::All,
            after,
            times: u32::MAX,
            part: 0,
        }
    }
}

/// Which operations fail. Nothing that only reads does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operations {
    /// All that change something.
    All,
    /// Those that write into files.
    Appends,
    /// Those that make something durable.
    Syncs,
}

pub(super) fn failed() -> io::Error {
    io::Error::other("the disk failed")
}

pub(super) fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

pub(super) fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl CrashDisk {
    /// Runs the hook, then says whether the operation is to fail.
    pub(super) fn before(&self, path: &Path, is: Operations) -> Option<Fault> {
        self.run_hook(path);
        let mut failing = None;
        for fault in &mut self.lock().faults {
            if fault.what != Operations::All && fault.what != is {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                failing = Some(*fault);
            }
        }
        failing
    }

    /// Does something to names or lengths; if it is to fail, it may happen nevertheless.
    pub(super) fn change(&self, path: &Path, act: impl FnOnce(&mut Shared) -> io::Result<Event>) -> io::Result<()> {
        let fault = self.before(path, Operations::All);
        if fault.is_none_or(|fault| fault.part % 2 == 1) {
            let mut shared = self.lock();
            let event = act(&mut shared)?;
            shared.happen(event);
        }
        fault.map_or(Ok(()), |_| Err(failed()))
    }
}
