//! What surrounds every handler. One layer, since each layer costs every request a box or two and a clone of the route.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use super::{
    Api, accounting,
    authenticate::{self, RequestTimer},
    error::{self, Form},
};

// The request is in a box, since each step that waits would have room for one of its own.

/// For what may be asked without a key: pace the connection, count, catch panics, give errors their body.
pub(super) async fn without_auth(api: Api, request: Request, next: Next) -> Response {
    outside(&api, Box::new(request), async |request, _| next.run(*request).await).await
}

/// For everything else: inside of that, authenticate and charge the key, for the bodies of errors too.
pub(super) async fn with_auth(api: Api, request: Request, next: Next) -> Response {
    let inside = async |request: Box<Request>, form: Form| match authenticate::authenticate(&api, &request) {
        Ok(caller) => {
            let handle = async |request: Box<Request>| error::render(form, next.run(*request).await);
            accounting::charge(&api, caller, request, handle).await
        }
        Err(problem) => problem.into_response(),
    };
    outside(&api, Box::new(request), inside).await
}

async fn outside(
    api: &Api,
    request: Box<Request>,
    inside: impl AsyncFnOnce(Box<Request>, Form) -> Response,
) -> Response {
    accounting::pace(&request);
    let counted = RequestTimer::begin(&request);
    let form = Form::accepted(request.headers());
    // What a panic leaves half done is the request, which nobody sees again.
    let answer = AssertUnwindSafe(inside(request, form)).catch_unwind().await;
    let answer = error::render(form, answer.unwrap_or_else(|_| error::panicked()));
    counted.end(api, &answer);
    answer
}
