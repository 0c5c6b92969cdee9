//! A response that is on its way.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{MeteredResponse, ending::Ending};
use crate::Outcome;

pin_project! {
    /// The future of a [`Metered`](super::Metered) service.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        ending: Option<Ending>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, ending: Ending) -> Self {
        ResponseFuture {
            inner,
            ending: Some(ending),
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<MeteredResponse<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // A future is not polled again after it was ready.
        let Some(mut ending) = this.ending.take() else {
            return Poll::Pending;
        };
        let Poll::Ready(result) = ending.inside(|| this.inner.poll(context)) else {
            *this.ending = Some(ending);
            return Poll::Pending;
        };
        Poll::Ready(match result {
            Ok(response) => {
                let left = ending.answered(&response);
                Ok(response.map(|body| MeteredResponse::new(body, ending, left)))
            }
            Err(error) => {
                ending.end(Outcome::Error);
                Err(error)
            }
        })
    }
}
