//! What the gateway keeps of each key: how often and how fast it may go, and how much it may use.

use std::{sync::Arc, time::Duration};

use nexus_throttle::{Direction, Limiter, RequestRate};
use nexus_usage::{Amount, Limits, Mode, Refusal, Reservation, Subject, Usage, UsageHandle};

use crate::keys::KeySettings;

/// The account of one key.
pub(crate) struct Account {
    pub(crate) name: Arc<str>,
    pub(crate) tenant: Arc<str>,
    requests: Option<RequestRate>,
    /// Counts by the month.
    pub(crate) usage: UsageHandle,
    /// The key's node in the tree of bandwidth, below that of the whole gateway.
    pub(crate) node: Limiter,
}

/// What is held for a request until it is known how much it used: each body settles its own.
pub(crate) struct Admitted {
    /// The request itself, and its body.
    pub(crate) received: Reservation,
    /// The body of the answer.
    pub(crate) sent: Reservation,
}

/// Why a request may not go on.
pub(crate) enum Refused {
    /// There were too many just now.
    TooFast(Duration),
    /// A monthly limit is used up.
    UsedUp(Refusal),
}

impl Account {
    pub(crate) fn open(key: &KeySettings, usage: &Usage, server: &Limiter) -> anyhow::Result<Self> {
        let limits = Limits {
            api_requests: key.monthly.requests,
            egress_bytes: key.monthly.egress_bytes,
            ingress_bytes: key.monthly.ingress_bytes,
        };
        let node = server.named_child(&*key.name);
        for direction in Direction::BOTH {
            node.set_limits(direction, key.bandwidth.into());
            node.set_child_limits(direction, key.connection_bandwidth.into());
        }
        Ok(Account {
            name: (*key.name).into(),
            tenant: (*key.tenant).into(),
            requests: key.requests_per_second.map(RequestRate::per_second),
            usage: usage.register(&Subject::new(&key.name)?, Mode::Exact, limits)?,
            node,
        })
    }

    /// Asks for one request. Of a body that does not say its length, and of every answer, one byte must be left: to begin what is
    /// refused at its first byte is in vain.
    pub(crate) async fn admit(&self, announced: Option<u64>) -> Result<Admitted, Refused> {
        if let Some(requests) = &self.requests {
            requests.take().map_err(Refused::TooFast)?;
        }
        let received = Amount::request(0, announced.unwrap_or(1));
        Ok(Admitted {
            received: self.usage.admit(received).await.map_err(Refused::UsedUp)?,
            sent: self
                .usage
                .admit(Amount {
                    egress_bytes: 1,
                    ..Amount::ZERO
                })
                .await
                .map_err(Refused::UsedUp)?,
        })
    }
}
