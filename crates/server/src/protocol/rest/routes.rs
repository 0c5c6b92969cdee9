//! Takes the requests of the simple API.

use axum::{
    Router,
    extract::{FromRef, State},
    http::{StatusCode, Uri, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use nexus_metric::{Name, text::number};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::parse::{Address, Addressed, Verb, decoded_name};
use crate::{
    auth::{Principal, Scope},
    clients::{self, Clients},
    clock::now_ms,
    http::{AppState, Problem, Reserved, WriteRequest, replayed},
    intake::{Intake, Written},
    store::{
        Store,
        view::{Missing, Value, View},
    },
};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    // metric-nexus' own clients write `/metric/` as often as `/metric`. `__metrics` is read by who scrapes; no verb makes it
    // a metric.
    let beside = Router::new()
        .route("/{metric}/", get(read).post(create).put(set).delete(delete))
        .route("/{metric}/{verb}/", put(change))
        .route("/__metrics", post(create).put(set).delete(delete));
    OpenApiRouter::from(beside)
        .routes(routes!(create, read, set, delete))
        .routes(routes!(change))
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
async fn create(State(simple): State<Simple>, request: WriteRequest) -> Result<Response, Problem> {
    let (name, written) = simple.write(Verb::Create, &request).await?;
    let header = replayed(&written);
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
async fn read(
    State(store): State<Store>,
    State(clients): State<Clients>,
    State(reserved): State<Reserved>,
    caller: Principal,
    uri: Uri,
) -> Result<Response, Problem> {
    let Addressed { target, .. } = Address::of(&uri).read(&reserved, |name| store.view().meant(name))?;
    let (name, labels) = (target.family.as_str(), &target.labels);
    caller.may(Scope::Read, name)?;
    if name == clients::METRIC && labels.as_str().is_empty() {
        return Ok(clients.active(now_ms()).to_string().into_response());
    }
    match store.view().value(name, labels.as_str()) {
        Err(Missing::Family) => Err(Problem::not_found(
            match named_before(store.view(), &uri, &target.family.name()) {
                None => format!("there is no metric {name}"),
                Some(old) => no_more(&target.family.name(), &old),
            },
        )),
        Err(Missing::Series) => {
            let known = Vec::from_iter(store.view().label_names(name)).join(", ");
            let hint = match &*known {
                "" => String::new(),
                known => format!("; those that are there have labels: {known}"),
            };
            Err(Problem::not_found(format!("there is no series {name}{labels}{hint}")))
        }
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
async fn set(State(simple): State<Simple>, request: WriteRequest) -> Result<Response, Problem> {
    simple.no_content(Verb::Set, &request).await
}

/// Delete a metric, or with labels exactly one series.
#[utoipa::path(
    delete, path = "/{metric}", tag = "simple", params(("metric" = String, Path), ),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn delete(State(simple): State<Simple>, request: WriteRequest) -> Result<Response, Problem> {
    simple.no_content(Verb::Delete, &request).await
}

/// Change a series: `inc`, `dec`, or `add`, `sub`, `observe` with the number in the body.
#[utoipa::path(
    put, path = "/{metric}/{verb}", tag = "simple",
    params(("metric" = String, Path), ("verb" = String, Path, description = "inc, dec, add, sub or observe")),
    request_body(content = f64, content_type = "text/plain"),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn change(State(simple): State<Simple>, request: WriteRequest) -> Result<Response, Problem> {
    let verb = Address::of(&request.uri).verb;
    let verb = verb.parse().map_err(|()| {
        Problem::not_found(format!(
            "there is no operation {verb:?}: use inc, dec, add, sub or observe"
        ))
    })?;
    simple.no_content(verb, &request).await
}

/// What makes changes of requests.
#[derive(Clone)]
struct Simple {
    intake: Intake,
    reserved: Reserved,
}

impl FromRef<AppState> for Simple {
    fn from_ref(state: &AppState) -> Self {
        Simple {
            intake: Intake::from_ref(state),
            reserved: Reserved::from_ref(state),
        }
    }
}

impl Simple {
    async fn no_content(&self, verb: Verb, request: &WriteRequest) -> Result<Response, Problem> {
        let (_, written) = self.write(verb, request).await?;
        Ok((StatusCode::NO_CONTENT, replayed(&written)).into_response())
    }

    /// The metric's name as it was understood, and what happened.
    async fn write(&self, verb: Verb, request: &WriteRequest) -> Result<(Name, Written), Problem> {
        let view = self.intake.store.view();
        let addressed = Address::of(&request.uri).read(&self.reserved, |name| view.meant(name))?;
        let name = addressed.target.family.name();
        if let Some(old) = named_before(view, &request.uri, &name) {
            match addressed.target.define.definition() {
                None if verb != Verb::Create => return Err(Problem::not_found(no_more(&name, &old))),
                _ => {
                    tracing::warn!(%name, %old, "metric-nexus had this metric under the other name: what is there is not in the new one");
                }
            }
        }
        let change = addressed.change(verb, &request.body)?;
        Ok((name, request.submit_one(&self.intake, change).await?))
    }
}

/// The metric that metric-nexus, which dropped dots, had under a name with dots; none if there is one of the name as it is now.
fn named_before(view: &View, uri: &Uri, name: &Name) -> Option<Name> {
    let sent = decoded_name(Address::of(uri).metric).ok()?;
    if !sent.contains('.') || view.meant(name.as_str()).is_some() {
        return None;
    }
    view.meant(&sent.replace('.', ""))
}

fn no_more(name: &Name, old: &Name) -> String {
    format!(
        "there is no metric {name}; metric-nexus dropped dots and called it {old}, which is there: use that name, or make {name} anew"
    )
}
