//! The protocols that clients speak to the hub, one folder and one row each: `parse` makes changes of bytes and knows nothing
//! else, `routes` are its handlers, `error` says how its refusals look.
//!
//! Whatever must know of all protocols is made of the [table](TABLE): the routes and their description, which paths name no
//! metrics, which bodies are taken, and the form of errors. Each protocol is surrounded by the same
//! [middleware](crate::http), so that all are authenticated, limited, charged and logged alike.

pub(crate) mod batch;
pub(crate) mod rest;
mod usage_events;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{FromRef, State},
    http::Uri,
    routing::{any, get},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    config::Config,
    http::{self, AppState, ErrorForm, Problem, Reserved, Surroundings},
};

/// A protocol over HTTP.
pub(crate) struct Protocol {
    /// What it is called in texts for people.
    name: &'static str,
    /// Its handlers, each with its description.
    routes: fn() -> OpenApiRouter<AppState>,
    /// First segments of its paths, which therefore name no metrics.
    reserved: &'static [&'static str],
    /// The media types that its bodies may have; if there are none, it does not matter what a client says.
    content_types: &'static [&'static str],
    /// How its errors look.
    errors: ErrorForm,
}

/// All of them, and what is the hub's own.
const TABLE: &[Protocol] = &[
    Protocol {
        name: "the hub's own API",
        routes: http::routes,
        reserved: &["api", "-"],
        content_types: &[],
        errors: http::by_accept,
    },
    rest::PROTOCOL,
    batch::PROTOCOL,
    usage_events::PROTOCOL,
    #[cfg(test)]
    toy::PROTOCOL,
];

/// Segments for what the hub does not speak yet, or not whole: a metric of that name would be in its way.
const FORESEEN: [(&str, &str); 9] = [
    ("metrics", "scrapes and pushes of groups"),
    ("aggregate", "pushes that are added up"),
    ("with", "options of pushes"),
    ("v1", "OTLP"),
    (
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        "OTLP over gRPC",
    ),
    ("write", "the line protocol of InfluxDB and remote write"),
    ("query", "clients of InfluxDB"),
    ("ping", "clients of InfluxDB"),
    ("ui", "the hub's page"),
];

/// Every first segment that names no metric.
pub(crate) fn reserved() -> Reserved {
    let segments = |row: &'static Protocol| row.reserved.iter().map(|segment| (*segment, row.name));
    Reserved::new(TABLE.iter().flat_map(segments).chain(FORESEEN))
}

/// The whole interface as a service that needs no socket.
pub(crate) fn router(state: AppState) -> Router {
    let spoken = TABLE.iter().map(|row| {
        let around = Surroundings {
            errors: row.errors,
            content_types: row.content_types,
            keyed: true,
        };
        http::surround((row.routes)(), &state, around)
    });
    let (spoken, document) = spoken
        .reduce(OpenApiRouter::merge)
        .unwrap_or_default()
        .split_for_parts();
    let beside = nothing_yet(&document, &Reserved::from_ref(&state))
        .route("/api/v1/openapi.json", get(|| async move { Json(document) }))
        .fallback(nothing);
    let cors = http::cors(&Arc::<Config>::from_ref(&state).cors);
    let router = spoken
        .merge(http::surround(beside.into(), &state, Surroundings::OWN))
        .merge(http::surround(http::health().into(), &state, Surroundings::OPEN))
        .with_state(state);
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// Below segments that are reserved there are no verbs of a metric.
fn nothing_yet(document: &utoipa::openapi::OpenApi, reserved: &Reserved) -> Router<AppState> {
    let is_answered = |segment: &str| {
        let below = format!("/{segment}/{{");
        document.paths.paths.keys().any(|path| path.starts_with(&below))
    };
    let segments = reserved.all().map(|(segment, _)| segment);
    segments
        .filter(|segment| !is_answered(segment))
        .fold(Router::new(), |router, segment| {
            router.route(&format!("/{segment}/{{other}}"), any(nothing))
        })
        // A base address that ends in a slash, with a path behind it.
        .route("//{other}", any(nothing))
        .route("//{other}/{more}", any(nothing))
}

async fn nothing(State(reserved): State<Reserved>, uri: Uri) -> Problem {
    if uri.path().starts_with("//") {
        return Problem::not_found(
            "the path begins with two slashes: leave out the one at the end of the base address",
        );
    }
    let segment = uri.path().split('/').nth(1).unwrap_or_default();
    let reserved = reserved.purpose(segment);
    let reserved = reserved.map_or_else(String::new, |purpose| {
        format!(" (/{segment} is reserved for {purpose})")
    });
    Problem::not_found(format!("there is nothing here{reserved}: see /api/v1/openapi.json"))
}
