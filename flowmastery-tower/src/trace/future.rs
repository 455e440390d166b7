//! The future of a traced request: the inner service's, inside of its span.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use tracing::Span;

use super::Trail;

pin_project! {
    /// The future of [`Trace`](super::Trace).
    #[derive(Debug)]
    pub struct TraceFuture<F> {
        #[pin]
        call: F,
        span: Span,
        trail: Option<Trail>,
    }
}

impl<F> TraceFuture<F> {
    pub(crate) const fn new(call: F, span: Span, trail: Trail) -> Self {
        Self { call, span, trail: Some(trail) }
    }
}

impl<F, R, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let mut answer = ready!(this.call.poll(context));
        if let (Some(trail), Ok(response)) = (this.trail.take(), &mut answer) {
            trail.close(response.status(), response.headers_mut());
        }
        Poll::Ready(answer)
    }
}
