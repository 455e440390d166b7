//! The future of an authenticated request: first the check, then the inner service's future.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::Authentication;
use crate::body::{ApiBody, GuardBody};

/// The request with its actor, or the answer that refuses it.
type Checked<B> = Result<Request<B>, Response<ApiBody>>;

pin_project! {
    /// The future of [`Authenticate`](super::Authenticate).
    pub struct AuthenticateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Checking { check: Pin<Box<dyn Future<Output = Checked<B>> + Send>>, inner: S },
        Calling { #[pin] call: S::Future },
    }
}

impl<S: Service<Request<B>>, B: Send + 'static> AuthenticateFuture<S, B> {
    pub(crate) fn new(inner: S, authentication: Authentication, mut request: Request<B>) -> Self {
        let check = Box::pin(async move {
            // Only headers and extensions cross the await: a body need not be `Sync`.
            let mut headers = std::mem::take(request.headers_mut());
            let mut extensions = std::mem::take(request.extensions_mut());
            let method = request.method().clone();
            authentication
                .pass(&method, &mut headers, &mut extensions)
                .await
                .map_err(|problem| problem.response())?;
            *request.headers_mut() = headers;
            *request.extensions_mut() = extensions;
            Ok(request)
        });
        Self { state: State::Checking { check, inner } }
    }
}

impl<S, B, R> Future for AuthenticateFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<GuardBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Checking { check, inner } => match ready!(check.as_mut().poll(context)) {
                    Ok(request) => State::Calling { call: inner.call(request) },
                    Err(refusal) => return Poll::Ready(Ok(refusal.map(GuardBody::refused))),
                },
                StateProjection::Calling { call } => {
                    return call.poll(context).map_ok(|response| response.map(GuardBody::passed));
                }
            };
            state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for AuthenticateFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateFuture").finish_non_exhaustive()
    }
}
