use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use tokio::time::Instant;

use super::{Exchange, Note, Shared, Wire, request_head_bytes, response_head_bytes};
use crate::{Amounts, Dimensions, Outcome, Record};

/// What is counted for one request.
#[derive(Debug)]
pub(super) struct Meter {
    shared: Arc<Shared>,
    note: Note,
    wire: Option<Wire>,
    method: Arc<str>,
    is_head: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Since the last slice.
    amounts: Amounts,
    since: Instant,
    /// In slices.
    sliced: Amounts,
    status: u16,
    has_ended: bool,
}

impl Meter {
    pub(super) fn begin<B>(shared: Arc<Shared>, request: &mut Request<B>) -> Arc<Self> {
        let note = request.extensions_mut().get_or_insert_default::<Note>().clone();
        let amounts = Amounts {
            bytes_in: request_head_bytes(request),
            ..Amounts::default()
        };
        Arc::new(Meter {
            method: shared.method(request.method()),
            is_head: request.method() == Method::HEAD,
            wire: request.extensions().get::<Wire>().cloned(),
            shared,
            note,
            state: Mutex::new(State {
                amounts,
                since: Instant::now(),
                sliced: Amounts::default(),
                status: 0,
                has_ended: false,
            }),
        })
    }

    /// The response's head is there. Says how many bytes its body must have, if that is known.
    pub(super) fn answered<B: http_body::Body>(&self, response: &Response<B>) -> Option<u64> {
        let status = response.status();
        let mut state = self.lock();
        state.status = status.as_u16();
        state.amounts.bytes_out += response_head_bytes(response);
        let has_body = !self.is_head
            && !status.is_informational()
            && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !has_body {
            return Some(0);
        }
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        length.or_else(|| response.body().size_hint().exact())
    }

    /// Bytes of the request's body came.
    pub(super) fn came(&self, bytes: u64) {
        let mut state = self.lock();
        state.amounts.bytes_in += bytes;
        state.amounts.body_bytes_in += bytes;
        self.slice(state);
    }

    /// Bytes of the response's body go.
    pub(super) fn went(&self, bytes: u64) {
        let mut state = self.lock();
        state.amounts.bytes_out += bytes;
        state.amounts.body_bytes += bytes;
        self.slice(state);
    }

    /// Writes the last record; only the first time.
    pub(super) fn end(&self, outcome: Outcome) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.has_ended, true) {
            return;
        }
        if outcome == Outcome::Error && state.status == 0 {
            state.status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
        }
        let sliced = state.sliced;
        state.amounts.calls = 1;
        let record = self.take(&mut state, outcome);
        drop(state);
        let exchange = Exchange::new(self.shared.log.clone(), record, sliced);
        match &self.wire {
            Some(wire) => wire.0.ended(exchange),
            None => drop(exchange),
        }
    }

    fn slice(&self, mut state: MutexGuard<'_, State>) {
        if state.since.elapsed() < self.shared.settings.slice_interval || state.has_ended {
            return;
        }
        let record = self.take(&mut state, Outcome::Ongoing);
        state.sliced += record.amounts;
        drop(state);
        self.shared.log.record(record);
    }

    /// A record of what was counted since the last one.
    fn take(&self, state: &mut State, outcome: Outcome) -> Record {
        let mut amounts = std::mem::take(&mut state.amounts);
        let now = Instant::now();
        let spent = now.duration_since(std::mem::replace(&mut state.since, now));
        amounts.duration_ns = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        let details = self.note.read();
        let settings = &self.shared.settings;
        let is_named = !details.service.is_empty();
        Record {
            ended_at: settings.clock.now(),
            dimensions: Dimensions {
                key: details.key,
                tenant: details.tenant,
                service: if is_named {
                    details.service
                } else {
                    settings.service.clone()
                },
                route: details.route,
                client: details.client,
                method: self.method.clone(),
                status: state.status,
                outcome,
                source: settings.source.clone(),
                labels: details.labels,
            },
            amounts,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a request when it is dropped: what is dropped before its end was given up by the peer, unless the service panicked.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) meter: Arc<Meter>,
    /// Whether all there was to hand over was.
    pub(super) is_complete: bool,
    /// Whether the service is running: a panic in it leaves this behind, also where it is caught further outside.
    is_inside: bool,
}

impl Ending {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Ending {
            meter,
            is_complete: false,
            is_inside: false,
        }
    }

    /// Runs a step of the service.
    pub(super) fn inside<T>(&mut self, step: impl FnOnce() -> T) -> T {
        self.is_inside = true;
        let result = step();
        self.is_inside = false;
        result
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.meter.end(match (self.is_inside, self.is_complete) {
            (true, _) => Outcome::Error,
            (false, true) => Outcome::Complete,
            (false, false) => Outcome::Aborted,
        });
    }
}
