//! Programs of others that the tests start.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The path of a program, also where Debian hides those of the PostgreSQL server.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let hidden = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    env::split_paths(&path)
        .chain(hidden.map(|version| version.path().join("bin")))
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// Whether a test may go on: `false`, loudly, if one of the programs is not there; under `NEXUS_TEST_STRICT` what is
/// missing fails.
#[must_use]
pub fn require(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|program| find(program).is_none()).collect();
    assert!(
        missing.is_empty() || env::var_os("NEXUS_TEST_STRICT").is_none(),
        "{missing:?} not found; scripts/setup installs what the tests need"
    );
    if !missing.is_empty() {
        eprintln!("SKIPPED, nothing was tested: {missing:?} not found; scripts/setup installs what the tests need");
    }
    missing.is_empty()
}

/// Runs a program to its end, in a directory, and returns what it printed.
///
/// # Panics
/// If it fails.
pub fn run(command: &[String], directory: &Path) -> String {
    let output = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{errors}",
        output.status
    );
    text
}
