//! When a request that passes the layer has ended.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};

use super::{Note, PendingRecord, Shared, Wire, recorder::NotedRequest, request_head_bytes, response_head_bytes};
use crate::Outcome;

/// Ends a request at the end of its response, or when it is dropped: what is dropped before its end was given up by the
/// peer, unless the service panicked. A server tells a layer of the end in no other way.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) record: Arc<PendingRecord>,
    wire: Option<Wire>,
    is_head: bool,
    /// Whether all there was to hand over was.
    pub(super) is_complete: bool,
    /// Whether the service is running: a panic in it leaves this behind, also where it is caught further outside.
    is_inside: bool,
}

impl Ending {
    /// Of a request that begins.
    pub(super) fn of<B>(shared: Arc<Shared>, request: &mut Request<B>) -> Self {
        let (clock, slice_interval) = (shared.settings.clock.clone(), shared.settings.slice_interval);
        let recorder = NotedRequest {
            note: request.extensions_mut().get_or_insert_default::<Note>().clone(),
            method: shared.method(request.method()),
            shared,
        };
        let record = PendingRecord::begin(recorder, clock, slice_interval);
        record.received_head(request_head_bytes(request));
        Ending {
            record: Arc::new(record),
            wire: request.extensions().get::<Wire>().cloned(),
            is_head: request.method() == Method::HEAD,
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

    /// The response's head is there. Says how many bytes its body must have, if that is known.
    pub(super) fn answered<B: http_body::Body>(&self, response: &Response<B>) -> Option<u64> {
        let status = response.status();
        self.record.answered(status.as_u16(), response_head_bytes(response));
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

    /// The response has ended; only the first call counts.
    pub(super) fn end(&self, outcome: Outcome) {
        if outcome == Outcome::Error && self.record.status() == 0 {
            self.record.answered(StatusCode::INTERNAL_SERVER_ERROR.as_u16(), 0);
        }
        if !self.record.end(outcome) {
            return;
        }
        match &self.wire {
            Some(wire) => wire.0.ended(self.record.clone()),
            None => self.record.finish(None),
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end(match (self.is_inside, self.is_complete) {
            (true, _) => Outcome::Error,
            (false, true) => Outcome::Complete,
            (false, false) => Outcome::Aborted,
        });
    }
}
