//! `state`: where the hub keeps what must not be lost.

use super::{section::Section, units};
use std::path::{Path, PathBuf};

/// Where everything lies that the hub keeps. Setting `state`, flag `--state`, environment `METRIC_NEXUS_STATE`; the
/// directory `state` where nothing is said. A relative path starts at the working directory.
///
/// The path names one of two things:
///
/// * a **directory**, which holds everything, the snapshot as `state.yaml`;
/// * metric-nexus's state **file**: it is the snapshot, and everything else lies in a directory beside it with its name
///   and `.d` behind it (`/x/foo.state.yaml` → `/x/foo.state.yaml.d/`).
///
/// It names a file if a regular file is there, or if nothing is there and the path ends in `.yaml` or `.yml`, or stands
/// in a configuration file of metric-nexus's form (see [`Form`]). The `state.yaml` of a state directory of ours, known
/// by the `journal` beside it, stands for that directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatePaths {
    /// The snapshot, `state.yaml` in a directory of ours.
    pub(crate) snapshot: PathBuf,
    /// Where all else lies.
    pub(crate) directory: PathBuf,
}

/// Whose form the configuration file has: metric-nexus's if it uses any spelling that only metric-nexus has, which
/// are `host`, `port`, `cert` and `key` at the top, and keys that are plain texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Ours,
    MetricNexus,
}

impl StatePaths {
    /// All in one directory.
    pub(crate) fn in_directory(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        StatePaths {
            snapshot: directory.join("state.yaml"),
            directory,
        }
    }

    /// metric-nexus's file, and a directory beside it.
    pub(crate) fn beside_file(snapshot: impl Into<PathBuf>) -> Self {
        let snapshot = snapshot.into();
        let mut directory = snapshot.clone().into_os_string();
        directory.push(".d");
        StatePaths {
            snapshot,
            directory: directory.into(),
        }
    }

    /// What `path` names; looks at what is there now.
    pub(crate) fn at(path: &Path) -> Self {
        Self::of_form(path, Form::Ours)
    }

    fn of_form(path: &Path, form: Form) -> Self {
        let says_directory = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let says_file = path.is_file()
            || form == Form::MetricNexus
            || path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if says_directory || !says_file {
            return Self::in_directory(path);
        }
        let file = Self::beside_file(path);
        let ours = Self::in_directory(nexus_segments::files::directory_of(path));
        if path.file_name() == ours.snapshot.file_name() && ours.journal_dir().is_dir() && !file.directory.exists() {
            return ours;
        }
        file
    }

    /// Whether there is anything of a hub, or of keys that were made for one.
    pub(crate) fn is_used(&self) -> bool {
        let files = [
            self.snapshot.clone(),
            self.journal_dir(),
            self.keys_file(),
            self.lock_file(),
        ];
        files.iter().any(|file| file.exists())
    }

    /// From the file alone; `file` is its path.
    pub(super) fn read(top: &Section<'_>, form: Form, file: Option<&Path>) -> Self {
        match (top.get("state", units::path).flatten(), form, file) {
            (Some(path), _, _) => Self::of_form(&path, form),
            (None, Form::MetricNexus, Some(file)) => Self::of_form(&metric_nexus_default(file), form),
            (None, _, _) => Self::default(),
        }
    }

    /// The segments of the journal.
    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.directory.join("journal")
    }

    /// Digests of the keys that were made by `key new` or through the API.
    pub(crate) fn keys_file(&self) -> PathBuf {
        self.directory.join("keys.yaml")
    }

    /// What was set live through the API.
    pub(crate) fn settings_file(&self) -> PathBuf {
        self.directory.join("settings.yaml")
    }

    /// What each key has used.
    pub(crate) fn usage_file(&self) -> PathBuf {
        self.directory.join("usage.db")
    }

    /// Who asked for what.
    pub(crate) fn usage_log_file(&self) -> PathBuf {
        self.directory.join("usage-log.db")
    }

    /// What waits to be stored there.
    pub(crate) fn usage_log_dir(&self) -> PathBuf {
        self.directory.join("usage-log")
    }

    /// Certificates that the hub has made.
    pub(crate) fn tls_dir(&self) -> PathBuf {
        self.directory.join("tls")
    }

    /// Locked by the hub while it runs.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.directory.join("lock")
    }

    /// The first key, if the first start had no terminal to show it on.
    pub(crate) fn admin_key_file(&self) -> PathBuf {
        self.directory.join("admin.key")
    }
}

