//! The HTTP interface.
//!
//! | request | file | scope |
//! |---|---|---|
//! | `POST GET PUT DELETE /{metric}`, `PUT /{metric}/{verb}` | `simple` | write, read |
//! | `GET /__metrics`, `GET /metrics` | `scrape` | scrape |
//! | `POST /api/v1/batch` | `batch` | write |
//! | `GET /api/v1/families` | `families` | read |
//! | `GET DELETE /api/v1/series` | `series` | read, write |
//! | `GET /api/v1/hub` | `hub` | read |
//! | `POST /api/v1/admin/snapshot`, `GET POST /api/v1/admin/keys`, `DELETE /api/v1/admin/keys/{name}` | `admin` | admin |
//! | `GET PUT DELETE /api/v1/admin/throttle` | `admin/throttle` | admin |
//! | `GET /api/v1/admin/limits`, `GET PUT DELETE /api/v1/admin/limits/{name}` | `admin/limits` | admin |
//! | `GET /api/v1/usage`, `GET /api/v1/admin/usage` | `usage` | any, admin |
//! | `GET /api/v1/usage/report` | `usage_report` | admin |
//! | `POST /api/v1/usage/events` | `usage_events` | write |
//! | `POST /-/reload` | `admin` | admin |
//! | `GET /api/v1/openapi.json` | here | any |
//! | `GET /-/healthy`, `GET /-/ready` | `health` | no key |
//!
//! What surrounds each of them is in `middleware`.

mod accounting;
mod admin;
mod authenticate;
mod batch;
mod body;
mod error;
mod families;
mod health;
mod hub;
mod middleware;
mod query;
mod request_metrics;
mod scrape;
mod series;
mod simple;
mod usage;
mod usage_events;
mod usage_report;
mod write_request;

use std::sync::Arc;

use axum::{
    Json, Router,
    middleware::from_fn,
    routing::{any, get},
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use request_metrics::RequestMetrics;

use crate::{
    accounts::Accounts, auth::Keyring, background::Background, bandwidth::Bandwidth, clients::Clients, config::Config,
    exposition::GzipCache, ingest::rest, intake::Intake, metering::Metering, own_metrics::OwnMetrics, reload::Reloader,
    settings::Settings, store::Store, usage_log::UsageLogHandle,
};

/// What the handlers work with. Cheap to clone: every request does, for each layer.
#[derive(Debug, Clone)]
pub(crate) struct Api(Arc<Services>);

impl Api {
    pub(crate) fn new(services: Services) -> Self {
        Api(Arc::new(services))
    }
}

impl std::ops::Deref for Api {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}

/// The gzip_cache of the hub that handlers call.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) intake: Intake,
    pub(crate) keyring: Keyring,
    pub(crate) clients: Clients,
    /// What the middleware counts.
    pub(crate) requests: Arc<RequestMetrics>,
    /// What the parts of the hub say of themselves.
    pub(crate) own: OwnMetrics,
    /// When the hub was opened, in milliseconds since 1970.
    pub(crate) started_ms: u64,
    pub(crate) config: Arc<Config>,
    pub(crate) reloader: Reloader,
    pub(crate) settings: Settings,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) accounts: Accounts,
    pub(crate) metering: Metering,
    pub(crate) usage_log: UsageLogHandle,
    pub(crate) gzip_cache: GzipCache,
    pub(crate) background: Background,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Metric Nexus", description = "A durable hub of metrics for programs too short-lived to be scraped.", license(name = "MIT")),
    components(schemas(error::Problem, error::ItemProblem)),
    security(("bearer" = []), ("key" = [])),
    modifiers(&Security)
)]
struct Document;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme(
            "key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
    }
}

/// The whole interface as a service that needs no socket.
pub(crate) fn router(api: Api) -> Router {
    let (described, document) = described_routes().split_for_parts();
    let described = described.route("/api/v1/openapi.json", get(|| async move { Json(document) }));
    let shared = api.clone();
    let with_auth = from_fn(move |request, next| middleware::with_auth(shared.clone(), request, next));
    let shared = api.clone();
    let without_auth = from_fn(move |request, next| middleware::without_auth(shared.clone(), request, next));
    described
        .merge(simple::with_trailing_slash())
        .merge(scrape::name_of_no_metric())
        .merge(nothing_yet())
        .fallback(nothing)
        .layer(with_auth)
        .merge(health::routes().layer(without_auth))
        .with_state(api)
}

async fn nothing() -> error::Problem {
    error::Problem::not_found("there is nothing here: see /api/v1/openapi.json")
}

/// Below the first segments that are reserved there are no verbs of a metric.
fn nothing_yet() -> Router<Api> {
    let routes = rest::RESERVED.map(|segment| format!("/{segment}/{{other}}"));
    routes
        .into_iter()
        .fold(Router::new(), |router, route| router.route(&route, any(nothing)))
}

fn described_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(simple::create, simple::read, simple::set, simple::delete))
        .routes(routes!(simple::change))
        .merge(scrape::routes())
        .routes(routes!(batch::batch))
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
        .routes(routes!(usage_events::events))
        .routes(routes!(admin::limits::all_limits))
        .routes(routes!(
            admin::limits::limits,
            admin::limits::change_limits,
            admin::limits::forget_limits
        ))
        .routes(routes!(admin::reload))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Served without being described: they answer before anybody asks for a description, or are it.
    const UNDESCRIBED: [&str; 3] = ["GET /-/healthy", "GET /-/ready", "GET /api/v1/openapi.json"];

    #[test]
    fn the_route_table_above_is_what_is_described() {
        let document = serde_json::to_value(described_routes().split_for_parts().1).unwrap();
        let mut described: BTreeSet<String> = UNDESCRIBED.map(String::from).into();
        for (path, methods) in document["paths"].as_object().unwrap() {
            described.extend(
                methods
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(|method| format!("{} {path}", method.to_uppercase())),
            );
        }
        let source = include_str!("http.rs");
        let rows = source
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `")?.split(" | ").next());
        let mut table = BTreeSet::new();
        for request in rows.flat_map(|row| row.split(", ")) {
            let mut words: Vec<&str> = request.trim_matches('`').split(' ').collect();
            let path = words.pop().unwrap();
            table.extend(words.iter().map(|method| format!("{method} {path}")));
        }
        assert_eq!(table, described);
    }
}
