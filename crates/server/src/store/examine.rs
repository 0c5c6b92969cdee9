//! What is sound of a state, and all that is not: `state check` and `state repair`. Changes nothing.

use std::{io, path::Path, sync::Arc};

use nexus_segments::Disk;

use super::{
    Settings,
    open::{OpenError, follows, replay_one},
    view::View,
};
use crate::{
    clients::ClientSeen,
    clock::now_ms,
    damage::{Damage, Place, Tolerance},
    journal::recovery::{self, Follows, Position, Recovered},
    snapshot::{self, StandsFor},
    state::State,
};

/// A state as far as it can be read.
#[derive(Debug)]
pub(crate) struct Examined {
    /// None if there is no snapshot.
    pub(crate) snapshot: Option<SnapshotRead>,
    pub(crate) recovered: Recovered,
    /// All that is sound of both.
    pub(crate) state: State,
    pub(crate) clients: Vec<ClientSeen>,
    /// Everything for which a start would refuse, or leave out what somebody may have been promised.
    pub(crate) damage: Vec<Damage>,
    /// How much more damage there is than is listed.
    pub(crate) unlisted: u64,
    /// The last change that is known of.
    pub(crate) last: u64,
}

/// What is sound of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotRead {
    pub(crate) position: Option<u64>,
    pub(crate) foreign: bool,
    pub(crate) families: usize,
    pub(crate) series: u64,
    pub(crate) keys: usize,
    pub(crate) clients: usize,
}

/// Reads all that is sound, and lists at most `damage_max` places that are not.
///
/// # Errors
/// A file cannot be read at all.
pub(crate) fn examine(settings: &Settings, damage_max: usize) -> Result<Examined, OpenError> {
    let disk = &*settings.disk;
    let mut damage = Tolerance::listing(damage_max);
    let loaded = snapshot::salvage(disk, &settings.snapshot, &mut damage)?;
    let found = loaded.as_ref().map(|loaded| SnapshotRead {
        position: loaded.position,
        foreign: loaded.foreign,
        families: loaded.state.catalog().families_len(),
        series: loaded.state.catalog().series_len(),
        keys: loaded.state.catalog().used_keys.len(),
        clients: loaded.clients.len(),
    });
    let (in_snapshot, mut unlisted) = damage.into_list();
    let mut list: Vec<Damage> = in_snapshot.iter().map(snapshot::LoadError::damage).collect();

    let follows = follows(loaded.as_ref());
    let loaded_or_nothing = loaded.unwrap_or_default();
    let (mut state, newest) = (loaded_or_nothing.state, loaded_or_nothing.newest);
    let position = match found {
        None => Position::Certain(0, Follows::Nothing),
        Some(read) => match read.position.filter(|_| list.is_empty()) {
            Some(position) => Position::Certain(position, follows),
            None => Position::Uncertain(read.position),
        },
    };
    let mut damage = Tolerance::listing(damage_max);
    let recovered = recovery::salvage(disk, &settings.journal, position, &mut damage, |frame, write| {
        replay_one(&mut state, frame, &write);
    })?;
    let (in_journal, more) = damage.into_list();
    unlisted += more;
    list.extend(in_journal.iter().map(recovery::JournalError::damage));
    if let Err(error) = recovery::reaches(&recovered, &settings.journal, newest) {
        list.push(error.damage());
    }
    if found.is_some_and(|found| found.foreign) && recovered.frames > 0 {
        let error = OpenError::ForeignBesideJournal(settings.snapshot.clone());
        list.push(Damage {
            file: settings.snapshot.clone(),
            place: Place::File,
            bytes: 0,
            changes: None,
            text: error.to_string(),
        });
    }
    let last = recovered.last.max(newest);
    Ok(Examined {
        snapshot: found,
        recovered,
        state,
        clients: loaded_or_nothing.clients,
        damage: list,
        unlisted,
        last,
    })
}

impl Examined {
    /// Whether there is anything at all.
    pub(crate) fn is_nothing(&self) -> bool {
        self.snapshot.is_none() && self.recovered.segments.is_empty()
    }

    /// What is sound.
    pub(crate) fn view(&self) -> View {
        View::of(self.state.catalog())
    }

    /// Writes what is sound as a snapshot, durably. Nothing of a journal is needed beside it.
    pub(crate) fn write(&self, disk: Arc<dyn Disk>, path: &Path) -> io::Result<()> {
        let catalog = self.state.catalog();
        let stands_for = StandsFor {
            position: self.last,
            joint: None,
        };
        snapshot::begin(disk, path, &catalog, stands_for, now_ms(), &self.clients)?.commit()
    }
}
