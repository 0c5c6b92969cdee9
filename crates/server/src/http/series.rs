//! Lists and deletes series.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use http_body::Body as _;
use nexus_metric::{Labels, text::number};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    error::Problem,
    query::{Parameters, SelectorReader},
    write_request::{WriteRequest, replayed},
};
use crate::{
    auth::{Principal, Scope},
    background::Background,
    intake::Intake,
    memory::RequestMemory,
    selector::Selector,
    store::{
        Store,
        view::{self, Cursor, Filter, ListedSeries, Value},
    },
};

/// The series that were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    series: Vec<Series>,
    /// Ask for `after` this to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One series.
#[derive(Debug, Serialize, ToSchema)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    /// A number, or one of "NaN", "+Inf", "-Inf"; absent for histograms.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<Histogram>,
    /// The API key that made it.
    owner: String,
    /// Milliseconds since 1970.
    created_ms: u64,
    /// Milliseconds since 1970.
    changed_ms: u64,
}

/// A histogram as it is exposed.
#[derive(Debug, Serialize, ToSchema)]
struct Histogram {
    buckets: Vec<Bucket>,
    sum: serde_json::Value,
    count: u64,
}

/// How many observations were at most `le`.
#[derive(Debug, Serialize, ToSchema)]
struct Bucket {
    le: String,
    count: u64,
}

/// What a deletion did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    /// How many series.
    deleted: u64,
    dry_run: bool,
    /// The first hundred of them; only in a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    series: Vec<String>,
}

const PAGE: usize = 1_000;
const PAGE_MAX: usize = 10_000;
const DRY_RUN_LISTED_MAX: usize = 100;
/// So many deletions are one write; between two of them others have their turn.
const DELETED_TOGETHER_MAX: usize = 10_000;

