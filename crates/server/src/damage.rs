//! What is wrong with a state, as data: a start stops at the first place, `state check` and `state repair` go on.

use std::path::PathBuf;

/// A place in the state that cannot be read, and what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) file: PathBuf,
    pub(crate) place: Place,
    /// How many bytes cannot be read there, as far as that is known.
    pub(crate) bytes: u64,
    /// The first and the last change that are lost by it, as far as that is known.
    pub(crate) changes: Option<(u64, u64)>,
    /// A sentence that names file and place.
    pub(crate) text: String,
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file as a whole.
    File,
    /// A line, counted from 1: files of text.
    Line(u64),
    /// An offset in bytes: the journal.
    Offset(u64),
}

/// What happens to damage that is met.
#[derive(Debug)]
pub(crate) enum Tolerance<E> {
    /// The first place ends the reading.
    None,
    /// All is listed, up to a number; the rest is counted.
    Listing { max: usize, list: Vec<E>, unlisted: u64 },
}

impl<E> Tolerance<E> {
    /// Lists at most `max` places.
    pub(crate) fn listing(max: usize) -> Self {
        Tolerance::Listing {
            max,
            list: Vec::new(),
            unlisted: 0,
        }
    }

    /// Whether reading goes on behind damage.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self, Tolerance::Listing { .. })
    }

    /// Takes note of damage.
    ///
    /// # Errors
    /// The damage itself, if none is tolerated.
    pub(crate) fn meet(&mut self, damage: E) -> Result<(), E> {
        match self {
            Tolerance::None => return Err(damage),
            Tolerance::Listing { max, list, .. } if list.len() < *max => list.push(damage),
            Tolerance::Listing { unlisted, .. } => *unlisted += 1,
        }
        Ok(())
    }

    /// What was listed, and how much was not.
    pub(crate) fn into_list(self) -> (Vec<E>, u64) {
        match self {
            Tolerance::None => (Vec::new(), 0),
            Tolerance::Listing { list, unlisted, .. } => (list, unlisted),
        }
    }
}
