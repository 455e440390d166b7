//! The service that traces another.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{TraceFuture, layer::Tracing};

/// Traces what the inner service answers; see the [module](super).
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
    tracing: Tracing,
}

impl<S> Trace<S> {
    pub(crate) const fn new(inner: S, tracing: Tracing) -> Self {
        Self { inner, tracing }
    }
}

impl<S, B, R> Service<Request<B>> for Trace<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let trail = self.tracing.begin(&parts.method, &mut parts.headers, &mut parts.extensions);
        let request = Request::from_parts(parts, body);
        let span = trail.span();
        let call = span.in_scope(|| self.inner.call(request));
        TraceFuture::new(call, span, trail)
    }
}
