//! Every request is on the account of its key: whether it may go on, how fast its bodies flow, and what it used.

mod heads;
mod metered_body;
mod request_usage;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{Method, Uri},
    response::{IntoResponse, Response},
};
use http_body::Body as _;
use nexus_throttle::Direction;
use nexus_usage::{Amount, Reservation};

use self::{
    heads::Heads,
    metered_body::MeteredBody,
    request_usage::{LogDimensions, RequestUsage},
};
use super::{Api, Caller, error::Problem};
use crate::{
    accounts::{Account, Refused},
    serve::ConnectionInfo,
};

/// Whether a request is of those by which an operator undoes a limit that is too tight: no limit holds them up.
fn is_operators(uri: &Uri) -> bool {
    let path = uri.path();
    path.starts_with("/-/") || path.starts_with("/api/v1/admin")
}

/// Whether a request is let through although its key has used up what it may: what makes room, and what tells how much is left.
fn is_free(request: &Request) -> bool {
    request.method() == Method::DELETE || request.uri().path() == super::usage::PATH || is_operators(request.uri())
}

/// Tells the connection whether it may be slowed down for this request, whoever sent it.
pub(super) fn pace(request: &Request) {
    if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
        connection.set_exempt(is_operators(request.uri()));
    }
}

/// Lets requests go on that are within their key's limits, lets their bodies flow as fast as the key may, and counts them.
pub(super) async fn charge(
    api: &Api,
    caller: Caller,
    mut request: Box<Request>,
    handle: impl AsyncFnOnce(Box<Request>) -> Response,
) -> Response {
    let account = api.accounts.of(&caller.key.name);
    if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
        connection.join(account.bandwidth());
    }
    let paced = !is_operators(request.uri());
    let admission = Admission::of(&request);
    let about = about(api, &caller, &request);
    let reservation = match admission.admit(&account).await {
        Ok(reservation) => reservation,
        Err(refused) => return Problem::from(refused).into_response(),
    };
    let usage = Arc::new(RequestUsage::new(reservation, api.usage_log.clone(), about));
    let wrap = |body: Body, direction| {
        if body.is_end_stream() {
            return body;
        }
        let node = paced.then(|| account.bandwidth().own().clone());
        Body::new(MeteredBody::new(body, usage.clone(), node, direction))
    };
    request.extensions_mut().insert(caller);
    let body = request.body_mut();
    *body = wrap(std::mem::take(body), Direction::Read);
    let response = handle(request).await;
    match announced(response.body()).map(|bytes| usage.reserve(Direction::Write, bytes)) {
        Some(Err(refusal)) => {
            let refused = Problem::from(Refused::UsedUp(refusal)).into_response();
            usage.answered(&refused);
            refused
        }
        Some(Ok(())) | None => {
            usage.answered(&response);
            if response.body().is_end_stream() {
                usage.completed();
            }
            response.map(|body| wrap(body, Direction::Write))
        }
    }
}

/// What the usage log says of the request; costs nothing if there is none.
fn about(api: &Api, caller: &Caller, request: &Request) -> LogDimensions {
    let log = &api.usage_log;
    if !log.is_enabled() {
        return LogDimensions::default();
    }
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str);
    LogDimensions {
        key: Arc::clone(&caller.key.name),
        service: log.intern("hub"),
        route: log.intern(route),
        client: super::authenticate::client_id(request).map_or_else(Arc::default, Arc::from),
        method: log.intern(known(request.method())),
        heads: Heads::of(request),
    }
}

/// The methods that are admission for here; a client must not be able to think up series of the usage log.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE | Method::OPTIONS => method.as_str(),
        _ => "other",
    }
}

/// What a request tells beforehand of what it will use.
struct Admission {
    free: bool,
    /// How long its body is, if it says so.
    announced: Option<u64>,
    reads: bool,
}

impl Admission {
    fn of(request: &Request) -> Self {
        Admission {
            free: is_free(request),
            announced: announced(request.body()),
            reads: matches!(*request.method(), Method::GET | Method::HEAD),
        }
    }

    async fn admit(&self, account: &Account) -> Result<Option<Reservation>, Refused> {
        if self.free {
            return Ok(account.exempt());
        }
        let proposed = Amount {
            api_requests: 1,
            ingress_bytes: self.announced.unwrap_or(1),
            // What is read has an answer of at least something: to ask for it when nothing is left is in vain.
            egress_bytes: u64::from(self.reads),
        };
        account.admit(proposed).await
    }
}

/// How long a body is, if it says so.
fn announced(body: &Body) -> Option<u64> {
    body.size_hint().exact()
}
