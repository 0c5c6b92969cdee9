//! How bodies that are no events are refused.

use nexus_usage_log::ingest::events::{BadEvent, EventsError};

use crate::http::{ItemProblem, Problem};

impl From<EventsError> for Problem {
    fn from(error: EventsError) -> Self {
        let detail = error.to_string();
        match error {
            EventsError::TooMany { .. } => Problem::too_many("too-many-events", detail),
            EventsError::Events(bad) => {
                let item = |bad: BadEvent| ItemProblem::new(bad.index, "bad-item", bad.reason.to_string());
                let detail = "some of the events cannot be read; none was stored";
                Problem::bad("bad-item", detail).naming(bad.into_iter().map(item))
            }
            _ => Problem::bad("bad-item", detail),
        }
    }
}
