//! A tower layer that writes a record at the end of every response body.

mod body;
mod ending;
mod future;
mod head;
mod note;
mod pending;
mod recorder;
mod service;
mod wire;

use std::{sync::Arc, time::Duration};

use http::Method;
use tower_layer::Layer;

pub use body::{MeteredRequest, MeteredResponse};
pub use future::ResponseFuture;
pub use head::{request_head_bytes, response_head_bytes};
pub use note::{Details, Note};
pub use pending::{PendingRecord, Recorder};
pub use recorder::NotedRequest;
pub use service::Metered;
pub use wire::{Wire, WireBytes, WireMeter};

use crate::{Clock, UsageLog};

/// Writes one record for every request, when its response's body ends: read to its end, or dropped before. Long responses
/// and uploads give interim slices as they go.
///
/// It counts the bytes that pass through it, so it belongs outside of whatever changes bodies, such as compression. Who
/// asked it learns from a [`Note`] in the request's extensions; what went over the wire, if anything knows, from a
/// [`Wire`] there. It needs a Tokio runtime for nothing but its clock.
#[derive(Debug, Clone)]
pub struct UsageLogLayer {
    shared: Arc<Shared>,
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    log: UsageLog,
    settings: LayerSettings,
    methods: [(Method, Arc<str>); 9],
}

/// How a layer names and divides what it sees.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LayerSettings {
    /// The service, for requests whose [`Note`] names none. Default: none.
    pub service: Arc<str>,
    /// The source of the records. Default `layer`.
    pub source: Arc<str>,
    /// After how long a request that goes on gives a slice, with the next byte that passes. Default 1 s.
    pub slice_interval: Duration,
    /// What is taken for the present.
    pub clock: Clock,
}

impl Default for LayerSettings {
    fn default() -> Self {
        LayerSettings {
            service: "".into(),
            source: "layer".into(),
            slice_interval: Duration::from_secs(1),
            clock: Clock::default(),
        }
    }
}

impl UsageLogLayer {
    /// A layer that records into `log`.
    #[must_use]
    pub fn new(log: UsageLog, settings: LayerSettings) -> Self {
        let methods = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::PATCH,
            Method::OPTIONS,
            Method::CONNECT,
            Method::TRACE,
        ];
        let methods = methods.map(|method| {
            let name = method.as_str().into();
            (method, name)
        });
        let shared = Shared { log, settings, methods };
        UsageLogLayer {
            shared: Arc::new(shared),
        }
    }
}

impl Shared {
    /// The method's name, which for a common one is not allocated.
    fn method(&self, method: &Method) -> Arc<str> {
        let known = self.methods.iter().find(|(known, _)| known == method);
        known.map_or_else(|| method.as_str().into(), |(_, name)| name.clone())
    }
}

impl<S> Layer<S> for UsageLogLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered::new(inner, self.shared.clone())
    }
}
