//! What the hub keeps of each API key while it runs: how fast it may go, and how much it may use.

mod request_rate;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

pub(crate) use request_rate::TooFast;

use nexus_usage::{Amount, Refusal, Reservation, UsageHandle};

use crate::{
    bandwidth::{Bandwidth, KeyBandwidth},
    config::KeyLimits,
    metering::{Metering, monthly},
    own_metrics::{OwnFamily, counter},
};
use request_rate::RequestRate;

/// The accounts of all keys. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bandwidth: Bandwidth,
    metering: Metering,
    state: RwLock<State>,
    unfinished: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    limits: BTreeMap<String, KeyLimits>,
    accounts: HashMap<Arc<str>, Arc<Account>, foldhash::fast::RandomState>,
}

/// The account of one key.
#[derive(Debug)]
pub(crate) struct Account {
    requests: RequestRate,
    bandwidth: KeyBandwidth,
    /// None if there are more keys than can be counted, which is in the log.
    usage: Option<UsageHandle>,
    unfinished: Arc<AtomicU64>,
}

/// Why a request may not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// There were too many just now.
    #[error("{0}")]
    TooFast(TooFast),
    /// A monthly limit is used up.
    #[error("{0}")]
    UsedUp(Refusal),
}

impl Accounts {
    pub(crate) fn new(bandwidth: Bandwidth, metering: Metering, limits: BTreeMap<String, KeyLimits>) -> Self {
        Accounts {
            shared: Arc::new(Shared {
                bandwidth,
                metering,
                state: RwLock::new(State {
                    limits,
                    ..State::default()
                }),
                unfinished: Arc::default(),
            }),
        }
    }

    /// The account of the key of this name. Keys are few, and an account stays when its key is revoked: what it used is known
    /// until the hub ends.
    pub(crate) fn of(&self, key: &Arc<str>) -> Arc<Account> {
        let found = {
            let state = self.shared.state.read().unwrap_or_else(PoisonError::into_inner);
            state.accounts.get(key).cloned()
        };
        found.unwrap_or_else(|| self.open(key))
    }

    fn open(&self, key: &Arc<str>) -> Arc<Account> {
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { limits, accounts } = &mut *state;
        let account = accounts.entry(Arc::clone(key)).or_insert_with(|| {
            let limits = limits.get(&**key).copied().unwrap_or_default();
            let usage = self.shared.metering.register(key, limits);
            let usage = usage.inspect_err(|error| tracing::error!(%error, "the usage of a key is not counted"));
            let account = Account {
                requests: RequestRate::default(),
                bandwidth: self.shared.bandwidth.of_key(key),
                usage: usage.ok(),
                unfinished: Arc::clone(&self.shared.unfinished),
            };
            account.set(limits);
            Arc::new(account)
        });
        Arc::clone(account)
    }

    /// How many requests were charged whose end nobody told, which is a defect.
    pub(crate) fn family(&self) -> OwnFamily {
        counter(
            "metric_nexus_unfinished_requests_total",
            "Requests that were charged and logged although nobody told their end: each is a defect of the hub.",
            self.shared.unfinished.load(Relaxed),
        )
    }

    /// Sets the limits of every key; those that are not named have none.
    pub(crate) fn set_limits(&self, limits: &BTreeMap<String, KeyLimits>) {
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        for (name, account) in &state.accounts {
            account.set(limits.get(&**name).copied().unwrap_or_default());
        }
        state.limits = limits.clone();
    }

    /// Sets the limits of one key.
    pub(crate) fn set_limits_of(&self, key: &str, limits: KeyLimits) {
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = state.accounts.get(key) {
            account.set(limits);
        }
        state.limits.insert(key.to_owned(), limits);
    }
}

impl Account {
    fn set(&self, limits: KeyLimits) {
        self.requests.set(limits.requests_per_second);
        if let Some(usage) = &self.usage {
            usage.set_limits(monthly(limits));
        }
    }

    /// How fast its bytes may flow.
    pub(crate) fn bandwidth(&self) -> &KeyBandwidth {
        &self.bandwidth
    }

    /// Its usage.
    pub(crate) fn usage(&self) -> Option<&UsageHandle> {
        self.usage.as_ref()
    }

    /// Whether one more request may go on that uses so much, as far as that is known; what it then used is to be settled.
    pub(crate) async fn admit(&self, proposed: Amount) -> Result<Option<Reservation>, Refused> {
        self.requests.take().map_err(Refused::TooFast)?;
        match &self.usage {
            Some(usage) => usage.admit(proposed).await.map(Some).map_err(Refused::UsedUp),
            None => Ok(None),
        }
    }

    /// Whether one more request may go on that no monthly limit holds up; it is counted all the same.
    pub(crate) fn admit_exempt(&self) -> Result<Option<Reservation>, Refused> {
        self.requests.take().map_err(Refused::TooFast)?;
        Ok(self.exempt())
    }

    /// Lets a request go on that no limit at all holds up; it is counted all the same.
    pub(crate) fn exempt(&self) -> Option<Reservation> {
        self.usage.as_ref().map(UsageHandle::exempt)
    }

    /// A request was charged whose end nobody told.
    pub(crate) fn note_unfinished(&self) {
        self.unfinished.fetch_add(1, Relaxed);
    }
}
