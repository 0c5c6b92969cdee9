//! The simple API: one metric, one verb, plain text.

use axum::{
    Extension, Router,
    extract::State,
    http::{StatusCode, Uri, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use nexus_metric::text::number;

use super::{
    Api, Caller,
    error::Problem,
    submit,
    write_request::{WriteRequest, Written},
};
use crate::{
    auth::Scope,
    clients,
    clock::now_ms,
    ingest::rest::{self, Verb},
    store::view::{Missing, Value},
};

/// metric-nexus' own clients write `/metric/` as often as `/metric`.
pub(super) fn with_trailing_slash() -> Router<Api> {
    Router::new()
        .route("/{metric}/", get(read).post(create).put(set).delete(delete))
        .route("/{metric}/{verb}/", put(change))
}

/// Make a metric; the body is its description.
#[utoipa::path(
    post, path = "/{metric}", tag = "simple",
    params(
        ("metric" = String, Path, description = "The name: percent-decoded, in lower case; `-`, blank and `.` become `_`"),
        ("__type__" = Option<String>, Query, description = "gauge (default), counter, histogram or untyped"),
        ("__help__" = Option<String>, Query, description = "The description, if the body is empty"),
        ("__unit__" = Option<String>, Query, description = "The unit, a suffix of the name"),
        ("__buckets__" = Option<String>, Query, description = "A histogram's upper bounds: `0.1,1,10`"),
    ),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 201, description = "It was made; `Location` has its name"), (status = 200, description = "It exists already, and was not changed"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn create(State(api): State<Api>, request: WriteRequest) -> Result<Response, Problem> {
    let (name, written) = write(&api, Verb::Create, &request).await?;
    let header = written.header();
    Ok(if written.applied.created == 0 {
        (header, "OK").into_response()
    } else {
        (StatusCode::CREATED, header, [(LOCATION, format!("/{name}"))], "Created").into_response()
    })
}

/// Read one series: its number as text.
#[utoipa::path(
    get, path = "/{metric}", tag = "simple", params(("metric" = String, Path), ),
    responses((status = 200, body = f64, content_type = "text/plain"), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn read(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let target = rest::target(metric(&uri), uri.query().unwrap_or_default())?;
    let (name, labels) = (target.family.as_str(), &target.labels);
    caller.key.may(Scope::Read, name)?;
    if name == clients::METRIC && labels.as_str().is_empty() {
        return Ok(api.clients.active(now_ms()).to_string().into_response());
    }
    match api.store.view().value(name, labels.as_str()) {
        Err(Missing::Family) => Err(Problem::not_found(format!("there is no metric {name}"))),
        Err(Missing::Series) => Err(Problem::not_found(format!("there is no series {name}{labels}"))),
        Ok(Value::Histogram(_)) => Err(Problem::conflict(format!(
            "{name} is a histogram, not one number: read /api/v1/series?match[]={name}"
        ))),
        Ok(Value::Number(value, _)) => {
            let mut text = Vec::new();
            number::write(&mut text, value);
            Ok(([("content-type", "text/plain; charset=utf-8")], text).into_response())
        }
    }
}

/// Give a series a value; the body is the number.
#[utoipa::path(
    put, path = "/{metric}", tag = "simple", params(("metric" = String, Path), ),
    request_body(content = f64, content_type = "text/plain"),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn set(State(api): State<Api>, request: WriteRequest) -> Result<Response, Problem> {
    no_content(&api, Verb::Set, &request).await
}

/// Delete a metric, or with labels exactly one series.
#[utoipa::path(
    delete, path = "/{metric}", tag = "simple", params(("metric" = String, Path), ),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn delete(State(api): State<Api>, request: WriteRequest) -> Result<Response, Problem> {
    no_content(&api, Verb::Delete, &request).await
}

/// Change a series: `inc`, `dec`, or `add`, `sub`, `observe` with the number in the body.
#[utoipa::path(
    put, path = "/{metric}/{verb}", tag = "simple",
    params(("metric" = String, Path), ("verb" = String, Path, description = "inc, dec, add, sub or observe")),
    request_body(content = f64, content_type = "text/plain"),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn change(State(api): State<Api>, request: WriteRequest) -> Result<Response, Problem> {
    let verb = match request.uri.path().split('/').nth(2) {
        Some("inc") => Verb::Increment,
        Some("dec") => Verb::Decrement,
        Some("add") => Verb::Add,
        Some("sub") => Verb::Subtract,
        Some("observe") => Verb::Observe,
        other => {
            return Err(Problem::not_found(format!(
                "there is no operation {:?}: use inc, dec, add, sub or observe",
                other.unwrap_or_default()
            )));
        }
    };
    no_content(&api, verb, &request).await
}

async fn no_content(api: &Api, verb: Verb, request: &WriteRequest) -> Result<Response, Problem> {
    let (_, written) = write(api, verb, request).await?;
    Ok((StatusCode::NO_CONTENT, written.header()).into_response())
}

/// The metric's name as it was understood, and what happened.
async fn write(api: &Api, verb: Verb, request: &WriteRequest) -> Result<(String, Written), Problem> {
    let query = request.uri.query().unwrap_or_default();
    let target = rest::target(metric(&request.uri), query)?;
    let name = target.family.to_string();
    let change = rest::change(verb, target, query, &request.body)?;
    Ok((name, submit::one(api, request, change).await?))
}

/// The first segment of the path as it was sent: decoding comes after splitting, so that `%2F` stays in the name.
fn metric(uri: &Uri) -> &str {
    uri.path().split('/').nth(1).unwrap_or_default()
}
