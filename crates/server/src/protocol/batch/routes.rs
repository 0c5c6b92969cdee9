//! Takes batches.

use std::sync::Arc;

use axum::{Json, extract::State, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::parse;
use crate::{
    config::Config,
    http::{AppState, Intake, Problem, WriteRequest},
    write::Applied,
};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(batch))
}

/// A write that happened.
#[derive(Debug, Serialize, ToSchema)]
struct Done {
    /// How many changes it had.
    changes: usize,
    /// How many series came into being.
    created: u64,
    /// How many series went away.
    deleted: u64,
}

/// Many changes at once, all or none: a JSON array, or one object a line.
#[utoipa::path(
    post, path = "/api/v1/batch", tag = "json",
    request_body(description = "`[{\"op\": \"add\", \"metric\": \"jobs_total\", \"labels\": {\"queue\": \"mail\"}, \"value\": 4, \"type\": \"counter\"}, …]`; \
        op is one of create, set, add, sub, inc, dec, observe, merge, delete", content_type = "application/json", content = Vec<serde_json::Value>),
    responses((status = 200, body = Done), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn batch(
    State(intake): State<Intake>,
    State(config): State<Arc<Config>>,
    request: WriteRequest,
) -> Result<impl IntoResponse, Problem> {
    let changes = parse::parse(&request.body, config.limits.changes_per_request_max)?;
    let count = changes.len();
    let written = intake.all(&request, changes).await?;
    let Applied { created, deleted, .. } = written.applied;
    Ok((
        written.header(),
        Json(Done {
            changes: count,
            created,
            deleted,
        }),
    ))
}
