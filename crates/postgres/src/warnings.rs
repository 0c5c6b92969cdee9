//! What a server says beside its answers.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio_postgres::error::{DbError, Severity};

/// The warnings of one connection. A statement's warnings are counted before its answer is there. Cheap to clone; all clones
/// are one.
#[derive(Debug, Clone, Default)]
pub struct Warnings {
    shared: Arc<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    count: AtomicU64,
    last: Mutex<String>,
}

impl Warnings {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shared.count.load(Ordering::Acquire)
    }

    /// The last one, if there were more than so many: whether there was any since they were counted.
    #[must_use]
    pub fn since(&self, count: u64) -> Option<String> {
        let last = || self.shared.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.count() > count).then(last)
    }

    pub(crate) fn note(&self, notice: &DbError) {
        let (code, message) = (notice.code().code(), notice.message());
        let detail = notice.detail().unwrap_or_default();
        if notice.parsed_severity() != Some(Severity::Warning) {
            tracing::debug!(code, message, detail, "PostgreSQL says");
            return;
        }
        tracing::warn!(code, message, detail, "PostgreSQL warns");
        *self.shared.last.lock().unwrap_or_else(PoisonError::into_inner) = format!("{code}: {message}");
        self.shared.count.fetch_add(1, Ordering::Release);
    }
}
