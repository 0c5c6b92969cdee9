//! Who a request that passes the layer is of.

use std::sync::Arc;

use super::{Note, Shared, pending::Recorder};
use crate::{Dimensions, Record};

/// A request as its [`Note`] has it.
#[derive(Debug)]
pub struct NotedRequest {
    pub(super) shared: Arc<Shared>,
    pub(super) note: Note,
    pub(super) method: Arc<str>,
}

impl Recorder for NotedRequest {
    fn dimensions(&self) -> Dimensions {
        let details = self.note.read();
        let settings = &self.shared.settings;
        let service = match details.service.is_empty() {
            true => settings.service.clone(),
            false => details.service,
        };
        Dimensions {
            key: details.key,
            tenant: details.tenant,
            service,
            route: details.route,
            client: details.client,
            method: self.method.clone(),
            source: settings.source.clone(),
            labels: details.labels,
            ..Dimensions::default()
        }
    }

    fn record(&self, record: impl FnOnce() -> Record) {
        self.shared.log.record(record());
    }
}
