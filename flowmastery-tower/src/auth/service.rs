//! The service that authenticates before another.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{AuthenticateFuture, Authentication};
use crate::body::GuardBody;

/// Authenticates before the inner service; see the [module](super).
#[derive(Clone, Debug)]
pub struct Authenticate<S> {
    inner: S,
    authentication: Authentication,
}

impl<S> Authenticate<S> {
    pub(crate) fn new(inner: S, authentication: Authentication) -> Self {
        Self { inner, authentication }
    }
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    B: Send + 'static,
{
    type Response = Response<GuardBody<R>>;
    type Error = S::Error;
    type Future = AuthenticateFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The ready service goes into the future, the clone stays: a clone need not be ready.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        AuthenticateFuture::new(ready, self.authentication.clone(), request)
    }
}
