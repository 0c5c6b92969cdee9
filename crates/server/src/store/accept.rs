//! Takes over a snapshot that somebody edited: `state accept`. The lock must be held.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Settings,
    open::{OpenError, keep_copy, replay_one},
};
use crate::{
    clock::now_ms,
    journal::recovery::{self, Follows, JournalError, Recovered},
    snapshot::{self, Edited, Loaded, Mistake, StandsFor},
    state::{Stamp, State},
    write::{Change, FamilyName, LabelText, Op},
};

/// How many mistakes are listed.
const MISTAKES_MAX: usize = 100;
/// How many changes are told of one by one.
const PENDING_MAX: usize = 100;

/// What was taken over.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) position: u64,
    pub(crate) families: usize,
    pub(crate) series: u64,
    /// The file as it was.
    pub(crate) kept: PathBuf,
    /// What a start will do on top of it, from the journal: at most [`PENDING_MAX`] sentences.
    pub(crate) pending: Vec<String>,
    /// How many changes that are.
    pub(crate) pending_count: u64,
}

/// Why nothing was taken over. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// The file is as a hub wrote it.
    #[error("{file} is sound as it is: there is nothing to accept", file = .0.display())]
    Sound(PathBuf),
    /// All that is wrong with it.
    #[error("{file} cannot be taken over:\n{list}", file = .0.display(), list = listed(.1))]
    Mistakes(PathBuf, Vec<Mistake>),
    /// The journal does not fit the position that the file says, or is damaged.
    #[error(
        "{0}; if you changed `sequence` or `journal` under `hub:`, put back what stood there; if not, see `metric-nexus state check`"
    )]
    Journal(#[from] JournalError),
    #[error(
        "no segment of the journal begins after change {0}: if you changed `sequence` under `hub:`, put the old number back"
    )]
    Position(u64),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot write {path}: {source}", path = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
}

fn listed(mistakes: &[Mistake]) -> String {
    let mut lines: Vec<String> = mistakes
        .iter()
        .take(MISTAKES_MAX)
        .map(|mistake| format!("  {mistake}"))
        .collect();
    if mistakes.len() > MISTAKES_MAX {
        lines.push(format!("  and {} more", mistakes.len() - MISTAKES_MAX));
    }
    lines.join("\n")
}

/// Reads the snapshot as a hand or a tool may have left it, and if nothing is wrong with it writes it as a hub would. Each
/// new file goes through `prepare` before it counts.
pub(crate) fn accept(settings: &Settings, prepare: impl Fn(&Path) -> io::Result<()>) -> Result<Accepted, AcceptError> {
    let disk = &*settings.disk;
    let path = &settings.snapshot;
    if let Ok(Some(loaded)) = snapshot::load(disk, path)
        && !loaded.foreign
    {
        return Err(AcceptError::Sound(path.clone()));
    }
    let text = read_text(settings)?;
    let (loaded, recovered) = read(settings, &text)?;
    let Loaded {
        mut state,
        position,
        joint,
        clients,
        ..
    } = loaded;
    let position = position.unwrap_or(recovered.last);
    let stands_for = StandsFor { position, joint };

    let io_error = |error| AcceptError::Io(path.clone(), error);
    let catalog = state.catalog();
    let written = snapshot::begin(settings.disk.clone(), path, &catalog, stands_for, now_ms(), &clients);
    let written = written.map_err(io_error)?;
    snapshot::load(disk, written.beside()).map_err(OpenError::from)?;
    prepare(written.beside()).map_err(io_error)?;
    let kept = keep_copy(settings, "before-accept")?;
    prepare(&kept).map_err(io_error)?;
    written.commit().map_err(io_error)?;

    let (families, series) = (catalog.families_len(), catalog.series_len());
    let (pending, pending_count) = pending(settings, &mut state, stands_for)?;
    Ok(Accepted {
        position,
        families,
        series,
        kept,
        pending,
        pending_count,
    })
}

