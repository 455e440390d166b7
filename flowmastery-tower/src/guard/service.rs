//! The service that asks something of a request's actor before another.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{Check, GuardFuture};
use crate::body::GuardBody;

/// Asks something of the actor before the inner service; see [`require`](crate::require) and [`tenant`](crate::tenant).
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    check: Check,
}

impl<S> Guard<S> {
    pub(crate) const fn new(inner: S, check: Check) -> Self {
        Self { inner, check }
    }
}

impl<S, B, R> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<GuardBody<R>>;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match self.check.pass(&parts.method, parts.uri.path(), &parts.headers, &mut parts.extensions) {
            Ok(()) => GuardFuture::calling(self.inner.call(Request::from_parts(parts, body))),
            Err(problem) => GuardFuture::refused(problem.response()),
        }
    }
}
