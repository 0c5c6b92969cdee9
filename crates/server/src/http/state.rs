//! What handlers work with.

use std::sync::Arc;

use axum::extract::FromRef;

use super::{RequestMetrics, Reserved};
use crate::{
    accounts::Accounts, auth::Keyring, background::Background, bandwidth::Bandwidth, clients::Clients, config::Config,
    exposition::GzipCache, intake::Intake, memory::RequestMemory, metering::Metering, own_metrics::OwnMetrics,
    reload::Reloader, settings::Settings, store::Store, usage_log::UsageLogHandle,
};

/// The parts of the hub that handlers call, of which each takes those that it needs: `State<Store>`. Cheap to clone, since
/// every request does, for each handler and layer.
#[derive(Debug, Clone)]
pub(crate) struct AppState(Arc<Parts>);

impl AppState {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        AppState(parts)
    }
}

/// When the hub was opened, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartedMs(pub(crate) u64);

/// Declares the parts, and lets a handler take each by its type.
macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $part:ty),* $(,)?) => {
        /// What a hub is made of. Whoever puts it together has the whole; handlers do not.
        #[derive(Debug)]
        pub(crate) struct Parts {
            $($(#[$doc])* pub(crate) $name: $part,)*
        }

        $(impl FromRef<AppState> for $part {
            fn from_ref(state: &AppState) -> Self {
                state.0.$name.clone()
            }
        })*
    };
}

parts! {
    store: Store,
    intake: Intake,
    keyring: Keyring,
    clients: Clients,
    /// What the middleware counts.
    requests: Arc<RequestMetrics>,
    /// What the parts of the hub say of themselves.
    own: OwnMetrics,
    started_ms: StartedMs,
    config: Arc<Config>,
    reloader: Reloader,
    settings: Settings,
    bandwidth: Bandwidth,
    accounts: Accounts,
    metering: Metering,
    usage_log: UsageLogHandle,
    gzip_cache: GzipCache,
    memory: RequestMemory,
    background: Background,
    reserved: Reserved,
}