/// List series with their values.
#[utoipa::path(
    get, path = "/api/v1/series", tag = "json",
    params(("match[]" = Option<Vec<String>>, Query, description = "Selectors; a series that one of them matches is shown"),
        ("after" = Option<String>, Query, description = "`next` of the page before, as it is: it says nothing to anybody but a hub"), ("limit" = Option<usize>, Query, description = "How many, 1000 if nothing is said")),
    responses((status = 200, body = Page), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list(
    State(store): State<Store>,
    State(background): State<Background>,
    State(memory): State<RequestMemory>,
    State(selectors): State<SelectorReader>,
    caller: Principal,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.has(Scope::Read)?;
    let parameters = Parameters::read(uri.query(), &["match[]", "after", "limit"])?;
    let filter = Filter {
        covered: caller.covered(),
        selectors: parameters.selectors(&selectors, &caller.name).await?,
        ..Filter::default()
    };
    let limit = parameters.limit(PAGE, PAGE_MAX)?;
    let after = parameters.one("after")?.map(cursor).transpose()?;
    let page = background.run_of(&caller.name, move || {
        let page = store.view().page(&filter, after.as_ref(), limit);
        Page {
            series: page.series.iter().map(describe).collect(),
            next: page.next.map(|next| next.to_string()),
        }
    });
    let response = Json(page.await.map_err(|_| Problem::internal())?).into_response();
    // However slowly it is taken.
    let mut held = memory.hold(&caller.name);
    let bytes = response.body().size_hint().lower();
    held.grow(usize::try_from(bytes).unwrap_or(usize::MAX))?;
    Ok(response.map(|body| held.until_the_end_of(body)))
}

fn cursor(text: &str) -> Result<Cursor, Problem> {
    Cursor::read(text)
        .map_err(|error| Problem::bad_request(format!("after {text:?} is {error}: begin again without `after`")))
}

fn describe(series: &ListedSeries) -> Series {
    let family = &series.family.family;
    let (number, histogram) = match &series.value {
        Value::Number(value, _) => (Some(json_number(*value)), None),
        Value::Histogram(histogram) => (None, Some(buckets(family.buckets.bounds(), histogram))),
    };
    Series {
        name: family.name.to_string(),
        labels: Labels::pairs_of(&series.labels)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        value: number,
        histogram,
        owner: series.owner.to_string(),
        created_ms: series.created_ms,
        changed_ms: series.value.stamp().at_ms,
    }
}

fn buckets(bounds: &[f64], histogram: &view::Histogram) -> Histogram {
    let mut count = 0u64;
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    let buckets = bounds.zip(&histogram.counts).map(|(bound, more)| {
        count = count.saturating_add(*more);
        let mut le = Vec::new();
        number::write_bound(&mut le, bound);
        Bucket {
            le: String::from_utf8_lossy(&le).into_owned(),
            count,
        }
    });
    Histogram {
        buckets: buckets.collect(),
        sum: json_number(histogram.sum),
        count: histogram.count(),
    }
}

/// JSON has no NaN and no infinity: those are texts.
fn json_number(value: f64) -> serde_json::Value {
    serde_json::Number::from_f64(value).map_or_else(
        || {
            let mut text = Vec::new();
            number::write(&mut text, value);
            String::from_utf8_lossy(&text).into_owned().into()
        },
        serde_json::Value::Number,
    )
}

/// Delete every series that one of the selectors matches. A selector that looks at names only deletes metrics whole;
/// otherwise the metric stays, even without series.
#[utoipa::path(
    delete, path = "/api/v1/series", tag = "json",
    params(("match[]" = Vec<String>, Query), ("dry_run" = Option<bool>, Query, description = "Only say what would go")),
    responses((status = 200, body = Deleted), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn delete(
    State(store): State<Store>,
    State(background): State<Background>,
    State(intake): State<Intake>,
    State(reader): State<SelectorReader>,
    request: WriteRequest,
) -> Result<impl IntoResponse, Problem> {
    let parameters = Parameters::read(request.uri.query(), &["match[]", "dry_run"])?;
    let selectors = parameters.selectors(&reader, &request.caller.name).await?;
    if selectors.is_empty() {
        return Err(Problem::bad_request("match[] is missing: say which series"));
    }
    match parameters.one("dry_run")? {
        None | Some("false" | "0") => {}
        Some("" | "true" | "1") => {
            let deleted = would_delete(store, background, &request.caller, selectors).await?;
            return Ok(Json(deleted).into_response());
        }
        Some(other) => {
            return Err(Problem::bad_request(format!(
                "dry_run {other:?} is neither true nor false"
            )));
        }
    }
    // The writer is told which series go, not asked to look for them: everybody waits for it.
    let meant = background.run_of(&request.caller.name, {
        let covered = request.caller.covered();
        move || store.view().deletions(&covered, &selectors)
    });
    let mut changes = meant.await.map_err(|_| Problem::internal())?;
    let mut deleted = 0;
    while changes.len() > DELETED_TOGETHER_MAX {
        let some = changes.split_off(changes.len() - DELETED_TOGETHER_MAX);
        deleted += request.submit_part(&intake, some).await?.applied.deleted;
    }
    // Under the request's idempotency key, if it has one: what comes before may be done again.
    let written = request.submit_each(&intake, changes).await?;
    let done = Deleted {
        deleted: deleted + written.applied.deleted,
        dry_run: false,
        series: Vec::new(),
    };
    Ok((replayed(&written), Json(done)).into_response())
}

async fn would_delete(
    store: Store,
    background: Background,
    caller: &Principal,
    selectors: Vec<Arc<Selector>>,
) -> Result<Deleted, Problem> {
    let covered = caller.covered();
    let key = Arc::clone(&caller.name);
    let matching = background.run_of(&key, move || {
        store.view().matching(&covered, &selectors, DRY_RUN_LISTED_MAX)
    });
    let matching = matching.await.map_err(|_| Problem::internal())?;
    Ok(Deleted {
        deleted: matching.series,
        dry_run: true,
        series: matching.first,
    })
}
