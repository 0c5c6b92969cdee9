//! Takes batches.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::parse;
use crate::{
    config::Config,
    http::{AppState, ItemProblem, Problem, WriteRequest, replayed},
    intake::Intake,
    write::{Applied, Mode},
};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(batch))
}

/// A write that happened.
#[derive(Debug, Serialize, ToSchema)]
struct Done {
    /// How many changes happened.
    changes: u64,
    /// How many series came into being.
    created: u64,
    /// How many series went away.
    deleted: u64,
    /// Where changes may happen without others, how many were refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<u64>,
    /// The first of those that were refused, and why. The answer to a repeat has forgotten them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ItemProblem>,
}

/// Many changes at once, all or none, or each that can be: a JSON array, or one object a line.
#[utoipa::path(
    post, path = "/api/v1/batch", tag = "json",
    params(("mode" = Option<String>, Query, description = "all (default): they happen all or not at all; each: those that can be happen, the others are named")),
    request_body(description = "`[{\"op\": \"add\", \"metric\": \"jobs_total\", \"labels\": {\"queue\": \"mail\"}, \"value\": 4, \"type\": \"counter\"}, …]`; \
        op is one of create, set, add, sub, inc, dec, observe, merge, delete", content_type = "application/json", content = Vec<serde_json::Value>),
    responses((status = 200, body = Done), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn batch(
    State(intake): State<Intake>,
    State(config): State<Arc<Config>>,
    request: WriteRequest,
) -> Result<impl IntoResponse, Problem> {
    let mode = mode(&request.uri)?;
    let changes = parse::parse(&request.body, config.limits.changes_per_request_max)?;
    let written = request.submit(&intake, mode, changes).await?;
    let Applied {
        changes,
        refused,
        created,
        deleted,
        ..
    } = written.applied;
    let done = Done {
        changes,
        created,
        deleted,
        refused: (mode == Mode::Each).then_some(refused),
        errors: written.refused.iter().map(ItemProblem::from).collect(),
    };
    Ok((replayed(&written), Json(done)))
}

/// What becomes of the good changes if others are refused.
fn mode(uri: &Uri) -> Result<Mode, Problem> {
    let query = uri.query().unwrap_or_default().as_bytes();
    let mut modes = form_urlencoded::parse(query).filter(|(name, _)| name == "mode");
    match (modes.next().as_ref().map(|(_, mode)| &**mode), modes.next()) {
        (None | Some("all"), None) => Ok(Mode::All),
        (Some("each"), None) => Ok(Mode::Each),
        (Some(other), None) => Err(Problem::bad_request(format!("mode {other:?} is neither all nor each"))),
        (_, Some(_)) => Err(Problem::bad_request("parameter mode is given more than once")),
    }
}
