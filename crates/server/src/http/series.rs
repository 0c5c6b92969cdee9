use std::collections::BTreeMap;

use axum::{Json, extract::State, http::Uri, response::IntoResponse};
use nexus_metric::{Labels, text::number};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    error::Problem,
    query::Parameters,
    write_request::{WriteRequest, replayed},
};
use crate::{
    auth::{Principal, Scope},
    exposition::Filter,
    selector::Selector,
    state::{FamilyData, Value, matching},
    write::Change,
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

/// List series with their values.
#[utoipa::path(
    get, path = "/api/v1/series", tag = "json",
    params(("match[]" = Option<Vec<String>>, Query, description = "Selectors; a series that one of them matches is shown"),
        ("after" = Option<String>, Query, description = "`next` of the page before"), ("limit" = Option<usize>, Query, description = "How many, 1000 if nothing is said")),
    responses((status = 200, body = Page), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list(State(api): State<Api>, caller: Principal, uri: Uri) -> Result<Json<Page>, Problem> {
    caller.has(Scope::Read)?;
    let parameters = Parameters::read(uri.query(), &["match[]", "after", "limit"])?;
    let filter = Filter {
        prefixes: vec![caller.prefix().into()],
        selectors: parameters.selectors()?,
    };
    let limit = parameters.limit(PAGE, PAGE_MAX)?;
    let after = parameters.one("after")?.map(Cursor::read).transpose()?;
    Ok(Json(page(&api, &filter, after.as_ref(), limit)))
}

/// Where a page ends: a family's name, a slab and a place in it.
struct Cursor {
    family: String,
    slab: usize,
    offset: usize,
}

impl Cursor {
    fn read(text: &str) -> Result<Self, Problem> {
        let read = || {
            let (slab, rest) = text.split_once(':')?;
            let (offset, family) = rest.split_once(':')?;
            Some(Cursor {
                family: family.to_owned(),
                slab: slab.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        read().ok_or_else(|| Problem::bad_request(format!("after {text:?} is not the `next` of a page")))
    }
}

fn page(api: &Api, filter: &Filter, after: Option<&Cursor>, limit: usize) -> Page {
    let mut series = Vec::new();
    let mut last = None;
    for family in api.store.catalog().families() {
        let name = family.family.name.as_str();
        let shown = filter.shown(&family);
        if after.is_some_and(|after| name < after.family.as_str()) {
            continue;
        }
        let behind = after
            .filter(|after| after.family == name)
            .map(|after| (after.slab, after.offset));
        for (number, slab) in family.slabs().iter().enumerate() {
            let full = slab.with_read(|fixed| {
                for (offset, entry, labels) in fixed.iter() {
                    if behind.is_some_and(|behind| (number, offset) <= behind) || !shown.shows(labels) {
                        continue;
                    }
                    if series.len() == limit {
                        return true;
                    }
                    if let Some(value) = slab.value(offset) {
                        series.push(describe(api, &family, entry, labels, &value));
                        last = Some(format!("{number}:{offset}:{name}"));
                    }
                }
                false
            });
            if full {
                return Page { series, next: last };
            }
        }
    }
    Page { series, next: None }
}

fn describe(api: &Api, family: &FamilyData, entry: &crate::state::Entry, labels: &str, value: &Value) -> Series {
    let (number, histogram) = match value {
        Value::Number(value, _) => (Some(json_number(*value)), None),
        Value::Histogram(histogram) => (None, Some(buckets(family.family.buckets.bounds(), histogram))),
    };
    Series {
        name: family.family.name.to_string(),
        labels: Labels::pairs_of(labels)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        value: number,
        histogram,
        owner: api.store.catalog().owners.name(entry.owner).to_string(),
        created_ms: entry.created_ms,
        changed_ms: value.stamp().at_ms,
    }
}

fn buckets(bounds: &[f64], histogram: &crate::state::Histogram) -> Histogram {
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
pub(super) async fn delete(State(api): State<Api>, request: WriteRequest) -> Result<impl IntoResponse, Problem> {
    let parameters = Parameters::read(request.uri.query(), &["match[]", "dry_run"])?;
    let selectors = parameters.selectors()?;
    if selectors.is_empty() {
        return Err(Problem::bad_request("match[] is missing: say which series"));
    }
    match parameters.one("dry_run")? {
        None | Some("false" | "0") => {}
        Some("" | "true" | "1") => return Ok(Json(would_delete(&api, &request.caller, &selectors)).into_response()),
        Some(other) => {
            return Err(Problem::bad_request(format!(
                "dry_run {other:?} is neither true nor false"
            )));
        }
    }
    let prefix = request.caller.prefix();
    let changes = selectors.into_iter().map(|selector| Change::DeleteMatching {
        selector,
        prefix: prefix.into(),
    });
    let written = request.submit(&api, changes.collect()).await?;
    let done = Deleted {
        deleted: written.applied.deleted,
        dry_run: false,
        series: Vec::new(),
    };
    Ok((replayed(written), Json(done)).into_response())
}

fn would_delete(api: &Api, caller: &Principal, selectors: &[Selector]) -> Deleted {
    let mut found = std::collections::BTreeSet::new();
    for family in api.store.catalog().families() {
        let name = family.family.name.as_str();
        for selector in selectors
            .iter()
            .filter(|selector| caller.covers(name) && selector.matches_name(name))
        {
            let labels = matching(&family, selector);
            found.extend(labels.into_iter().map(|labels| {
                if labels.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}{{{labels}}}")
                }
            }));
        }
    }
    let deleted = found.len() as u64;
    Deleted {
        deleted,
        dry_run: true,
        series: found.into_iter().take(DRY_RUN_LISTED_MAX).collect(),
    }
}
