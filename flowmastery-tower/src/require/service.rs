//! The service that insists on a permission before another.

use std::task::{Context, Poll};

use flowmastery_core::access::permission::Permission;
use http::{Request, Response};
use tower_service::Service;

use super::RequirePermissionFuture;
use crate::{body::GuardBody, request_id::RequestId};

/// Insists on a permission before the inner service; see the [module](super).
#[derive(Clone, Copy, Debug)]
pub struct RequirePermission<S> {
    inner: S,
    permission: Permission,
}

impl<S> RequirePermission<S> {
    pub(crate) const fn new(inner: S, permission: Permission) -> Self {
        Self { inner, permission }
    }
}

impl<S, B, R> Service<Request<B>> for RequirePermission<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<GuardBody<R>>;
    type Error = S::Error;
    type Future = RequirePermissionFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match super::check(self.permission, request.extensions()) {
            Ok(()) => RequirePermissionFuture::calling(self.inner.call(request)),
            Err(problem) => {
                let refusal = problem.into_response(&RequestId::of(request.headers()));
                RequirePermissionFuture::refused(refusal)
            }
        }
    }
}
