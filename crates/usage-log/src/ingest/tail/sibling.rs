//! Which other files belong to a log that is followed.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::Path,
    time::SystemTime,
};

use super::{
    TailSettings,
    file_id::{FileId, Place},
};

/// What is not read although its name begins like the log's.
const PACKED: [&str; 6] = ["gz", "xz", "zst", "bz2", "lz4", "zip"];

/// A file in the log's directory.
pub(super) struct Sibling {
    pub(super) file: File,
    pub(super) place: Place,
    pub(super) id: Option<FileId>,
    pub(super) changed_at: SystemTime,
}

impl Sibling {
    /// The log, and what else begins with its name.
    pub(super) fn all(settings: &TailSettings) -> io::Result<Vec<Self>> {
        let (Some(directory), Some(name)) = (settings.path.parent(), settings.path.file_name()) else {
            return Ok(Vec::new());
        };
        let directory = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        };
        let mut siblings = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if begins_with(&path, name) && !is_packed(&path) && path != settings.position_path {
                siblings.extend(Self::open(&path)?);
            }
        }
        Ok(siblings)
    }

    /// None if it is gone, or no file.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Ok(None);
        }
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let metadata = file.metadata()?;
        let place = Place::of(&metadata);
        Ok(Some(Sibling {
            id: FileId::read(place, &file)?,
            place,
            changed_at: metadata.modified()?,
            file,
        }))
    }
}

fn begins_with(path: &Path, name: &OsStr) -> bool {
    let own = path.file_name().unwrap_or_default().as_encoded_bytes();
    own.starts_with(name.as_encoded_bytes())
}

fn is_packed(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| PACKED.iter().any(|packed| end == *packed))
}
