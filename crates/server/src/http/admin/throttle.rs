//! The limits on bandwidth.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::http::{Unread, error::Problem};
use crate::{
    auth::{Keyring, Principal, Scope},
    bandwidth::Bandwidth,
    config::{RATE, Throttle},
    json::{self, Object},
    settings::{Settings, ThrottleChange, ThrottleSet},
};

/// The bandwidth: bytes a second, 0 is unlimited.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BandwidthLimits {
    /// What counts.
    #[serde(flatten)]
    throttle: Throttle,
    /// The part of it that was set live, and wins over the configuration file.
    set_live: ThrottleSet,
}

impl BandwidthLimits {
    fn of(settings: &Settings) -> Self {
        BandwidthLimits {
            throttle: settings.throttle(),
            set_live: settings.throttle_set(),
        }
    }
}

/// Read the limits on bandwidth.
#[utoipa::path(get, path = "/api/v1/admin/throttle", tag = "admin", responses((status = 200, body = BandwidthLimits), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn throttle(
    State(settings): State<Settings>,
    caller: Principal,
) -> Result<Json<BandwidthLimits>, Problem> {
    caller.has(Scope::Admin)?;
    Ok(Json(BandwidthLimits::of(&settings)))
}

/// Change limits on bandwidth, for open connections too. What is left out stays as it is; `null` is what the configuration
/// file says. Durable, and in effect, when it is answered.
#[utoipa::path(
    put, path = "/api/v1/admin/throttle", tag = "admin", request_body = ThrottleChange,
    responses((status = 200, body = BandwidthLimits), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn change_throttle(
    State(settings): State<Settings>,
    State(bandwidth): State<Bandwidth>,
    State(keyring): State<Keyring>,
    caller: Principal,
    body: Unread,
) -> Result<Json<BandwidthLimits>, Problem> {
    // The limits are everybody's, so a key that is bounded by a prefix may not change them.
    caller.may(Scope::Admin, "")?;
    let body = body.read().await?;
    let Object(change): Object<ThrottleChange> = json::read(&body)
        .map_err(|error| Problem::bad_request(format!("the body is no change of the bandwidth: {error}")))?;
    if let Some(path) = change.out_of_range() {
        let max = RATE.end();
        return Err(Problem::bad_request(format!(
            "{path}: expected 0 to {max} bytes a second"
        )));
    }
    super::keys_are_known(&keyring, change.keys())?;
    let changing = settings.clone();
    blocking(move || changing.change_throttle(&change, |throttle| bandwidth.set(throttle))).await??;
    tracing::info!(by = %caller.name, "the bandwidth was changed");
    Ok(Json(BandwidthLimits::of(&settings)))
}

/// Forget what was set live: the bandwidth is what the configuration file says.
#[utoipa::path(delete, path = "/api/v1/admin/throttle", tag = "admin", responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn forget_throttle(
    State(settings): State<Settings>,
    State(bandwidth): State<Bandwidth>,
    caller: Principal,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin, "")?;
    blocking(move || settings.forget_throttle(|throttle| bandwidth.set(throttle))).await??;
    tracing::info!(by = %caller.name, "the bandwidth is what the configuration says");
    Ok(StatusCode::NO_CONTENT)
}
