//! An amount that grows, for many threads.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Amount, Field};

/// An amount that grows.
#[derive(Debug, Default)]
pub(crate) struct AtomicAmount {
    api_requests: AtomicU64,
    egress_bytes: AtomicU64,
    ingress_bytes: AtomicU64,
}

impl AtomicAmount {
    /// Adds, saturating, where nobody else adds at the same time.
    #[inline]
    pub(super) fn add_alone(&self, amount: Amount) {
        for field in Field::ALL {
            let counter = self.field(field);
            counter.store(
                counter.load(Ordering::Relaxed).saturating_add(amount.get(field)),
                Ordering::Relaxed,
            );
        }
    }

    /// Adds, saturating.
    pub(crate) fn add(&self, amount: Amount) {
        for field in Field::ALL.into_iter().filter(|&field| amount.get(field) != 0) {
            let add = |old: u64| Some(old.saturating_add(amount.get(field)));
            // It cannot fail: the function always answers.
            let _ = self
                .field(field)
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    #[inline]
    pub(crate) fn read(&self) -> Amount {
        Amount::from_fn(|field| self.field(field).load(Ordering::Relaxed))
    }

    #[inline]
    fn field(&self, field: Field) -> &AtomicU64 {
        match field {
            Field::ApiRequests => &self.api_requests,
            Field::EgressBytes => &self.egress_bytes,
            Field::IngressBytes => &self.ingress_bytes,
        }
    }
}
