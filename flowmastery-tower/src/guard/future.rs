//! The future of a guarded request: the inner service's, or the refusal.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::body::{ApiBody, GuardBody};

pin_project! {
    /// The future of [`Guard`](super::Guard).
    #[derive(Debug)]
    pub struct GuardFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F> {
        Calling { #[pin] call: F },
        Refused { refusal: Response<ApiBody> },
    }
}

impl<F> GuardFuture<F> {
    pub(crate) const fn calling(call: F) -> Self {
        Self { state: State::Calling { call } }
    }

    pub(crate) const fn refused(refusal: Response<ApiBody>) -> Self {
        Self { state: State::Refused { refusal } }
    }
}

impl<F, R, E> Future for GuardFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<GuardBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Calling { call } => {
                call.poll(context).map_ok(|response| response.map(GuardBody::passed))
            }
            StateProjection::Refused { refusal } => {
                Poll::Ready(Ok(std::mem::take(refusal).map(GuardBody::refused)))
            }
        }
    }
}
