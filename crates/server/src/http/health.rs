use axum::{Router, extract::State, routing::get};

use super::{
    Api,
    error::{self, Problem},
};

/// What may be asked without a key.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
}

/// The process answers.
async fn healthy() -> &'static str {
    "OK\n"
}

/// Writes are taken.
async fn ready(State(api): State<Api>) -> Result<&'static str, Problem> {
    match api.store.status().read_only() {
        None => Ok("OK\n"),
        Some(why) => Err(error::not_ready(why)),
    }
}