fn read_text(settings: &Settings) -> Result<String, AcceptError> {
    let path = &settings.snapshot;
    let mut bytes = Vec::new();
    let read = settings
        .disk
        .open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| OpenError::from(snapshot::LoadError::Io(path.clone(), error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let line = 1 + valid.unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        AcceptError::Mistakes(path.clone(), vec![Mistake::new(format!("line {line}: not UTF-8"))])
    })
}

/// What the file says, and what the journal has behind it.
fn read(settings: &Settings, text: &str) -> Result<(Loaded, Recovered), AcceptError> {
    let mistakes = |list| AcceptError::Mistakes(settings.snapshot.clone(), list);
    let edited = Edited::read(text).map_err(|mistake| mistakes(vec![mistake]))?;
    let position = edited.position;
    let follows = edited.joint.map_or(Follows::Unnamed, Follows::Joint);
    let recovered = recovery::replay(
        &*settings.disk,
        &settings.journal,
        position.unwrap_or(0),
        follows,
        |_, _| {},
    );
    // Without its journal, the file alone knows what was the last change.
    let (last, max) = match &recovered {
        Ok(recovered) if recovered.segments.is_empty() => (recovered.last, crate::journal::SEQUENCE_MAX),
        Ok(recovered) if position.is_some() => (recovered.last, recovered.last),
        _ => (0, crate::journal::SEQUENCE_MAX),
    };
    let defaults = Stamp {
        sequence: last,
        at_ms: now_ms(),
    };
    let loaded = edited.load(defaults, max).map_err(mistakes)?;
    let recovered = recovered?;
    let begins_there = |position: u64| {
        let mut headers = recovered.segments.iter().filter_map(|segment| segment.header.ok());
        recovered.segments.is_empty() || headers.any(|header| header.after == position)
    };
    match position {
        Some(position) if !begins_there(position) => Err(AcceptError::Position(position)),
        _ => Ok((loaded, recovered)),
    }
}

/// What the journal does to the accepted state.
fn pending(
    settings: &Settings,
    state: &mut State,
    StandsFor { position, joint }: StandsFor,
) -> Result<(Vec<String>, u64), JournalError> {
    let (mut list, mut count) = (Vec::new(), 0);
    let follows = joint.map_or(Follows::Unnamed, Follows::Joint);
    recovery::replay(&*settings.disk, &settings.journal, position, follows, |frame, write| {
        for (sequence, change) in (write.first..).zip(&write.write.changes) {
            if let Some(text) = told(state, change, sequence) {
                count += 1;
                if list.len() < PENDING_MAX {
                    list.push(format!("change {sequence}: {text}"));
                }
            }
        }
        replay_one(state, frame, &write);
    })?;
    Ok((list, count))
}

/// What a change does, if it does anything: what is as new already stays as it is.
fn told(state: &State, change: &Change<'_>, sequence: u64) -> Option<String> {
    let last = |family: &FamilyName<'_>, labels: &LabelText<'_>| {
        let value = state.family(family.as_str())?.value(labels.as_str())?;
        Some(value.stamp().sequence)
    };
    match change {
        Change::Series(target, op) => match last(&target.family, &target.labels) {
            Some(last) if last >= sequence => None,
            Some(_) if *op == Op::Ensure => None,
            _ => Some(op.told(&format!("{}{}", target.family, target.labels))),
        },
        Change::Delete { family, labels: None } => Some(format!("{family} is deleted")),
        Change::Delete {
            family,
            labels: Some(labels),
        } => Some(format!("{family}{labels} is deleted")),
        Change::DeleteMatching { selector, .. } => Some(format!("what matches {} is deleted", selector.as_str())),
        Change::Expire {
            family,
            labels,
            sequence: unchanged,
        } => {
            let is_old = last(family, labels)? == *unchanged;
            is_old.then(|| format!("{family}{labels} expires"))
        }
    }
}
