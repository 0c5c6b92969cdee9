//! How the hub is doing.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{StartedMs, error::Problem};
use crate::{
    auth::{Principal, Scope},
    clients::Clients,
    clock::now_ms,
    config::{Config, memory_bytes},
    store::Store,
};

/// How the hub is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    version: &'static str,
    /// Milliseconds since 1970.
    started_ms: u64,
    durability: String,
    /// Why no writes are taken, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only: Option<String>,
    families: usize,
    series: u64,
    /// Series that the calling key owns.
    own_series: u64,
    clients: usize,
    /// The sequence of the last change.
    sequence: u64,
    journal_bytes: u64,
    /// The position in the journal that the last snapshot stands for.
    snapshot_sequence: u64,
    /// Milliseconds since 1970; 0 if there was none since the start.
    snapshot_at_ms: u64,
    /// What the series take of memory, about, and may take (`limits.series_bytes_max`).
    series_bytes: u64,
    series_bytes_max: u64,
    /// What those of one key may take (`limits.series_per_key_bytes_max`).
    series_per_key_bytes_max: u64,
    /// What bodies and answers under way may take, of all keys and of one (`limits.requests_bytes_max`,
    /// `limits.requests_per_key_bytes_max`).
    requests_bytes_max: u64,
    requests_per_key_bytes_max: u64,
}

/// How the hub is doing.
#[utoipa::path(get, path = "/api/v1/hub", tag = "json", responses((status = 200, body = Status), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn hub(
    State(store): State<Store>,
    State(config): State<Arc<Config>>,
    State(clients): State<Clients>,
    State(started_ms): State<StartedMs>,
    caller: Principal,
) -> Result<Json<Status>, Problem> {
    caller.has(Scope::Read)?;
    let (status, view) = (store.status(), store.view());
    let budgets = config.limits.budgets(memory_bytes());
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        started_ms: started_ms.0,
        durability: config.durability.to_string(),
        read_only: status.read_only(),
        families: view.families_len(),
        series: view.series_len(),
        own_series: view.owned_by(&caller.name).series,
        clients: clients.active(now_ms()),
        sequence: status.sequence(),
        journal_bytes: status.journal_bytes(),
        snapshot_sequence: status.snapshot_position(),
        snapshot_at_ms: status.snapshot_at_ms(),
        series_bytes: view.series_bytes(),
        series_bytes_max: budgets.series_bytes_max as u64,
        series_per_key_bytes_max: budgets.series_per_key_bytes_max as u64,
        requests_bytes_max: budgets.requests_bytes_max as u64,
        requests_per_key_bytes_max: budgets.requests_per_key_bytes_max as u64,
    }))
}
