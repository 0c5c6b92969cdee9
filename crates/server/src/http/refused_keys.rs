//! Requests whose key does not count: told to the operator, who has one worker among hundreds with an old key, without letting
//! strangers fill log or disk.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{extract::Request, http::StatusCode};
use nexus_usage_log::{Amounts, Clock, Dimensions, Outcome, Record};
use tokio::time::Instant;

use super::authenticate::route;
use crate::{
    serve::{Exchange, LogThrottle},
    usage_log::UsageLogHandle,
};

/// So many of them are in the usage log, of each second.
const RECORDS_PER_SECOND_MAX: u32 = 100;

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct RefusedKeys {
    count: AtomicU64,
    said: LogThrottle,
    recorded: Mutex<Recorded>,
}

/// How many records there are of a second.
#[derive(Debug, Default)]
struct Recorded {
    since: Option<Instant>,
    records: u32,
}

impl RefusedKeys {
    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// One more, and why; into the usage log as a call by nobody, with the client's address.
    pub(super) fn note(&self, request: &Request, why: &str, log: &UsageLogHandle) {
        self.count.fetch_add(1, Relaxed);
        let peer = request.extensions().get::<Exchange>().map(Exchange::peer);
        let client = peer.map_or_else(String::new, |peer| {
            peer.ip()
                .map_or_else(|| peer.to_string(), |address| address.to_string())
        });
        let (method, route) = (super::accounting::known(request.method()), route(request));
        if let Some(unsaid) = self.said.now() {
            tracing::warn!(client, method, route, why, unsaid, "a request was refused for its key");
        }
        if !self.may_record() {
            return;
        }
        log.record(|| Record {
            ended_at: Clock::default().now(),
            dimensions: Dimensions {
                service: log.intern("hub"),
                route: log.intern(route),
                client: client.into(),
                method: log.intern(method),
                status: StatusCode::UNAUTHORIZED.as_u16(),
                outcome: Outcome::Complete,
                ..Dimensions::default()
            },
            amounts: Amounts {
                calls: 1,
                ..Amounts::default()
            },
        });
    }

    fn may_record(&self) -> bool {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if recorded.since.is_none_or(|since| now - since >= Duration::from_secs(1)) {
            *recorded = Recorded {
                since: Some(now),
                records: 0,
            };
        }
        recorded.records += 1;
        recorded.records <= RECORDS_PER_SECOND_MAX
    }
}
