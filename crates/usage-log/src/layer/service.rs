//! The service that the layer makes.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{MeteredRequest, MeteredResponse, ResponseFuture, Shared, ending::Ending};

/// A service whose requests are recorded.
#[derive(Debug, Clone)]
pub struct Metered<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Metered<S> {
    pub(super) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Metered { inner, shared }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Metered<S>
where
    S: Service<Request<MeteredRequest<B>>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<MeteredResponse<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> ResponseFuture<S::Future> {
        let mut ending = Ending::of(self.shared.clone(), &mut request);
        let request = request.map(|body| MeteredRequest::new(body, ending.record.clone()));
        let inner = &mut self.inner;
        let future = ending.inside(|| inner.call(request));
        ResponseFuture::new(future, ending)
    }
}
