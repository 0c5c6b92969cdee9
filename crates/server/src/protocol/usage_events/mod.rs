//! Usage of other services, for the usage log.
//!
//! | request | file | scope |
//! |---|---|---|
//! | `POST /api/v1/usage/events` | `routes` | write, for others usage |

mod error;
mod routes;

use super::Protocol;
use crate::http;

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "usage events",
    routes: routes::routes,
    reserved: &["api"],
    content_types: &[
        "application/json",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        routes::UNSAID,
    ],
    errors: http::by_accept,
};

#[cfg(test)]
mod tests {
    use nexus_usage_log::{
        Time,
        ingest::{Limits, Origin, events},
    };

    #[test]
    fn every_type_that_is_taken_is_read() {
        for kind in super::PROTOCOL.content_types {
            let kind = (*kind != super::routes::UNSAID).then_some(*kind);
            let read = events::parse(b"[]", kind, &Origin::default(), &Limits::default(), Time::now());
            assert_eq!(read.map(|events| events.len()), Ok(0), "{kind:?}");
        }
    }
}