impl Default for StatePaths {
    fn default() -> Self {
        Self::in_directory("state")
    }
}

/// The configuration's path without `.yaml` or `.yml`, and `.state.yaml`.
fn metric_nexus_default(config: &Path) -> PathBuf {
    let says_yaml = config.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let stem = if says_yaml {
        config.with_extension("")
    } else {
        config.to_owned()
    };
    let mut state = stem.into_os_string();
    state.push(".state.yaml");
    state.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn where_everything_lies() {
        let state = StatePaths::in_directory("/x/state");
        assert_eq!(state.snapshot, Path::new("/x/state/state.yaml"));
        assert_eq!(state.journal_dir(), Path::new("/x/state/journal"));
        assert_eq!(state.keys_file(), Path::new("/x/state/keys.yaml"));
        assert_eq!(state.settings_file(), Path::new("/x/state/settings.yaml"));
        assert_eq!(state.usage_file(), Path::new("/x/state/usage.db"));
        assert_eq!(state.usage_log_file(), Path::new("/x/state/usage-log.db"));
        assert_eq!(state.usage_log_dir(), Path::new("/x/state/usage-log"));
        assert_eq!(state.tls_dir(), Path::new("/x/state/tls"));
        assert_eq!(state.lock_file(), Path::new("/x/state/lock"));
        assert_eq!(state.admin_key_file(), Path::new("/x/state/admin.key"));
        let state = StatePaths::beside_file("/x/foo.state.yaml");
        assert_eq!(state.snapshot, Path::new("/x/foo.state.yaml"));
        assert_eq!(state.journal_dir(), Path::new("/x/foo.state.yaml.d/journal"));
    }

    #[test]
    fn a_path_names_a_directory_or_a_file() {
        let there = tempfile::tempdir().unwrap();
        let there = there.path();
        fs::create_dir(there.join("dir.yaml")).unwrap();
        fs::write(there.join("file"), "metrics:").unwrap();
        let check = |path: &str, form: Form, file: bool| {
            let path = there.join(path);
            let expected = if file {
                StatePaths::beside_file(&path)
            } else {
                StatePaths::in_directory(&path)
            };
            assert_eq!(StatePaths::of_form(&path, form), expected, "{path:?} {form:?}");
        };
        check("new", Form::Ours, false);
        check("new/", Form::Ours, false);
        check("new.yaml", Form::Ours, true);
        check("new.yml", Form::Ours, true);
        check("dir.yaml", Form::Ours, false);
        check("file", Form::Ours, true);
        check("new", Form::MetricNexus, true);
        check("new/", Form::MetricNexus, false);
        check("dir.yaml", Form::MetricNexus, false);
    }

    #[test]
    fn the_snapshot_of_a_state_directory_stands_for_the_directory() {
        let there = tempfile::tempdir().unwrap();
        let snapshot = there.path().join("state.yaml");
        assert_eq!(StatePaths::at(&snapshot), StatePaths::beside_file(&snapshot));
        fs::create_dir(there.path().join("journal")).unwrap();
        assert_eq!(StatePaths::at(&snapshot), StatePaths::in_directory(there.path()));
        let other = there.path().join("other.yaml");
        assert_eq!(StatePaths::at(&other), StatePaths::beside_file(&other));
        fs::create_dir(there.path().join("state.yaml.d")).unwrap();
        assert_eq!(StatePaths::at(&snapshot), StatePaths::beside_file(&snapshot));
    }

    #[test]
    fn metric_nexus_keeps_its_state_beside_its_configuration() {
        fn check(config: &str, expected: &str) {
            assert_eq!(metric_nexus_default(Path::new(config)), Path::new(expected));
        }
        check("/etc/nexus/config.yaml", "/etc/nexus/config.state.yaml");
        check("config.yml", "config.state.yaml");
        check("hub.config", "hub.config.state.yaml");
    }
}
