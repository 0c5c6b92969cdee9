//! What handlers work with.

use std::sync::Arc;

use axum::extract::FromRef;

use super::Reserved;
use crate::{
    accounts::Accounts,
    auth::Keyring,
    background::Background,
    bandwidth::Bandwidth,
    clients::Clients,
    config::Config,
    exposition::{GzipCache, OwnFamily},
    metering::Metering,
    own_metrics::OwnMetrics,
    reload::Reloader,
    settings::Settings,
    store::Store,
    usage_log::UsageLogHandle,
};

/// The parts of the hub that handlers call, of which each takes those that it needs: `State<Store>`. Cheap to clone, since
/// every request does, for each handler and layer.
#[derive(Debug, Clone)]
pub(crate) struct AppState(Arc<Parts>);

impl AppState {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        AppState(parts)
    }

    /// The hub's metrics about itself, at this moment.
    pub(crate) fn own_families(&self) -> Vec<OwnFamily> {
        self.0.own.gather(&self.0)
    }
}

/// Declares the parts, and lets a handler take each by its type.
macro_rules! parts {
    ($($name:ident: $part:ty),* $(,)?) => {
        /// What a hub is made of. Whoever puts it together has the whole; handlers do not.
        #[derive(Debug)]
        pub(crate) struct Parts {
            $(pub(crate) $name: $part,)*
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
    keyring: Keyring,
    clients: Clients,
    own: OwnMetrics,
    config: Arc<Config>,
    reloader: Reloader,
    settings: Settings,
    bandwidth: Bandwidth,
    accounts: Accounts,
    metering: Metering,
    usage_log: UsageLogHandle,
    gzip_cache: GzipCache,
    background: Background,
    reserved: Reserved,
}
