//! HTTP: the hub's own API, what surrounds every handler, and how errors look. The [protocols](crate::protocol) stand on it.
//!
//! | request | file | scope |
//! |---|---|---|
//! | `GET /__metrics`, `GET /metrics` | `scrape` | scrape |
//! | `GET /api/v1/families` | `families` | read |
//! | `GET DELETE /api/v1/series` | `series` | read, write |
//! | `GET /api/v1/hub` | `hub` | read |
//! | `POST /api/v1/admin/snapshot`, `GET POST /api/v1/admin/keys`, `DELETE /api/v1/admin/keys/{name}` | `admin` | admin |
//! | `GET PUT DELETE /api/v1/admin/throttle` | `admin/throttle` | admin |
//! | `GET /api/v1/admin/limits`, `GET PUT DELETE /api/v1/admin/limits/{name}` | `admin/limits` | admin |
//! | `GET /api/v1/usage`, `GET /api/v1/admin/usage` | `usage` | any, admin |
//! | `GET /api/v1/usage/report` | `usage_report` | admin |
//! | `POST /-/reload` | `admin` | admin |
//! | `GET /api/v1/openapi.json` | [`router`](crate::protocol::router) | any |
//! | `GET /-/healthy`, `GET /-/ready` | `health` | no key |
//!
//! What surrounds each of them is in `middleware`.

mod accounting;
mod admin;
mod authenticate;
mod body;
mod cors;
mod document;
mod error;
mod families;
mod health;
mod hub;
mod middleware;
mod query;
mod refused_keys;
mod request_id;
mod request_metrics;
mod reserved;
mod scrape;
mod series;
mod state;
mod usage;
mod usage_report;
mod write_request;

use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use self::{
    authenticate::admitted,
    body::Unread,
    cors::cors,
    error::{ErrorForm, ItemProblem, Problem, by_accept},
    health::health,
    middleware::{Surroundings, surround},
    request_metrics::RequestMetrics,
    reserved::Reserved,
    state::{AppState, Parts, StartedMs},
    write_request::{WriteRequest, replayed},
};

/// The hub's own API.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(document::Document::openapi())
        .merge(scrape::routes())
        .routes(routes!(families::families))
        .routes(routes!(series::list, series::delete))
        .routes(routes!(hub::hub))
        .routes(routes!(admin::snapshot))
        .routes(routes!(admin::keys, admin::new_key))
        .routes(routes!(admin::revoke_key))
        .routes(routes!(
            admin::throttle::throttle,
            admin::throttle::change_throttle,
            admin::throttle::forget_throttle
        ))
        .routes(routes!(usage::own))
        .routes(routes!(usage::all))
        .routes(routes!(usage_report::report))
        .routes(routes!(admin::limits::all_limits))
        .routes(routes!(
            admin::limits::limits,
            admin::limits::change_limits,
            admin::limits::forget_limits
        ))
        .routes(routes!(admin::reload))
}
