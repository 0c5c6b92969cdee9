//! Limits, usage and the usage log.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use nexus_usage_log::{ReportError, StoreError};

use super::Problem;
use crate::{
    accounts::{Refused, TooFast},
    settings::SettingsError,
    usage_log::{AskedWrong, NoReport},
};

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooFast(too_fast) => too_many_requests(too_fast),
            Refused::UsedUp(refusal) if refusal.reason == nexus_usage::Reason::Lost => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "usage-unknown",
                format!("{refusal}, and the store that the hubs share cannot be reached (usage.shared.on_loss)"),
            )
            .retry_after(USAGE_STORE_RETRY),
            Refused::UsedUp(refusal) => used_up(&refusal),
        }
    }
}

/// When to look again whether the store of usage is back, in seconds.
const USAGE_STORE_RETRY: u32 = 5;

fn too_many_requests(too_fast: TooFast) -> Problem {
    let detail = too_fast.to_string();
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail).retry_after(seconds(too_fast.wait).max(1))
}

/// With the fields of draft-ietf-httpapi-ratelimit-headers: how much there is a month, and what is left of it until when.
fn used_up(refusal: &nexus_usage::Refusal) -> Problem {
    let (field, until) = (refusal.field, seconds(refusal.retry_after));
    let left = refusal.limit.saturating_sub(refusal.used);
    let fields = [
        ("ratelimit-policy", format!("\"{field}\";q={}", refusal.limit)),
        ("ratelimit", format!("\"{field}\";r={left};t={until}")),
    ];
    let problem = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "used-up",
        format!("{refusal}; the next month begins in {until} s"),
    );
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?)))
        .fold(problem.retry_after(until), |problem, (name, value)| {
            problem.with(name, value)
        })
}

/// Rounded up, so that whoever waits so long is not too early.
fn seconds(wait: std::time::Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

impl From<nexus_usage::LedgerError> for Problem {
    fn from(error: nexus_usage::LedgerError) -> Self {
        tracing::error!(%error, "the usage cannot be read");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "usage-unknown",
            "the usage cannot be read; the hub's log says why",
        )
        .retry_after(USAGE_STORE_RETRY)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::TooLarge(_) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit-exceeded", detail),
            _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "usage-log-busy", detail).retry_after(1),
        }
    }
}

impl From<AskedWrong> for Problem {
    fn from(error: AskedWrong) -> Self {
        Problem::bad_request(error.to_string())
    }
}

impl From<NoReport> for Problem {
    fn from(error: NoReport) -> Self {
        match error {
            NoReport::Failed(error) => error.into(),
            #[cfg(feature = "bigquery")]
            NoReport::Elsewhere(where_to_ask) => Problem::not_found(where_to_ask),
            #[cfg(feature = "postgres")]
            NoReport::Postgres(_) => unreadable(&error),
        }
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "the usage log cannot be read");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "usage-unknown",
        "the usage log cannot be read; the hub's log says why",
    )
    .retry_after(USAGE_STORE_RETRY)
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NotKept { .. } | ReportError::TooLong(_) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "limit-exceeded", error.to_string())
            }
            error => unreadable(&error),
        }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        tracing::error!(%error, "the settings cannot be changed");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "settings-failed",
            "the change cannot be kept, so it was not made; the hub's log says why",
        )
        .retry_after(1)
    }
}
