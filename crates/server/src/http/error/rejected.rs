//! Requests that were rejected, and changes that were refused.

use axum::http::StatusCode;

use super::{ItemProblem, Problem};
use crate::{
    intake::{OthersUsage, Rejected},
    write::{Reason, Refusal, Unavailable},
};

/// How many items are named.
const ITEMS_MAX: usize = 100;

/// The status and the sort of problem that a refused change is.
fn reason(reason: &Reason) -> (StatusCode, &'static str) {
    match reason {
        Reason::UnknownFamily(_) | Reason::UnknownSeries(..) => (StatusCode::NOT_FOUND, "unknown-metric"),
        Reason::KindConflict { .. } => (StatusCode::CONFLICT, "kind-conflict"),
        Reason::BucketsConflict(_) => (StatusCode::CONFLICT, "buckets-conflict"),
        Reason::NameCollision { .. } | Reason::OtherSpelling { .. } => (StatusCode::CONFLICT, "name-collision"),
        Reason::Lost { .. } | Reason::CountTooLarge(_) => (StatusCode::CONFLICT, "too-large"),
        Reason::CounterDown { .. } => (StatusCode::CONFLICT, "counter-down"),
        Reason::ReservedName(name) if name.as_str().starts_with("__") => (StatusCode::BAD_REQUEST, "bad-name"),
        Reason::ReservedName(_) => (StatusCode::FORBIDDEN, "reserved-name"),
        Reason::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
        Reason::UnsupportedKind(..) => (StatusCode::BAD_REQUEST, "unsupported-type"),
        Reason::ReservedLabel(_) | Reason::LabelCollision { .. } => (StatusCode::BAD_REQUEST, "bad-label"),
        Reason::NotFinite { .. } => (StatusCode::BAD_REQUEST, "not-finite"),
        Reason::Limit { setting, .. } if setting.starts_with("series") || setting.starts_with("families") => {
            (StatusCode::TOO_MANY_REQUESTS, "limit-reached")
        }
        Reason::Limit { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "limit-exceeded"),
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Denied(denied) => denied.into(),
            Rejected::Account(refused) => refused.into(),
            Rejected::Changes(refusals) => refused(&refusals),
            Rejected::KeyReused => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "this Idempotency-Key was used for another request: method, path, query and body must be the same",
            ),
            Rejected::Unknown => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "outcome-unknown",
                "the journal failed under this write: it may or may not have happened",
            )
            .retry_after(1),
            Rejected::Unavailable(why) => unavailable(why),
            Rejected::Events(others) => Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "the key may report its own usage alone, that of others needs the scope usage; nothing was stored",
            )
            .naming(others.into_iter().take(ITEMS_MAX).map(|OthersUsage { index, whom }| {
                ItemProblem::new(index, "forbidden", format!("it is on the account of {whom}"))
            })),
            Rejected::NoUsageLog => Problem::no_usage_log(),
            Rejected::UsageLog(error) => error.into(),
        }
    }
}

/// What a request with one change tells: what is wrong with the change is the problem.
pub(in crate::http) fn rejected_one(rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Changes(refusals) => refusals.first().map_or_else(Problem::internal, refused_one),
        other => other.into(),
    }
}

impl From<&Refusal> for ItemProblem {
    fn from(refusal: &Refusal) -> Self {
        let (_, slug) = reason(&refusal.reason);
        ItemProblem::new(refusal.index, slug, refusal.reason.to_string())
    }
}

fn refused_one(refusal: &Refusal) -> Problem {
    let (status, slug) = reason(&refusal.reason);
    Problem::new(status, slug, refusal.reason.to_string())
}

/// The first refusal gives the status, and all are listed.
fn refused(refusals: &[Refusal]) -> Problem {
    let Some(first) = refusals.first() else {
        return Problem::internal();
    };
    let errors = refusals.iter().map(ItemProblem::from);
    let (status, slug) = reason(&first.reason);
    let detail = match first.reason {
        Reason::Forbidden(_) => "the key may not make some of the changes; nothing was changed".to_owned(),
        _ => format!("{} of the changes cannot be; nothing was changed", refusals.len()),
    };
    Problem::new(status, slug, detail).naming(errors)
}

fn unavailable(why: Unavailable) -> Problem {
    let (slug, detail) = match why {
        Unavailable::QueueFull => (
            "queue-full",
            "too many writes are waiting (limits.queue_writes_max, limits.queue_bytes_max)",
        ),
        Unavailable::ReadOnly => (
            "read-only",
            "the journal cannot be written, so no writes are taken; /-/ready says why",
        ),
        Unavailable::Stopping => ("stopping", "the hub is stopping"),
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, slug, detail).retry_after(1)
}
