use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header::CONTENT_TYPE},
};
use nexus_usage_log::{
    Stored, Time,
    ingest::{Limits, Origin, events},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, authenticate::admitted, body, error::Problem};
use crate::{auth::Scope, serve::Exchange};

/// What became of the events of a request.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Received {
    events: u64,
    /// They are in the usage log.
    stored: u64,
    /// They were before.
    duplicate: u64,
    /// They end in the future: kept apart.
    quarantined: u64,
    /// Something else is there under their ids, and stays.
    conflict: u64,
    /// They are older than the log can tell from a repeat.
    too_old: u64,
    /// They are larger than the log takes.
    refused: u64,
}

impl Received {
    fn count(&mut self, fate: Stored) {
        self.events += 1;
        *match fate {
            Stored::Stored => &mut self.stored,
            Stored::Duplicate => &mut self.duplicate,
            Stored::Quarantined => &mut self.quarantined,
            Stored::Conflict => &mut self.conflict,
            Stored::TooOld => &mut self.too_old,
            Stored::Refused => &mut self.refused,
        } += 1;
    }
}

/// Usage of other services: a JSON array, one object a line, or CloudEvents. Answered when they are stored; the same ids again
/// count once, for 40 days at least.
#[utoipa::path(
    post, path = "/api/v1/usage/events", tag = "usage",
    request_body(description = "`{\"id\": \"7f01\", \"key\": \"acme\", \"service\": \"tiles\", \"status\": 200, \"bytes_in\": 310, \"bytes_out\": 1244, \
        \"time\": \"2026-11-01T12:00:00Z\"}`; other fields are labels", content_type = "application/x-ndjson", content = Vec<serde_json::Value>),
    responses((status = 200, body = Received), (status = "4XX", body = Problem, content_type = "application/problem+json"), (status = 503, body = Problem))
)]
pub(super) async fn events(
    State(api): State<Api>,
    Extension(exchange): Extension<Exchange>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Received>, Problem> {
    let admitted = admitted(&exchange)?;
    let caller = admitted.principal();
    caller.has(Scope::Write)?;
    if !api.usage_log.is_enabled() {
        return Err(Problem::no_usage_log());
    }
    let body = body::read(&headers, body, &api.config.limits).await?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    // What curl says of a body if it is told nothing.
    let kind = kind.filter(|kind| *kind != "application/x-www-form-urlencoded");
    let origin = Origin {
        scope: caller.name.clone(),
        ..Origin::default()
    };
    let events = events::parse(&body, kind, &origin, &Limits::default(), Time::now())?;
    let mut received = Received::default();
    for fate in api.intake.store_events(admitted, events).await? {
        received.count(fate);
    }
    Ok(Json(received))
}
