//! How much keys have used.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::Uri};
use nexus_usage::{Amount, Field, Period, Row};
use serde::Serialize;
use utoipa::ToSchema;

use super::{error::Problem, query::Parameters};
use crate::{
    accounts::Accounts,
    auth::{Principal, Scope},
    metering::Metering,
};

/// Where a key reads its own usage.
pub(super) const PATH: &str = "/api/v1/usage";
/// How many months are listed at once.
const MONTHS_MAX: u32 = 120;

/// An amount of each thing that is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Used {
    /// Requests, whatever became of them but being refused by a limit.
    api_requests: u64,
    /// Bytes of the bodies of answers.
    egress_bytes: u64,
    /// Bytes of the bodies of requests, as they arrived.
    ingress_bytes: u64,
}

/// What a key has used this month, and what it may.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OwnUsage {
    key: String,
    /// `YYYY-MM`
    month: String,
    /// Until the next month begins.
    seconds_left: u64,
    /// By all hubs that share their usage, as far as this one knows.
    used: Used,
    /// 0 is unlimited.
    limits: Used,
    /// What is left; of what has no limit, nothing is said.
    left: BTreeMap<&'static str, u64>,
    /// Requests that a limit refused, by this hub since its start.
    refused: u64,
    /// The months asked for by `from` and `to`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    months: Vec<MonthOfKey>,
}

/// What one key has used in one month, by all hubs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MonthOfKey {
    /// `YYYY-MM`
    month: String,
    key: String,
    #[serde(flatten)]
    used: Used,
}

/// What all keys have used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllUsage {
    usage: Vec<MonthOfKey>,
}

impl From<Amount> for Used {
    fn from(amount: Amount) -> Self {
        Used {
            api_requests: amount.api_requests,
            egress_bytes: amount.egress_bytes,
            ingress_bytes: amount.ingress_bytes,
        }
    }
}

impl From<Row> for MonthOfKey {
    fn from(row: Row) -> Self {
        MonthOfKey {
            month: row.period.to_string(),
            key: row.subject.to_string(),
            used: row.totals.used().into(),
        }
    }
}

/// Read what the key has used this month, and in other months if asked for.
#[utoipa::path(
    get, path = "/api/v1/usage", tag = "usage",
    params(("from" = Option<String>, Query, description = "The first month to list, YYYY-MM"), ("to" = Option<String>, Query, description = "The last one; this month")),
    responses((status = 200, body = OwnUsage), (status = "4XX", body = Problem, content_type = "application/problem+json"), (status = 503, body = Problem))
)]
pub(super) async fn own(
    State(metering): State<Metering>,
    State(accounts): State<Accounts>,
    caller: Principal,
    uri: Uri,
) -> Result<Json<OwnUsage>, Problem> {
    let parameters = Parameters::read(uri.query(), &["from", "to"])?;
    let usage = metering.usage();
    let (now, name) = (usage.current_period(), caller.name.to_string());
    let account = accounts.of(&caller.name);
    let own = account.usage().ok_or_else(Problem::internal)?;
    let standing = own.standing(now);
    let left = Field::ALL
        .into_iter()
        .filter_map(|field| Some((field.name(), standing.left(field)?)));
    let months = match parameters.one("from")? {
        None => Vec::new(),
        Some(_) => {
            let rows = report(&metering, &parameters).await?;
            let rows = rows.into_iter().filter(|row| row.subject.as_str() == name);
            rows.map(MonthOfKey::from).collect()
        }
    };
    let refused = own.refused();
    Ok(Json(OwnUsage {
        month: now.to_string(),
        seconds_left: usage.until_period_end().as_secs(),
        used: standing.used().into(),
        limits: Used {
            api_requests: standing.limits.api_requests,
            egress_bytes: standing.limits.egress_bytes,
            ingress_bytes: standing.limits.ingress_bytes,
        },
        left: left.collect(),
        refused: Field::ALL.into_iter().map(|field| refused.get(field)).sum(),
        months,
        key: name,
    }))
}

/// Read what all keys have used: this month, or in the months asked for.
#[utoipa::path(
    get, path = "/api/v1/admin/usage", tag = "admin",
    params(("from" = Option<String>, Query, description = "The first month, YYYY-MM; this month"), ("to" = Option<String>, Query, description = "The last one; this month")),
    responses((status = 200, body = AllUsage), (status = "4XX", body = Problem, content_type = "application/problem+json"), (status = 503, body = Problem))
)]
pub(super) async fn all(
    State(metering): State<Metering>,
    caller: Principal,
    uri: Uri,
) -> Result<Json<AllUsage>, Problem> {
    caller.has(Scope::Admin)?;
    let parameters = Parameters::read(uri.query(), &["from", "to"])?;
    let rows = report(&metering, &parameters).await?;
    Ok(Json(AllUsage {
        usage: rows.into_iter().map(MonthOfKey::from).collect(),
    }))
}

/// What the ledger has of the months asked for, after it was told what this hub knows.
async fn report(metering: &Metering, parameters: &Parameters) -> Result<Vec<Row>, Problem> {
    let usage = metering.usage();
    let month = |name: &str| -> Result<Period, Problem> {
        let given = parameters.one(name)?.map(str::parse).transpose();
        let given =
            given.map_err(|error: nexus_usage::PeriodError| Problem::bad_request(format!("{name}: {error}")))?;
        Ok(given.unwrap_or_else(|| usage.current_period()))
    };
    let (first, last) = (month("from")?, month("to")?);
    if last.ordinal().saturating_sub(first.ordinal()) >= MONTHS_MAX {
        return Err(Problem::bad_request(format!(
            "at most {MONTHS_MAX} months are listed at once"
        )));
    }
    usage.checkpoint().await?;
    usage.flush().await?;
    match usage.ledger() {
        Some(ledger) => Ok(ledger.report(first, last).await?),
        None => Ok(Vec::new()),
    }
}
