//! How much keys may use.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::http::{Unread, error::Problem};
use crate::{
    accounts::Accounts,
    auth::{Keyring, Principal, Scope},
    config::KeyLimits,
    json::{self, Object},
    settings::{LimitsChange, LimitsSet, Settings},
};

/// How much a key may use; 0 is unlimited.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LimitsOfKey {
    /// What counts.
    #[serde(flatten)]
    limits: KeyLimits,
    /// The part of it that was set live, and wins over the configuration file.
    set_live: LimitsSet,
}

impl LimitsOfKey {
    fn of(settings: &Settings, name: &str) -> Self {
        LimitsOfKey {
            limits: settings.limits(name),
            set_live: settings.limits_set(name),
        }
    }
}

/// Read the limits of every key that has any.
#[utoipa::path(get, path = "/api/v1/admin/limits", tag = "admin", responses((status = 200, body = BTreeMap<String, KeyLimits>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn all_limits(
    State(settings): State<Settings>,
    caller: Principal,
) -> Result<Json<BTreeMap<String, KeyLimits>>, Problem> {
    caller.has(Scope::Admin)?;
    Ok(Json(settings.all_limits()))
}

/// Read the limits of a key.
#[utoipa::path(
    get, path = "/api/v1/admin/limits/{name}", tag = "admin", params(("name" = String, Path)),
    responses((status = 200, body = LimitsOfKey), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn limits(
    State(settings): State<Settings>,
    State(keyring): State<Keyring>,
    caller: Principal,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<LimitsOfKey>, Problem> {
    caller.has(Scope::Admin)?;
    let name = known(&keyring, name)?;
    Ok(Json(LimitsOfKey::of(&settings, &name)))
}

/// Change the limits of a key. What is left out stays as it is; `null` is what the configuration file says. Durable, and in
/// effect, when it is answered.
#[utoipa::path(
    put, path = "/api/v1/admin/limits/{name}", tag = "admin", params(("name" = String, Path)), request_body = LimitsChange,
    responses((status = 200, body = LimitsOfKey), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn change_limits(
    State(settings): State<Settings>,
    State(accounts): State<Accounts>,
    State(keyring): State<Keyring>,
    caller: Principal,
    name: Result<Path<String>, PathRejection>,
    body: Unread,
) -> Result<Json<LimitsOfKey>, Problem> {
    caller.may(Scope::Admin, "")?;
    let name = known(&keyring, name)?;
    let body = body.read().await?;
    let Object(change): Object<LimitsChange> =
        json::read(&body).map_err(|error| Problem::bad_request(format!("the body is no change of limits: {error}")))?;
    if let Some((limit, max)) = change.out_of_range() {
        return Err(Problem::bad_request(format!("{limit}: expected 0 to {max}")));
    }
    set(&settings, accounts, &name, Some(change)).await?;
    tracing::info!(key = name, by = %caller.name, "the limits of a key were changed");
    Ok(Json(LimitsOfKey::of(&settings, &name)))
}

/// Forget what was set live: the limits of the key are what the configuration file says.
#[utoipa::path(
    delete, path = "/api/v1/admin/limits/{name}", tag = "admin", params(("name" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn forget_limits(
    State(settings): State<Settings>,
    State(accounts): State<Accounts>,
    caller: Principal,
    name: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin, "")?;
    // Those of a key that was revoked can be forgotten too.
    let Path(name) = name.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    set(&settings, accounts, &name, None).await?;
    tracing::info!(key = name, by = %caller.name, "the limits of a key are what the configuration says");
    Ok(StatusCode::NO_CONTENT)
}

fn known(keyring: &Keyring, name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(name) = name.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    super::keys_are_known(keyring, std::iter::once(&*name))?;
    Ok(name)
}

async fn set(settings: &Settings, accounts: Accounts, name: &str, change: Option<LimitsChange>) -> Result<(), Problem> {
    let (settings, name) = (settings.clone(), name.to_owned());
    blocking(move || settings.change_limits(&name, change, |limits| accounts.set_limits_of(&name, limits))).await??;
    Ok(())
}
