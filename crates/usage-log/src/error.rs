//! Why a log cannot be opened, or events are not stored.

/// Why events are not stored. They may be offered again, as often as it takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many events wait already. Try again in a moment.
    #[error("{0} events wait to be stored, no more can: try again")]
    Busy(usize),
    /// The sink does not store now. Whether it stored these events is not known; offering them again is safe.
    #[error("the usage log cannot store now: {0}")]
    Unavailable(String),
    /// One of them, by its place in the list, is larger than a record may be. None is stored, and none ever will be with it.
    #[error("event {0} is larger than a record may be (record_bytes_max)")]
    TooLarge(usize),
    /// The log is closed.
    #[error("the usage log is closed")]
    Closed,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The directory of the spool cannot be used, or another process uses it.
    #[error("cannot open the spool of the usage log in {0}")]
    Spool(String, #[source] std::io::Error),
    /// There is no chance to be had for a writer's id.
    #[error("cannot make an id for the writer")]
    Random(#[source] getrandom::Error),
    /// There is no thread to be had.
    #[error("cannot start a thread for the usage log")]
    Thread(#[source] std::io::Error),
}
