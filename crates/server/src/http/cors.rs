//! What browsers are told about pages of other origins.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use crate::config::Cors;

/// How long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(600);

/// None if no page may talk to the hub, so that no request has a layer more. Preflights are answered before anybody asks for a
/// key, since browsers send none with them.
pub(crate) fn cors(settings: &Cors) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = settings
        .origins
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect();
    let own = |name: &'static str| HeaderName::from_static(name);
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                own("x-api-key"),
                own("x-client-id"),
                own("x-request-id"),
                own("idempotency-key"),
                own("x-idempotency-key"),
            ])
            .expose_headers([
                header::LOCATION,
                header::RETRY_AFTER,
                own("idempotency-replayed"),
                own("x-request-id"),
            ])
            .max_age(MAX_AGE)
    })
}
