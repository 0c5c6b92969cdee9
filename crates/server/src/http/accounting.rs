//! Every request is on the account of its key: whether it may go on, how fast its bodies flow, and what it used.

mod metered_body;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRef, Request},
    http::Method,
    response::{IntoResponse, Response},
};
use http_body::Body as _;
use nexus_throttle::Direction;
use nexus_usage::Amount;
use nexus_usage_log::layer::{request_head_bytes, response_head_bytes};

use self::metered_body::MeteredBody;
use super::{AppState, error::Problem};
use crate::{
    accounts::Refused,
    auth::{Principal, Scope},
    intake::{Announced, Exemption, Intake, LogDimensions},
    serve::Exchange,
    usage_log::OWN_SERVICE,
};

/// Whether a request is of those by which an operator undoes a limit that is too tight: no limit holds them up.
///
/// It is asked of the route, so that a path that only begins like one is nobody's.
fn is_operators(request: &Request) -> bool {
    let route = super::authenticate::route(request);
    route.starts_with("/-/") || route.starts_with("/api/v1/admin/")
}

/// Which limits let a request through: what makes room, and what tells how much is left, although the month's are used up.
fn exemption(principal: &Principal, request: &Request) -> Exemption {
    let makes_room = request.method() == Method::DELETE && request.body().is_end_stream();
    match is_operators(request) && principal.has(Scope::Admin).is_ok() {
        true => Exemption::All,
        false if makes_room || request.uri().path() == super::usage::PATH => Exemption::Monthly,
        false => Exemption::None,
    }
}

/// Tells the connection whether it may be slowed down for this request, whoever sent it.
pub(super) fn pace(request: &Request) {
    if let Some(exchange) = request.extensions().get::<Exchange>() {
        exchange.set_exempt(is_operators(request));
    }
}

/// Puts requests on the account of their key.
#[derive(Debug)]
pub(super) struct Accounting {
    intake: Intake,
}

impl FromRef<AppState> for Accounting {
    fn from_ref(state: &AppState) -> Self {
        Accounting {
            intake: Intake::from_ref(state),
        }
    }
}

impl Accounting {
    /// Lets requests go on that are within their key's limits, lets their bodies flow as fast as the key may, and counts them.
    pub(super) async fn admit(
        &self,
        principal: Principal,
        mut request: Box<Request>,
        handle: impl AsyncFnOnce(Box<Request>) -> Response,
    ) -> Result<Response, Problem> {
        // Whoever serves the request put it there.
        let exchange = request.extensions().get::<Exchange>().cloned();
        let exchange = exchange.ok_or_else(Problem::internal)?;
        let account = self.intake.account(&principal);
        exchange.join(account.bandwidth());
        let paced = !is_operators(&request);
        let announced = self.announced(&principal, &request);
        let usage = self.intake.admit(principal, account, announced).await?;
        let usage = exchange.admitted(usage);
        // A connection that knows what a request took needs no estimate.
        let is_estimated = usage.is_logged() && !exchange.knows_wire_bytes();
        if is_estimated {
            usage.received_head(request_head_bytes(&request));
        }
        let wrap = |body: Body, direction| {
            if body.is_end_stream() {
                return body;
            }
            let limiter = paced.then(|| usage.limiter());
            Body::new(MeteredBody::new(body, exchange.clone(), limiter, direction))
        };
        let body = request.body_mut();
        *body = wrap(std::mem::take(body), Direction::Read);
        let response = handle(request).await;
        let answered = |response: &Response| {
            let head_bytes = if is_estimated { response_head_bytes(response) } else { 0 };
            usage.answered(response.status().as_u16(), head_bytes);
        };
        if let Some(bytes) = length(response.body())
            && let Err(refusal) = usage.reserve(Direction::Write, bytes)
        {
            let refused = Problem::from(Refused::UsedUp(refusal));
            answered(&refused.clone().into_response());
            return Err(refused);
        }
        answered(&response);
        if response.body().is_end_stream() {
            usage.completed();
        }
        Ok(response.map(|body| wrap(body, Direction::Write)))
    }

    /// What a request tells beforehand of what it will use.
    fn announced(&self, principal: &Principal, request: &Request) -> Announced {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        Announced {
            amount: Amount {
                api_requests: 1,
                ingress_bytes: length(request.body()).unwrap_or(1),
                // What is read has an answer of at least something: to ask for it when nothing is left is in vain.
                egress_bytes: u64::from(reads),
            },
            exemption: exemption(principal, request),
            dimensions: self.dimensions(request),
        }
    }

    /// What the usage log says of the request; costs nothing if there is none.
    fn dimensions(&self, request: &Request) -> LogDimensions {
        let log = &self.intake.usage_log;
        if !log.is_enabled() {
            return LogDimensions::default();
        }
        LogDimensions {
            service: log.intern(OWN_SERVICE),
            route: log.intern(super::authenticate::route(request)),
            client: super::authenticate::client_id(request).map_or_else(Arc::default, Arc::from),
            method: log.intern(known(request.method())),
        }
    }
}

/// The methods that are told apart; a client must not be able to think up series of the usage log.
pub(super) fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE | Method::OPTIONS => method.as_str(),
        _ => "other",
    }
}

/// How long a body is, if it says so.
fn length(body: &Body) -> Option<u64> {
    body.size_hint().exact()
}
