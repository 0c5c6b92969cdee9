//! Reads a snapshot.

use std::{
    io::{self, Read},
    path::Path,
};

use nexus_segments::Disk;

use super::{
    CHECKSUM, FIRST_LINE, FIRST_LINE_END, FORMAT, FORMAT_MIN, LoadError, content::Content, lines::Lines, newer,
};
use crate::{clients::ClientSeen, damage::Tolerance, journal::Joint, state::State};

/// What a snapshot holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    /// The position in the journal that it stands for; none if the line that says so is damaged.
    pub(crate) position: Option<u64>,
    /// Where it joins the journal; none in format 1.
    pub(crate) joint: Option<Joint>,
    /// The newest change in it, which may be newer than the position.
    pub(crate) newest: u64,
    pub(crate) clients: Vec<ClientSeen>,
    /// Whether the file was not written by this hub, so that it stands for no position.
    pub(crate) foreign: bool,
}

/// Reads the snapshot at `path`; `None` if there is none.
pub(crate) fn load(disk: &dyn Disk, path: &Path) -> Result<Option<Loaded>, LoadError> {
    read(disk, path, &mut Tolerance::None)
}

/// Reads what is sound of the snapshot at `path`; what is not goes to `damage`, unless the file cannot be read at all.
///
/// A line is sound if it says what such a line says and fits those before it. Only the checksum, which is over all of them,
/// tells whether it says what it said when it was written.
pub(crate) fn salvage(
    disk: &dyn Disk,
    path: &Path,
    damage: &mut Tolerance<LoadError>,
) -> Result<Option<Loaded>, LoadError> {
    read(disk, path, damage)
}

fn read(disk: &dyn Disk, path: &Path, damage: &mut Tolerance<LoadError>) -> Result<Option<Loaded>, LoadError> {
    let io_error = |error| LoadError::Io(path.to_owned(), error);
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(error)),
    };
    let mut lines = Lines::new(file);
    lines.advance().map_err(io_error)?;
    let format = format(lines.line());
    if format.is_some_and(|format| (FORMAT_MIN..=FORMAT).contains(&format)) {
        lines.advance().map_err(io_error)?;
    } else {
        let first = lines.bytes();
        let says_so = lines.line().starts_with(FIRST_LINE.as_bytes());
        lines.advance().map_err(io_error)?;
        if !says_so && !lines.line().starts_with(b"hub: {") {
            return foreign(disk, path, damage).map(Some);
        }
        damage.meet(LoadError::Line {
            file: path.to_owned(),
            line: 1,
            bytes: first,
            reason: format.map_or_else(
                || "this is not the first line of a state: it is damaged, or of a newer metric-nexus".to_owned(),
                newer,
            ),
        })?;
    }
    let mut content = match damage.goes_on() {
        true => Content::damaged(),
        false => Content::default(),
    };
    read_lines(&mut lines, path, &mut content, damage)?;
    for name in content.implied {
        damage.meet(LoadError::Implied(path.to_owned(), name))?;
    }
    if content.loaded.position.is_none() {
        damage.meet(LoadError::NoPosition(path.to_owned()))?;
    }
    Ok(Some(content.loaded))
}

/// The format that a first line says.
fn format(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix(FIRST_LINE)?
        .strip_suffix(FIRST_LINE_END)?
        .parse()
        .ok()
}

/// From the current line on.
fn read_lines(
    lines: &mut Lines,
    path: &Path,
    content: &mut Content,
    damage: &mut Tolerance<LoadError>,
) -> Result<(), LoadError> {
    let io_error = |error| LoadError::Io(path.to_owned(), error);
    loop {
        if lines.bytes() == 0 {
            return damage.meet(LoadError::Cut(path.to_owned()));
        }
        if lines.line().starts_with(CHECKSUM.as_bytes()) {
            return match lines.is_right_end().map_err(io_error)? {
                true => Ok(()),
                false => damage.meet(LoadError::Checksum(path.to_owned())),
            };
        }
        if let Err(reason) = content.line(lines.line()) {
            damage.meet(LoadError::Line {
                file: path.to_owned(),
                line: lines.number,
                bytes: lines.bytes(),
                reason,
            })?;
        }
        lines.advance().map_err(io_error)?;
    }
}

fn foreign(disk: &dyn Disk, path: &Path, damage: &mut Tolerance<LoadError>) -> Result<Loaded, LoadError> {
    let mut bytes = Vec::new();
    let read = disk.open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| LoadError::Io(path.to_owned(), error))?;
    let loaded = |(state, position)| Loaded {
        state,
        position: Some(position),
        joint: None,
        newest: position,
        clients: Vec::new(),
        foreign: true,
    };
    let read = String::from_utf8(bytes)
        .map_err(|error| super::StateError::Yaml(error.to_string()))
        .and_then(|text| match super::State::from_yaml(&text) {
            Err(_) if text.lines().any(|line| line.starts_with("hub:")) => Ok(None),
            Err(error) => Err(error),
            Ok(read) => read.into_stored().map(Some),
        });
    let error = match read {
        Ok(Some(read)) => return Ok(loaded(read)),
        Ok(None) => LoadError::Rewritten(path.to_owned()),
        Err(error) => LoadError::Foreign(path.to_owned(), error),
    };
    damage.meet(error)?;
    Ok(Loaded::default())
}
