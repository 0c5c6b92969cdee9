//! What a crash leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Choices, CrashDisk, Event, Inode, Shared};
use crate::files::directory_of;

impl CrashDisk {
    /// The disk as a kill of the process at `at` leaves it, with `part` bytes of an append that was under way.
    #[must_use]
    pub fn killed(&self, at: usize, part: usize) -> CrashDisk {
        let shared = self.lock();
        let mut log = shared.log[..at].to_vec();
        if let Some(Event::Appended { inode, bytes }) = shared.log.get(at) {
            let bytes = bytes.start..bytes.start + part % (bytes.len() + 1);
            log.push(Event::Appended { inode: *inode, bytes });
        }
        CrashDisk::of(Shared {
            live: shared.base.after(&log),
            base: shared.base.clone(),
            log,
            tapes: shared.tapes.clone(),
            ..Shared::default()
        })
    }

    /// The disk as a power cut at `at` leaves it.
    #[must_use]
    pub fn power_cut(&self, at: usize, page: usize, choices: &mut Choices<'_>) -> CrashDisk {
        let shared = self.lock();
        let log = &shared.log[..at];
        let files = shared.base.after(log).files;
        let names = names_after_power_cut(&shared.base.names, log, choices).into_iter();
        let cut = |(path, inode): (&Path, Inode)| {
            let bytes = files[inode].after_power_cut(&shared.tapes[inode], page, choices);
            (path.to_owned(), bytes)
        };
        CrashDisk::with_files(names.map(cut).collect())
    }
}

/// Those that are durable, and any that could be without what is not.
fn names_after_power_cut<'a>(
    base: &'a BTreeMap<PathBuf, Inode>,
    log: &'a [Event],
    choices: &mut Choices<'_>,
) -> BTreeMap<&'a Path, Inode> {
    let mut left: BTreeMap<&Path, Inode> = base.iter().map(|(path, inode)| (&**path, *inode)).collect();
    let mut not_yet: BTreeSet<&Path> = BTreeSet::new();
    for (event, durable) in name_events(log) {
        let waits = event.names().iter().any(|name| not_yet.contains(name));
        if !durable && (waits || !choices.bit()) {
            not_yet.extend(event.names());
            continue;
        }
        match event {
            Event::Created { path, inode } => drop(left.insert(path, *inode)),
            Event::Renamed { from, to, inode } => {
                left.remove(&**from);
                left.insert(to, *inode);
            }
            Event::Removed { path } => drop(left.remove(&**path)),
            _ => {}
        }
    }
    left
}

/// What happened to names, and whether it is durable.
fn name_events(log: &[Event]) -> Vec<(&Event, bool)> {
    let mut events: Vec<(&Event, bool)> = Vec::new();
    for event in log {
        if let Event::DirectorySynced { path } = event {
            let inside = |event: &Event| event.names().iter().any(|name| directory_of(name) == path);
            let synced = events.iter_mut().filter(|(event, _)| inside(event));
            synced.for_each(|(_, durable)| *durable = true);
        } else if !event.names().is_empty() {
            events.push((event, false));
        }
    }
    events
}
