//! `settings.yaml` in the state directory.
//!
//! ```yaml
//! throttle:
//!   server: { write_bytes_per_second: 1048576 }
//!   keys:
//!     ci: { read_bytes_per_second: 65536 }
//! limits:
//!   ci: { api_requests: 1000000 }
//! ```

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use nexus_segments::files;
use serde::{Deserialize, Serialize};

use super::{LimitsSet, ThrottleSet};

/// What stands above the settings.
const HEADER: &str = "\
# What was set live through the API of Metric Nexus. It wins over the configuration file. `PUT` of null, or `DELETE`, takes
# it back; after editing by hand: `POST /-/reload`, SIGHUP, or a restart.
";

const BYTES_MAX: u64 = 64 << 20;

/// All that was set live.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Live {
    #[serde(skip_serializing_if = "ThrottleSet::is_empty")]
    pub(super) throttle: ThrottleSet,
    /// By the key's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) limits: BTreeMap<String, LimitsSet>,
}

/// Why the live settings cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file system refuses.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// It is not as it must be.
    #[error("{path}: {reason}; repair it, or move it away to go by the configuration file alone", path = .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the file holds; nothing if it is not there.
pub(super) fn read(path: &Path) -> Result<Live, SettingsError> {
    let broken = |reason: String| SettingsError::Broken {
        path: path.to_owned(),
        reason,
    };
    let mut text = String::new();
    let read = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Live::default()),
        Err(error) => Err(error),
        Ok(file) => file.take(BYTES_MAX + 1).read_to_string(&mut text),
    };
    let bytes = read.map_err(|source| SettingsError::Io {
        path: path.to_owned(),
        source,
    })?;
    if bytes as u64 > BYTES_MAX {
        return Err(broken("larger than any file of settings".to_owned()));
    }
    let live: Option<Live> = yaml_serde::from_str(&text).map_err(|error| broken(error.to_string()))?;
    // A hub writes `{}` where there is nothing to say.
    live.ok_or_else(|| broken("it says nothing, so what was set is lost".to_owned()))
}

/// Replaces the file; has survived power loss when it returns.
pub(super) fn write(path: &Path, live: &Live) -> Result<(), SettingsError> {
    let written = yaml_serde::to_string(live)
        .map_err(io::Error::other)
        .and_then(|text| files::write_durably(path, files::OWNER_ONLY, format!("{HEADER}{text}").as_bytes()));
    written.map_err(|source| SettingsError::Io {
        path: path.to_owned(),
        source,
    })
}
