//! How large the file of the usage log is, and may be.

use std::{fs, io, path::Path, sync::atomic::Ordering::Relaxed, time::Duration};

use super::{Shared, UsageLogHandle};
use crate::shutdown::Shutdown;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(1);

impl UsageLogHandle {
    /// Looks after the size of the file, if there is one, until the shutdown.
    pub(crate) async fn watch(self, shutdown: Shutdown) {
        let Some(shared) = self.shared else { return };
        let Some(file) = shared.place.file() else { return };
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.fired() => return,
                _ = ticks.tick() => shared.check_size(file),
            }
        }
    }

    /// How large the file is; none if there is none.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        let shared = self.shared.as_ref()?;
        shared.place.file().map(|file| size(file).unwrap_or(0))
    }
}

impl Shared {
    fn check_size(&self, file: &Path) {
        let full = size(file).is_ok_and(|bytes| bytes >= self.bytes_max);
        if full && !self.full.swap(full, Relaxed) {
            tracing::error!(
                file = %file.display(),
                bytes_max = self.bytes_max,
                "the usage log is as large as it may be: requests are left out until retention makes room (usage_log.bytes_max, usage_log.raw_kept)"
            );
        }
        self.full.store(full, Relaxed);
    }
}

/// With what SQLite keeps beside it until it is moved into the file.
fn size(file: &Path) -> io::Result<u64> {
    let beside = ["-wal", "-shm"].map(|ending| {
        let mut path = file.as_os_str().to_owned();
        path.push(ending);
        fs::metadata(path).map_or(0, |metadata| metadata.len())
    });
    Ok(fs::metadata(file)?.len() + beside.iter().sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_file_yet_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        assert!(size(&path("a.db")).is_err());
        fs::write(path("a.db"), [0; 10]).unwrap();
        assert_eq!(size(&path("a.db")).unwrap(), 10);
        fs::write(path("a.db-wal"), [0; 5]).unwrap();
        fs::write(path("a.db-shm"), [0; 2]).unwrap();
        assert_eq!(size(&path("a.db")).unwrap(), 17);
    }
}
