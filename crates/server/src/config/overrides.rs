//! What is said beside the file, by whoever starts the hub: the flags, as they were typed.

use std::path::PathBuf;

/// Settings that win over the environment and the file. [`super::Config::find_and_load`] gives them their meaning, so that all
/// errors are reported at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Overrides {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// Where to listen; as the configuration says if there is none.
    pub(crate) listen: Vec<String>,
    /// What others call the hub; as the configuration says if there is none.
    pub(crate) names: Vec<String>,
    /// The state directory, or metric-nexus's state file.
    pub(crate) state: Option<PathBuf>,
    /// What an acknowledged write survives.
    pub(crate) durability: Option<String>,
    /// Without TLS.
    pub(crate) plain_http: bool,
}
