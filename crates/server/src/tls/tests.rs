//! The certificates on disk: made, kept, renewed, replaced, refused.

mod generated;
mod own;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> SystemTime {
    SystemTime::now()
}

fn settings(directory: &TempDir) -> Settings {
    Settings {
        directory: directory.path().join("tls"),
        cert: None,
        key: None,
        names: Vec::new(),
        listen: vec![[10, 0, 0, 7].into()],
        machine: Vec::new,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(tls: &Tls) -> Vec<String> {
    tls.state().pair.facts.names.iter().cloned().collect()
}
