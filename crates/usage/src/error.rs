//! Why usage cannot be opened, or a subject not be counted.

use crate::{LedgerError, Mode, SettingsMistake, Subject, WriterIdError};

/// Usage could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The settings are wrong; these are all the mistakes.
    #[error("the settings of usage are wrong: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingsMistake>),
    /// There is no name for this process.
    #[error(transparent)]
    WriterId(#[from] WriterIdError),
    /// The checkpoints cannot be used.
    #[error("the checkpoints cannot be used")]
    Checkpoints(#[source] LedgerError),
    /// The shared ledger cannot be reached, and it is required.
    #[error("the shared ledger cannot be used, and it is required at the start")]
    SharedLedger(#[source] LedgerError),
}

/// A subject cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// There are as many as may be.
    #[error("there are {subjects_max} subjects already: subjects_max")]
    TooMany {
        /// How many may be.
        subjects_max: usize,
    },
    /// It is there in another mode, which does not change while a process runs.
    #[error("the subject {subject} is counted in the mode {mode:?} until the process ends")]
    OtherMode {
        /// Which one.
        subject: Subject,
        /// Its mode.
        mode: Mode,
    },
}

/// No subject has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no subject {name:?}")]
pub struct UnknownSubject {
    pub(crate) name: String,
}
