//! Receives events.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, header::CONTENT_TYPE},
};
use nexus_usage_log::{
    EventOutcome, Time,
    ingest::{Origin, events},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    config::Config,
    http::{AppState, Problem, Unread, admitted},
    intake::Intake,
    serve::Exchange,
    usage_log::OWN_SERVICE,
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

/// Usage of other services: a JSON array, one object a line, or CloudEvents, also one whose attributes are `ce-` header fields. Answered
/// when they are stored; the same ids again count once, for 40 days at least.
///
/// Fields: `id` (needed, with `source` as its name space), `time` (of the end; RFC 3339, Unix seconds or milliseconds), `key`, `tenant`, `service`, `route`,
/// `client`, `method`, `status`, `outcome` (`complete`, `aborted`, `error`, `ongoing`), `calls` (1), `bytes_in`, `bytes_out`, `body_bytes_in`, `body_bytes`, `duration_seconds`,
/// `labels` (an object). Names of NGINX's variables are known, too: `bytes` and `bytes_sent` are `bytes_out`. Anything else is a label, but for
/// what is nearly a field (`bytes_outt`) or seems to be an amount (`size`): 400, with the field's name.
///
/// A key with the scope `write` reports its own usage: `key` may be left out. That of others, and `tenant`, need the scope `usage`, or `write` and `admin`.
/// The sender's name is kept as `source`, and a `source` of an event as a label. The service `hub` is the hub's own.
#[utoipa::path(
    post, path = "/api/v1/usage/events", tag = "usage",
    request_body(description = "`{\"id\": \"7f01\", \"key\": \"acme\", \"service\": \"tiles\", \"status\": 200, \"bytes_in\": 310, \"bytes_out\": 1244, \
        \"time\": \"2026-11-01T12:00:00Z\"}`", content_type = "application/x-ndjson", content = Vec<serde_json::Value>),
    responses((status = 200, body = Received), (status = "4XX", body = Problem, content_type = "application/problem+json"), (status = 503, body = Problem))
)]
async fn events(
    State(intake): State<Intake>,
    State(config): State<Arc<Config>>,
    Extension(exchange): Extension<Exchange>,
    body: Unread,
) -> Result<Json<Received>, Problem> {
    let admitted = admitted(&exchange)?;
    let caller = admitted.principal();
    caller.may_report()?;
    if !intake.usage_log.is_enabled() {
        return Err(Problem::no_usage_log());
    }
    let headers = body.headers.clone();
    let body = body.read().await?;
    let origin = Origin {
        scope: caller.name.clone(),
        sender: caller.name.clone(),
        reserved_service: OWN_SERVICE.into(),
        ..Origin::default()
    };
    let limits = &config.usage_log.limits;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let attributes = attributes(&headers);
    // By CloudEvents, a type that says so counts before header fields.
    let is_structured = kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/cloudevents"));
    let events = if attributes.is_empty() || is_structured {
        events::parse(&body, kind.filter(|kind| *kind != UNSAID), &origin, limits, Time::now())?
    } else {
        events::parse_cloud_event(attributes, &body, &origin, limits, Time::now())?
    };
    let mut received = Received::default();
    for fate in intake.store_events(admitted, events).await? {
        received.count(fate);
    }
    Ok(Json(received))
}

/// The attributes of a CloudEvent in its binary mode: header fields that begin with `ce-`.
fn attributes(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let attribute = |(name, value)| -> Option<(&str, &str)> {
        let (name, value): (&axum::http::HeaderName, &axum::http::HeaderValue) = (name, value);
        Some((name.as_str().strip_prefix("ce-")?, value.to_str().ok()?))
    };
    headers.iter().filter_map(attribute).collect()
}
