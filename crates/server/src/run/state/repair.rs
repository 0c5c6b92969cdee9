//! `metric-nexus state repair`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use nexus_segments::files;

use super::{Found, check::damage_text, failure, put};
use crate::{config::StatePaths, run::Failure, store::examine};

/// Writes a new state from what is sound of an old one.
pub(super) fn run(found: &Found, into: &Path, output: &mut dyn Write) -> Result<(), Failure> {
    let old = &found.config.state;
    found.must_not_run()?;
    must_be_elsewhere(old, into)?;
    let examined = examine(&found.settings, usize::MAX).map_err(|error| Failure::of(&error))?;
    if examined.is_nothing() {
        return Err(found.nothing_there());
    }
    let new = StatePaths::in_directory(into);
    let written = (|| {
        files::create_directory(&new.journal_dir())?;
        let copied = copy_the_rest(old, &new)?;
        examined.write(found.settings.disk.clone(), &new.snapshot)?;
        give_all(&new.directory, &old.directory)?;
        io::Result::Ok(copied)
    })();
    let copied = written.map_err(|error| failure(format!("cannot write {}: {error}", into.display())))?;

    for damage in &examined.damage {
        put(output, &format!("left out: {}", damage_text(damage)))?;
    }
    for cut in &examined.recovered.cut {
        put(
            output,
            &format!(
                "left out: {}, offset {}: {} bytes of an unfinished frame, which nobody was promised",
                cut.file.display(),
                cut.offset,
                cut.length
            ),
        )?;
    }
    let view = examined.view();
    put(
        output,
        &format!(
            "{}: {} metrics, {} series, {} idempotency keys, up to change {}; {} writes of them from the journal",
            new.snapshot.display(),
            view.families_len(),
            view.series_len(),
            view.keys_len(),
            examined.last,
            examined.recovered.writes
        ),
    )?;
    for path in copied {
        put(output, &format!("{}: copied", path.display()))?;
    }
    Ok(())
}

fn must_be_elsewhere(old: &StatePaths, into: &Path) -> Result<(), Failure> {
    let shown = into.display();
    match fs::read_dir(into) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failure(format!("cannot use {shown}: {error}"))),
        Ok(entries) => {
            if entries.count() > 0 {
                return Err(failure(format!("{shown} is not empty: name a new directory")));
            }
        }
    }
    // The nearest directory above that exists tells where it is, whatever links lead there.
    let nearest = into.ancestors().find_map(|above| {
        let above = if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        };
        above.canonicalize().ok()
    });
    let inside = |directory: &Path| {
        let directory = directory.canonicalize().ok();
        nearest
            .as_ref()
            .zip(directory)
            .is_some_and(|(nearest, directory)| nearest.starts_with(directory))
    };
    if inside(&old.directory) {
        let directory = old.directory.display();
        return Err(failure(format!(
            "{shown} is in {directory}, which is to stay as it is: name another directory"
        )));
    }
    Ok(())
}

/// Keys and certificates, if there are any.
fn copy_the_rest(old: &StatePaths, new: &StatePaths) -> io::Result<Vec<PathBuf>> {
    let mut pairs = vec![(old.keys_file(), new.keys_file())];
    match fs::read_dir(old.tls_dir()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        entries => {
            files::create_directory(&new.tls_dir())?;
            for entry in entries? {
                let entry = entry?;
                if entry.path().is_file() {
                    pairs.push((entry.path(), new.tls_dir().join(entry.file_name())));
                }
            }
        }
    }
    let mut copied = Vec::new();
    for (from, to) in pairs {
        match fs::read(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => files::write_durably(&to, mode_of(&from)?, &bytes?)?,
        }
        copied.push(to);
    }
    copied.sort();
    Ok(copied)
}

fn mode_of(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

/// What root writes belongs to whom the old state belongs.
fn give_all(new: &Path, old: &Path) -> io::Result<()> {
    if !old.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(new)? {
        let path = entry?.path();
        if path.is_dir() {
            give_all(&path, old)?;
        } else {
            files::give_to_owner(&File::open(path)?, old)?;
        }
    }
    files::give_to_owner(&File::open(new)?, old)
}
