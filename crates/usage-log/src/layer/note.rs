//! Who asks for what, said by whoever knows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Labels;

/// Where it is noted who asks for what. The layer looks for one in a request's extensions and puts one there if there is
/// none, so that whoever knows, outside of it or inside, can say so until the response ends. Clones are one note.
#[derive(Debug, Clone, Default)]
pub struct Note(Arc<Mutex<Details>>);

/// What a record says beside what the layer sees for itself. An empty text is *not known*.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// The API key's name.
    pub key: Arc<str>,
    /// Whom the key belongs to.
    pub tenant: Arc<str>,
    /// Which service answers.
    pub service: Arc<str>,
    /// Which of its routes: a pattern, not a path.
    pub route: Arc<str>,
    /// Which client asks.
    pub client: Arc<str>,
    /// More values.
    pub labels: Labels,
}

impl Note {
    /// Notes something.
    pub fn change(&self, change: impl FnOnce(&mut Details)) {
        change(&mut self.lock());
    }

    /// What is noted.
    pub(super) fn read(&self) -> Details {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Details> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
