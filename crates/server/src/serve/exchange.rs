//! One request and its answer: what whoever answers it may know of its connection, and whom the connection tells of its end.

use std::sync::{Arc, OnceLock};

use nexus_usage_log::layer::WireBytes;

use super::activity::ConnectionInfo;
use super::listener::Peer;
use crate::{bandwidth::KeyBandwidth, intake::RequestUsage};

/// A request and its answer: an extension of every request. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Exchange(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connection: ConnectionInfo,
    is_alone: bool,
    /// None while it is on nobody's account.
    usage: OnceLock<RequestUsage>,
}

impl Exchange {
    /// `is_alone`: the connection serves one request after the other, as under HTTP/1.1.
    pub(super) fn new(connection: ConnectionInfo, is_alone: bool) -> Self {
        Exchange(Arc::new(Shared {
            connection,
            is_alone,
            usage: OnceLock::new(),
        }))
    }

    /// One that comes by no connection; who made it has to finish it.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        let connection = ConnectionInfo {
            peer: Peer::Unix,
            activity: Arc::default(),
            stranger: Arc::<super::strangers::Strangers>::default().enter(),
        };
        Exchange::new(connection, false)
    }

    /// Who is at the other end of the connection.
    pub(crate) fn peer(&self) -> Peer {
        self.0.connection.peer
    }

    /// Whether the connection knows which of its bytes belong to this request.
    pub(crate) fn knows_wire_bytes(&self) -> bool {
        self.0.is_alone
    }

    /// The request is one that limits on bandwidth slow down, or one that must always get through. One of the latter among
    /// the former goes as slowly as they do.
    pub(crate) fn set_exempt(&self, exempt: bool) {
        let activity = &self.0.connection.activity;
        if !exempt || activity.requests_under_way() <= 1 {
            activity.pace.set_delayed(!exempt);
        }
    }

    /// The request is by this key: its client is no stranger any more, and it is the key's share of the server that the
    /// connection uses from now on, if nobody else is using it.
    pub(crate) fn join(&self, key: &KeyBandwidth) {
        self.0.connection.stranger.showed_key();
        let activity = &self.0.connection.activity;
        if activity.requests_under_way() <= 1 {
            activity.pace.join(key);
        }
    }

    /// The request was admitted: from here on the connection sees to it that what it uses is charged and logged.
    pub(crate) fn admitted(&self, usage: RequestUsage) -> &RequestUsage {
        // A request is admitted once; another usage would be told as a defect when it is dropped here.
        self.0.usage.get_or_init(|| usage)
    }

    /// What it uses, if it is on somebody's account.
    pub(crate) fn usage(&self) -> Option<&RequestUsage> {
        self.0.usage.get()
    }

    /// The answer is at its end, or was given up.
    pub(super) fn end(&self) {
        if let Some(usage) = self.usage() {
            usage.end();
        }
        let activity = &self.0.connection.activity;
        match self.0.is_alone {
            true => activity.exchanges.ended(self),
            false => self.finish(None),
        }
    }

    /// Nothing of it will pass any more.
    pub(crate) fn finish(&self, wire: Option<WireBytes>) {
        if let Some(usage) = self.usage() {
            usage.finish(wire);
        }
    }

    /// Bytes received on its connection so far, TLS included.
    #[cfg(test)]
    pub(crate) fn wire_bytes_in(&self) -> u64 {
        self.0
            .connection
            .activity
            .wire_in
            .load(std::sync::atomic::Ordering::Relaxed)
    }
}
