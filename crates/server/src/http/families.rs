//! Lists families.

use axum::{Json, extract::State, http::Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::{error::Problem, query::Parameters};
use crate::{
    auth::{Principal, Scope},
    store::{
        Store,
        view::{FamilyData, Filter},
    },
};

/// The families that the key may see.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Families {
    families: Vec<Family>,
    /// Ask for `after` this to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What all series of one name have in common.
#[derive(Debug, Serialize, ToSchema)]
struct Family {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    help: String,
    unit: String,
    /// A histogram's finite upper bounds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    buckets: Vec<f64>,
    /// How many series it has.
    series: usize,
    /// Milliseconds since 1970.
    created_ms: u64,
}

const PAGE: usize = 1_000;
const PAGE_MAX: usize = 10_000;

/// List the families, by name.
#[utoipa::path(
    get, path = "/api/v1/families", tag = "json",
    params(("prefix" = Option<Vec<String>>, Query, description = "Only those whose names begin so, or with one of several"), ("after" = Option<String>, Query, description = "Begin behind this name"), ("limit" = Option<usize>, Query, description = "How many, 1000 if nothing is said")),
    responses((status = 200, body = Families), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn families(
    State(store): State<Store>,
    caller: Principal,
    uri: Uri,
) -> Result<Json<Families>, Problem> {
    caller.has(Scope::Read)?;
    let parameters = Parameters::read(uri.query(), &["prefix", "after", "limit"])?;
    let (after, limit) = (parameters.one("after")?, parameters.limit(PAGE, PAGE_MAX)?);
    let filter = Filter {
        covered: caller.covered(),
        asked: parameters.prefixes(),
        ..Filter::default()
    };
    let mut shown = store.view().families(&filter, after);
    let families: Vec<Family> = shown.by_ref().take(limit).map(|family| describe(&family)).collect();
    let next = shown.next().and(families.last()).map(|family| family.name.clone());
    Ok(Json(Families { families, next }))
}

fn describe(data: &FamilyData) -> Family {
    let family = &data.family;
    Family {
        name: family.name.to_string(),
        kind: family.kind.as_str(),
        help: family.help.to_string(),
        unit: family.unit.to_string(),
        buckets: family.buckets.bounds().to_vec(),
        series: data.len(),
        created_ms: data.defined.at_ms,
    }
}
