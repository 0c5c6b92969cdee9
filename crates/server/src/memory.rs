//! The memory that requests under way hold, for all keys and for each: bodies that are still coming, answers that are taken
//! slowly.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use foldhash::fast::RandomState;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::own_metrics::{OwnFamily, counters, gauge, whole};

/// How much there may be of it: settings under `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryLimits {
    pub(crate) requests_bytes_max: usize,
    pub(crate) requests_per_key_bytes_max: usize,
}

/// Who holds how much. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RequestMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: MemoryLimits,
    used: Mutex<Used>,
    refused: AtomicU64,
    refused_by_key: AtomicU64,
}

#[derive(Debug, Default)]
struct Used {
    bytes: usize,
    by_key: HashMap<Arc<str>, usize, RandomState>,
}

/// Why no more may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutOfMemory {
    /// By this key.
    #[error(
        "the key's requests that are under way would take more than {0} bytes (limits.requests_per_key_bytes_max): \
         finish some first"
    )]
    Key(usize),
    /// By all.
    #[error("the requests that are under way would take more than {0} bytes (limits.requests_bytes_max): try again")]
    All(usize),
}

/// What one request holds, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    memory: RequestMemory,
    key: Arc<str>,
    bytes: usize,
}

impl RequestMemory {
    pub(crate) fn new(limits: MemoryLimits) -> Self {
        RequestMemory(Arc::new(Shared {
            limits,
            used: Mutex::default(),
            refused: AtomicU64::new(0),
            refused_by_key: AtomicU64::new(0),
        }))
    }

    /// Nothing yet, for a request by this key.
    pub(crate) fn hold(&self, key: &Arc<str>) -> Held {
        Held {
            memory: self.clone(),
            key: Arc::clone(key),
            bytes: 0,
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, key: &Arc<str>, bytes: usize) -> Result<(), OutOfMemory> {
        let MemoryLimits {
            requests_bytes_max: max,
            requests_per_key_bytes_max: per_key_max,
        } = self.0.limits;
        let mut used = self.used();
        let by_key = used.by_key.get(key).copied().unwrap_or(0).saturating_add(bytes);
        if by_key > per_key_max {
            self.0.refused_by_key.fetch_add(1, Relaxed);
            return Err(OutOfMemory::Key(per_key_max));
        }
        let all = used.bytes.saturating_add(bytes);
        if all > max {
            self.0.refused.fetch_add(1, Relaxed);
            return Err(OutOfMemory::All(max));
        }
        used.bytes = all;
        used.by_key.insert(Arc::clone(key), by_key);
        Ok(())
    }

    fn give_back(&self, key: &Arc<str>, bytes: usize) {
        let mut used = self.used();
        used.bytes = used.bytes.saturating_sub(bytes);
        if let Some(by_key) = used.by_key.get_mut(key) {
            *by_key = by_key.saturating_sub(bytes);
            if *by_key == 0 {
                used.by_key.remove(key);
            }
        }
    }

    /// What is held, and what was refused.
    pub(crate) fn families(&self) -> Vec<OwnFamily> {
        vec![
            gauge(
                "metric_nexus_requests_held_bytes",
                "Memory of bodies and answers that are under way (limits.requests_bytes_max).",
                &[],
                whole(self.used().bytes as u64),
            ),
            counters(
                "metric_nexus_requests_out_of_memory_total",
                "Requests refused since those under way took as much memory as they may, by limit.",
                "limit",
                [
                    ("requests_bytes_max", self.0.refused.load(Relaxed)),
                    ("requests_per_key_bytes_max", self.0.refused_by_key.load(Relaxed)),
                ],
            ),
        ]
    }
}

impl Held {
    /// Holds so many bytes more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        self.memory.take(&self.key, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Holds so many in all, if it holds less.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        match bytes.checked_sub(self.bytes) {
            None | Some(0) => Ok(()),
            Some(more) => self.grow(more),
        }
    }

    /// A body that holds it until its end.
    pub(crate) fn until_the_end_of(self, body: Body) -> Body {
        Body::new(HeldBody {
            inner: body,
            _held: self,
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.memory.give_back(&self.key, self.bytes);
        }
    }
}

/// A body that holds memory until its end.
struct HeldBody {
    inner: Body,
    _held: Held,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_its_share_and_no_more_and_gives_it_back() {
        let memory = RequestMemory::new(MemoryLimits {
            requests_bytes_max: 100,
            requests_per_key_bytes_max: 60,
        });
        let [one, other] = ["one", "other"].map(Arc::<str>::from);
        let mut first = memory.hold(&one);
        assert_eq!(first.grow(50), Ok(()));
        assert_eq!(memory.hold(&one).grow(20), Err(OutOfMemory::Key(60)));
        assert_eq!(first.grow_to(60), Ok(()));
        assert_eq!(first.grow_to(10), Ok(()));
        let mut second = memory.hold(&other);
        assert_eq!(second.grow(50), Err(OutOfMemory::All(100)));
        assert_eq!(second.grow(40), Ok(()));
        drop(first);
        assert_eq!(second.grow(20), Ok(()));
        drop(second);
        let used = memory.used();
        assert_eq!((used.bytes, used.by_key.len()), (0, 0));
    }
}
