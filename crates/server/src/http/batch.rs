use axum::{Extension, Json, body::Body, extract::State, http::HeaderMap};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, Caller, body, error::Problem, submit};
use crate::{auth::Scope, ingest::batch};

/// A write that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Written {
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
    responses((status = 200, body = Written), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn batch(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Written>, Problem> {
    caller.has(Scope::Write)?;
    let bytes = body::read(&headers, body, &api.config.limits).await?;
    let changes = batch::parse(&bytes, api.config.limits.changes_per_request_max)?;
    let count = changes.len();
    let applied = submit::all(&api, &caller, changes).await?;
    Ok(Json(Written {
        changes: count,
        created: applied.created,
        deleted: applied.deleted,
    }))
}
