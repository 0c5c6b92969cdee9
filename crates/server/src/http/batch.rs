use axum::{Json, extract::State, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    error::Problem,
    write_request::{WriteRequest, replayed},
};
use crate::{ingest::batch, write::Applied};

/// A write that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
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
pub(super) async fn batch(State(api): State<Api>, request: WriteRequest) -> Result<impl IntoResponse, Problem> {
    let changes = batch::parse(&request.body, api.config.limits.changes_per_request_max)?;
    let count = changes.len();
    let written = request.submit(&api, changes).await?;
    let Applied { created, deleted, .. } = written.applied;
    Ok((
        replayed(&written),
        Json(Done {
            changes: count,
            created,
            deleted,
        }),
    ))
}
