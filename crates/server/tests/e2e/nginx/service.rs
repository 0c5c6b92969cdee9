//! The service behind NGINX.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Path, routing::get};
use tokio::net::TcpListener;

use super::{eventually, so};

/// What NGINX stands in front of: answers of any size, and slow ones.
pub(super) struct Service {
    pub(super) port: u16,
    /// How many slow requests it has begun to answer.
    slow: Arc<AtomicU64>,
}

impl Service {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let slow = Arc::new(AtomicU64::new(0));
        let begun = slow.clone();
        let answer_slowly = move || async move {
            begun.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            "at last"
        };
        let app = Router::new().route("/slow", get(answer_slowly)).route(
            "/size/{bytes}",
            get(|Path(bytes): Path<usize>| async move { "x".repeat(bytes) }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Service { port, slow }
    }

    /// Until it answers a slow request.
    pub(super) async fn is_answering_slowly(&self) {
        eventually("the slow request is there", async || {
            so(self.slow.load(Ordering::Relaxed) > 0, ())
        })
        .await;
    }
}
