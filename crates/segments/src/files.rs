//! Small files that must survive a crash: written beside, synced, renamed, and the directory synced.
//!
//! A reader sees the old file or the new one, never a mixture; after [`write_durably`] has returned, the new one
//! survives power loss. What these functions leave behind after a crash in the middle is at most a file named
//! `.<name>.<random>.tmp`, which nothing reads and [`remove_left_over`] removes.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

/// The mode of a file that only its owner may read.
pub const OWNER_ONLY: u32 = 0o600;

/// Replaces the file at `path` by `bytes`, or makes it.
///
/// Written as root, it belongs to the owner of the directory ([`give_to_owner`]).
/// `mode` is that of the new file from its first moment on (less what the umask takes away), so a secret is never
/// readable by others in between. A symbolic link at `path` is replaced, not followed. The directory must exist.
///
/// # Errors
/// Whatever the file system says; the old file is then still there, unless the very last step, syncing the directory,
/// was the one that failed: then it may be either.
pub fn write_durably(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let beside = name_beside(path)?;
    let written = write_new(&beside, mode, bytes).and_then(|()| replace(&beside, path));
    if let Err(error) = written {
        // Nothing more can be done about a left-over, and the first error is the one to tell.
        drop(fs::remove_file(&beside));
        return Err(error);
    }
    sync_directory(directory_of(path))
}

/// Makes `path` and its missing parents, for the owner only, and syncs each parent that got a new entry.
///
/// # Errors
/// Whatever the file system says, also if `path` is something else than a directory.
pub fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = directory_of(path);
    create_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_directory(parent),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes an empty file that only its owner may read, if there is none, for a library that would make it readable by all.
///
/// # Errors
/// Whatever the file system says.
pub fn reserve(path: &Path) -> io::Result<()> {
    match open_private(OpenOptions::new().write(true).create_new(true), path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop),
    }
}

/// Opens a file by these options. If it is made, only its owner may read it; that is the owner of the directory
/// ([`give_to_owner`]).
///
/// # Errors
/// Whatever the file system says.
pub fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(OWNER_ONLY).open(path)?;
    give_to_owner(&file, directory_of(path))?;
    Ok(file)
}

/// Makes the creations, renames and deletions in a directory survive power loss.
///
/// # Errors
/// Whatever the file system says.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Gives a file to the owner of its directory, so that a program that runs under a name of its own can read what root has
/// changed beside it. Only root can; for others the file stays theirs.
///
/// # Errors
/// Whatever the file system says but that it is not permitted.
pub fn give_to_owner(file: &File, directory: &Path) -> io::Result<()> {
    let (own, owner) = (file.metadata()?, fs::metadata(directory)?);
    if own.uid() == owner.uid() {
        return Ok(());
    }
    match fchown(file, Some(owner.uid()), Some(owner.gid())) {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

/// The directory that `path` is an entry of: `.` for a bare name.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// Puts a file in the place of another.
///
/// # Errors
/// Whatever the file system says; of a file that is mounted by itself, what can be done.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => {
            let told = format!(
                "{error}: a file that is mounted by itself cannot be replaced: mount the directory that it is in"
            );
            io::Error::new(io::ErrorKind::ResourceBusy, told)
        }
        _ => error,
    })
}

/// Removes what crashes in the middle of [`write_durably`] have left in a directory; gives what was removed. Nobody may be
/// writing there.
///
/// # Errors
/// Whatever the file system says; a directory that is not there has nothing left.
pub fn remove_left_over(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut removed = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_left_over) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed.push(entry.path());
        }
    }
    removed.sort();
    Ok(removed)
}

/// Whether a name is one of those that [`name_beside`] gives.
fn is_left_over(name: &str) -> bool {
    let random = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".tmp"))
        .and_then(|name| name.rsplit_once('.'));
    random.is_some_and(|(name, random)| {
        !name.is_empty() && random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn name_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    // Random, since a process id may be the same after a restart in a container, and a left-over lie there.
    let random = getrandom::u64().map_err(io::Error::other)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{random:016x}.tmp"));
    Ok(directory_of(path).join(beside))
}

fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    give_to_owner(&file, directory_of(path))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(directory: &Path) -> Vec<String> {
        fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_is_made_then_replaced_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.yaml");
        write_durably(&path, OWNER_ONLY, b"one").unwrap();
        let first = fs::metadata(&path).unwrap().ino();
        assert_eq!(mode(&path), 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_durably(&path, OWNER_ONLY, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(mode(&path), 0o600);
        assert_ne!(fs::metadata(&path).unwrap().ino(), first);
        assert_eq!(names(directory.path()), ["keys.yaml"]);
    }

    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let other = 65_534;
        if chown(directory.path(), Some(other), Some(other)).is_err() {
            // Not root: there is nothing to give away.
            return;
        }
        let path = directory.path().join("keys.yaml");
        write_durably(&path, OWNER_ONLY, b"x").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (other, other));
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_failure_leaves_neither_the_file_nor_a_left_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "x").unwrap();
        write_durably(&path, OWNER_ONLY, b"x").unwrap_err();
        assert_eq!(names(directory.path()), ["taken"]);

        write_durably(&directory.path().join("missing/file"), OWNER_ONLY, b"x").unwrap_err();
        write_durably(Path::new("/"), OWNER_ONLY, b"x").unwrap_err();
    }

    #[test]
    fn directories_are_made_with_their_parents_for_the_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        create_directory(&path).unwrap();
        create_directory(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&directory.path().join("a")), 0o700);

        fs::write(path.join("file"), "x").unwrap();
        create_directory(&path.join("file")).unwrap_err();
        create_directory(&path.join("file/below")).unwrap_err();
    }

    #[test]
    fn what_crashes_have_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let left = name_beside(&at("keys.yaml")).unwrap();
        fs::write(&left, "x").unwrap();
        let kept = [
            ".keys.yaml.tmp",
            ".keys.yaml.0123.tmp",
            "keys.yaml.0123456789abcdef.tmp",
            ".0123456789abcdef.tmp",
            ".keys.yaml.0123456789abcdeg.tmp",
            "keys.yaml",
        ];
        for name in kept {
            fs::write(at(name), "x").unwrap();
        }
        fs::create_dir(at(".a.0123456789abcdef.tmp")).unwrap();
        assert_eq!(remove_left_over(directory.path()).unwrap(), [left]);
        assert_eq!(remove_left_over(directory.path()).unwrap(), [""; 0].map(PathBuf::from));
        assert!(kept.iter().all(|name| at(name).exists()));
        assert_eq!(remove_left_over(&at("missing")).unwrap(), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn the_directory_of_a_path() {
        fn check(path: &str, expected: &str) {
            assert_eq!(directory_of(Path::new(path)), Path::new(expected), "{path}");
        }
        check("keys.yaml", ".");
        check("state/keys.yaml", "state");
        check("/keys.yaml", "/");
        check("/", "/");
    }
}
