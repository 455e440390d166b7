//! Response bodies: [`ApiBody`] of the API's own answers, and [`GuardBody`] of what a layer lets through or answers itself.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// The body of an answer: bytes that are all there, or nothing.
#[derive(Debug, Default)]
pub struct ApiBody {
    rest: Option<Bytes>,
}

impl ApiBody {
    /// No bytes.
    pub const fn empty() -> Self {
        Self { rest: None }
    }

    /// How many bytes are left to send.
    pub fn len(&self) -> u64 {
        self.rest.as_ref().map_or(0, |rest| rest.len() as u64)
    }

    /// The bytes that are left to send.
    #[cfg(feature = "poem")]
    pub(crate) fn into_bytes(self) -> Bytes {
        self.rest.unwrap_or_default()
    }

    /// Whether nothing is left to send.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_none()
    }
}

impl From<Bytes> for ApiBody {
    fn from(bytes: Bytes) -> Self {
        Self { rest: (!bytes.is_empty()).then_some(bytes) }
    }
}

impl Body for ApiBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.rest.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

pin_project! {
    /// The body of a guarded service: its own, or that of the problem with which the guard answered in its place.
    #[derive(Debug)]
    pub struct GuardBody<B> {
        #[pin]
        kind: GuardKind<B>,
    }
}

pin_project! {
    #[project = GuardProjection]
    #[derive(Debug)]
    enum GuardKind<B> {
        Passed { #[pin] body: B },
        Refused { #[pin] body: ApiBody },
    }
}

impl<B> GuardBody<B> {
    pub(crate) const fn passed(body: B) -> Self {
        Self { kind: GuardKind::Passed { body } }
    }

    pub(crate) const fn refused(body: ApiBody) -> Self {
        Self { kind: GuardKind::Refused { body } }
    }
}

impl<B: Body<Data = Bytes>> Body for GuardBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            GuardProjection::Passed { body } => body.poll_frame(context),
            GuardProjection::Refused { body } => {
                body.poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            GuardKind::Passed { body } => body.is_end_stream(),
            GuardKind::Refused { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            GuardKind::Passed { body } => body.size_hint(),
            GuardKind::Refused { body } => body.size_hint(),
        }
    }
}
