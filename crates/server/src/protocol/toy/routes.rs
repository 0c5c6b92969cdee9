//! Takes strokes.

use axum::extract::{Path, State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::parse;
use crate::{
    http::{AppState, Problem, WriteRequest},
    intake::Intake,
};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(stroke))
}

/// Adds strokes to a counter.
#[utoipa::path(post, path = "/toy/{counter}", tag = "toy", responses((status = 200)))]
async fn stroke(
    State(intake): State<Intake>,
    Path(counter): Path<String>,
    request: WriteRequest,
) -> Result<&'static str, Problem> {
    let body = String::from_utf8_lossy(&request.body);
    let change = parse::parse(&counter, &body)?;
    request.submit_one(&intake, change).await?;
    Ok("|")
}
