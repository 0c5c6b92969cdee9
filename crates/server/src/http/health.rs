//! Whether the hub is there, and takes writes.

use axum::{Router, extract::State, routing::get};

use super::{
    AppState,
    error::{self, Problem},
};
use crate::store::Store;

/// What may be asked without a key.
pub(crate) fn health() -> Router<AppState> {
    Router::new()
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
}

/// The process answers.
async fn healthy() -> &'static str {
    "OK\n"
}

/// Writes are taken.
async fn ready(State(store): State<Store>) -> Result<&'static str, Problem> {
    match store.status().read_only() {
        None => Ok("OK\n"),
        Some(why) => Err(error::not_ready(why)),
    }
}
