use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::http::{Api, body, error::Problem};
use crate::{
    auth::{Principal, Scope},
    config::{RATE, Throttle},
    settings::{ThrottleChange, ThrottleSet},
};

/// The bandwidth: bytes a second, 0 is unlimited.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Bandwidth {
    /// What counts.
    #[serde(flatten)]
    throttle: Throttle,
    /// The part of it that was set live, and wins over the configuration file.
    set_live: ThrottleSet,
}

impl Bandwidth {
    fn of(api: &Api) -> Self {
        Bandwidth {
            throttle: api.settings.throttle(),
            set_live: api.settings.throttle_set(),
        }
    }
}

/// Read the limits on bandwidth.
#[utoipa::path(get, path = "/api/v1/admin/throttle", tag = "admin", responses((status = 200, body = Bandwidth), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn throttle(State(api): State<Api>, caller: Principal) -> Result<Json<Bandwidth>, Problem> {
    caller.has(Scope::Admin)?;
    Ok(Json(Bandwidth::of(&api)))
}

/// Change limits on bandwidth, for open connections too. What is left out stays as it is; `null` is what the configuration
/// file says. Durable, and in effect, when it is answered.
#[utoipa::path(
    put, path = "/api/v1/admin/throttle", tag = "admin", request_body = ThrottleChange,
    responses((status = 200, body = Bandwidth), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn change_throttle(
    State(api): State<Api>,
    caller: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Bandwidth>, Problem> {
    // The limits are everybody's, so a key that is bounded by a prefix may not change them.
    caller.may(Scope::Admin, "")?;
    let body = body::read(&headers, body, &api.config.limits).await?;
    let change: ThrottleChange = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the body is no change of the bandwidth: {error}")))?;
    if let Some(path) = change.out_of_range() {
        let max = RATE.end();
        return Err(Problem::bad_request(format!(
            "{path}: expected 0 to {max} bytes a second"
        )));
    }
    super::keys_are_known(&api, change.keys())?;
    let (settings, bandwidth) = (api.settings.clone(), api.bandwidth.clone());
    blocking(move || settings.change_throttle(&change, |throttle| bandwidth.set(throttle))).await??;
    tracing::info!(by = %caller.name, "the bandwidth was changed");
    Ok(Json(Bandwidth::of(&api)))
}

/// Forget what was set live: the bandwidth is what the configuration file says.
#[utoipa::path(delete, path = "/api/v1/admin/throttle", tag = "admin", responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn forget_throttle(State(api): State<Api>, caller: Principal) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin, "")?;
    blocking(move || api.settings.forget_throttle(|throttle| api.bandwidth.set(throttle))).await??;
    tracing::info!(by = %caller.name, "the bandwidth is what the configuration says");
    Ok(StatusCode::NO_CONTENT)
}
