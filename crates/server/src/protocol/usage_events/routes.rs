//! Receives events.

use axum::{Extension, Json, extract::State, http::header::CONTENT_TYPE};
use nexus_usage_log::{
    EventOutcome, Time,
    ingest::{Limits, Origin, events},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Scope,
    http::{AppState, Problem, Unread, admitted},
    intake::Intake,
    serve::Exchange,
};

/// What curl says of a body if it is told nothing.
pub(super) const UNSAID: &str = "application/x-www-form-urlencoded";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(events))
}

/// What became of the events of a request.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Received {
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
    fn count(&mut self, fate: EventOutcome) {
        self.events += 1;
        *match fate {
            EventOutcome::Stored => &mut self.stored,
            EventOutcome::Duplicate => &mut self.duplicate,
            EventOutcome::Quarantined => &mut self.quarantined,
            EventOutcome::Conflict => &mut self.conflict,
            EventOutcome::TooOld => &mut self.too_old,
            EventOutcome::Refused => &mut self.refused,
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
async fn events(
    State(intake): State<Intake>,
    Extension(exchange): Extension<Exchange>,
    body: Unread,
) -> Result<Json<Received>, Problem> {
    let admitted = admitted(&exchange)?;
    let caller = admitted.principal();
    caller.has(Scope::Write)?;
    if !intake.usage_log.is_enabled() {
        return Err(Problem::no_usage_log());
    }
    let kind = body.headers.get(CONTENT_TYPE).cloned();
    let kind = kind.as_ref().and_then(|kind| kind.to_str().ok());
    let kind = kind.filter(|kind| *kind != UNSAID);
    let body = body.read().await?;
    let origin = Origin {
        scope: caller.name.clone(),
        ..Origin::default()
    };
    let events = events::parse(&body, kind, &origin, &Limits::default(), Time::now())?;
    let mut received = Received::default();
    for fate in intake.store_events(admitted, events).await? {
        received.count(fate);
    }
    Ok(Json(received))
}
