//! The future of an answer.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;

use crate::body::ApiBody;

/// The future of an answer.
#[must_use]
pub struct ApiFuture {
    answer: Pin<Box<dyn Future<Output = Response<ApiBody>> + Send>>,
}

impl ApiFuture {
    pub(super) fn new(answer: impl Future<Output = Response<ApiBody>> + Send + 'static) -> Self {
        Self { answer: Box::pin(answer) }
    }
}

impl Future for ApiFuture {
    type Output = Result<Response<ApiBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(context).map(Ok)
    }
}

impl fmt::Debug for ApiFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiFuture").finish_non_exhaustive()
    }
}
