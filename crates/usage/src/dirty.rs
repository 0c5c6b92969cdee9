//! What is to be looked at, of many.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// Those that were marked since they were last taken.
#[derive(Debug)]
pub(crate) struct DirtyList<T> {
    marked: Mutex<Vec<Weak<T>>>,
    any: Notify,
}

impl<T> Default for DirtyList<T> {
    fn default() -> Self {
        DirtyList {
            marked: Mutex::default(),
            any: Notify::new(),
        }
    }
}

impl<T> DirtyList<T> {
    pub(crate) fn mark(&self, item: &Arc<T>) {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        marked.push(Arc::downgrade(item));
        drop(marked);
        self.any.notify_one();
    }

    /// Waits until something was marked.
    pub(crate) async fn any(&self) {
        self.any.notified().await;
    }

    /// Those that are still there.
    pub(crate) fn take(&self) -> Vec<Arc<T>> {
        let marked = std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner));
        marked.iter().filter_map(Weak::upgrade).collect()
    }
}
