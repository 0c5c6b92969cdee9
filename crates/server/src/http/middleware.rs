//! What surrounds every handler, in one function to be read from top to bottom. One layer, since each layer costs every
//! request a box or two and a clone of the route: five of tower-http took 1.2 µs a request where this function takes 0.3
//! (`docs/decisions/015-protocols-are-rows.md`).

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{FromRef, Request},
    http::{
        Version,
        header::{CONTENT_TYPE, HOST},
        uri::Authority,
    },
    middleware::{Next, from_fn},
    response::Response,
};
use futures_util::FutureExt;
use utoipa_axum::router::OpenApiRouter;

use super::{
    AppState, ErrorForm, Problem,
    accounting::{self, Accounting},
    authenticate::{Authentication, RequestTimer},
    error, request_id,
    request_metrics::RequestMetrics,
};
use crate::auth;

/// What the routes of a protocol have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    /// How their errors look.
    pub(crate) errors: ErrorForm,
    /// The media types that their bodies may have; if there are none, it does not matter what a client says.
    pub(crate) content_types: &'static [&'static str],
    /// Whether a key is needed.
    pub(crate) keyed: bool,
}

impl Surroundings {
    /// For the hub's own API.
    pub(crate) const OWN: Self = Surroundings {
        errors: error::by_accept,
        content_types: &[],
        keyed: true,
    };

    /// For what answers whoever asks.
    pub(crate) const OPEN: Self = Surroundings {
        errors: error::by_accept,
        content_types: &[],
        keyed: false,
    };
}

/// What the middleware works with.
struct Middleware {
    around: Surroundings,
    requests: Arc<RequestMetrics>,
    authentication: Authentication,
    accounting: Accounting,
}

/// Surrounds all of the routes, and what answers if none of them is meant.
pub(crate) fn surround(
    routes: OpenApiRouter<AppState>,
    state: &AppState,
    around: Surroundings,
) -> OpenApiRouter<AppState> {
    let middleware = Arc::new(Middleware {
        around,
        requests: FromRef::from_ref(state),
        authentication: Authentication::from_ref(state),
        accounting: Accounting::from_ref(state),
    });
    routes.layer(from_fn(move |request, next| {
        let middleware = Arc::clone(&middleware);
        async move { middleware.handle(request, next).await }
    }))
}

impl Middleware {
    async fn handle(&self, request: Request, next: Next) -> Response {
        // In a box, since each step that waits would have room for one of its own.
        let mut request = Box::new(request);
        let id = request_id::sent(request.headers());
        auth::hide_keys(request.headers_mut());
        accounting::pace(&request);
        let timer = RequestTimer::begin(&request);
        let render = (self.around.errors)(request.headers());
        // What a panic leaves half done is the request, which nobody sees again.
        let answer = AssertUnwindSafe(self.answer(request, next, render))
            .catch_unwind()
            .await;
        let mut answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(problem)) => problem.render(render),
            Err(_) => Problem::internal().render(render),
        };
        request_id::answer(id, timer.method(), timer.route(), &mut answer);
        timer.end(&self.requests, &answer);
        answer
    }

    /// The answer, with the body that it is sent with: errors of handlers are charged like others. What is refused before it
    /// comes to a handler is a problem.
    async fn answer(&self, request: Box<Request>, next: Next, render: error::Render) -> Result<Response, Problem> {
        check_host(&request)?;
        let handle = async |request: Box<Request>| match self.check_content_type(&request) {
            Ok(()) => error::render(render, next.run(*request).await),
            Err(problem) => problem.render(render),
        };
        if !self.around.keyed {
            return Ok(handle(request).await);
        }
        let principal = self.authentication.authenticate(&request)?;
        self.accounting.admit(principal, request, handle).await
    }

    /// A body may come without a type: then it is for the handler to read it as what it takes it for.
    fn check_content_type(&self, request: &Request) -> Result<(), Problem> {
        let known = self.around.content_types;
        let Some(kind) = request.headers().get(CONTENT_TYPE).filter(|_| !known.is_empty()) else {
            return Ok(());
        };
        let kind = String::from_utf8_lossy(kind.as_bytes());
        let essence = kind.split(';').next().unwrap_or_default().trim();
        match known.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
            true => Ok(()),
            false => Err(Problem::unsupported_type(essence, known)),
        }
    }
}

/// HTTP/1.1 wants exactly one host, which other versions may leave out; none may give two, since whoever stands between may
/// have looked at the other one (RFC 9112, 3.2).
fn check_host(request: &Request) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let detail = match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => "there is no Host",
        (_, Some(_)) => "there is more than one Host",
        (Some(host), None) if !is_host(host.as_bytes()) => "the Host is not a host with or without a port",
        _ => return Ok(()),
    };
    Err(Problem::bad_request(detail))
}

/// It may be empty: then the request is for no host.
fn is_host(host: &[u8]) -> bool {
    let host = host.strip_suffix(b":").unwrap_or(host);
    let has_port = host
        .rsplit(|byte| *byte == b']')
        .next()
        .is_some_and(|rest| rest.contains(&b':'));
    let is_authority = |authority: Authority| authority.port().is_some() == has_port;
    host.is_empty() || (Authority::try_from(host).is_ok_and(is_authority) && !host.contains(&b'@'))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_request_has_the_host_that_its_version_wants() {
        let check = |version: Version, hosts: &[&str], expected: bool| {
            let mut request = Request::builder().version(version);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let found = check_host(&request.body(Body::empty()).unwrap());
            assert_eq!(found.is_ok(), expected, "{version:?} {hosts:?}");
        };
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            check(version, &["a"], true);
            check(version, &["hub.example:3000"], true);
            check(version, &["[::1]:3000"], true);
            check(version, &[""], true);
            check(version, &["a", "b"], false);
            check(version, &["a", "a"], false);
            check(version, &["a b"], false);
            check(version, &["a/b"], false);
            check(version, &["me@a"], false);
            check(version, &["a:port"], false);
            check(version, &[], version != Version::HTTP_11);
        }
    }
}
