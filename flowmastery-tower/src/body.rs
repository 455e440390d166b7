//! Response bodies: [`ApiBody`] of the API's own answers, and [`GuardBody`] of what a layer lets through or answers itself.

#[cfg(feature = "dashboard")]
use std::task::ready;
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
#[cfg(feature = "dashboard")]
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
#[cfg(feature = "dashboard")]
use sync_wrapper::SyncWrapper;

/// The body of an answer: bytes that are all there, nothing, or what comes one by one, such as events of a dashboard.
#[derive(Default)]
pub struct ApiBody {
    rest: Option<Bytes>,
    #[cfg(feature = "dashboard")]
    stream: Option<Rest>,
}

/// What comes one by one; hosts want a body that threads may share.
#[cfg(feature = "dashboard")]
type Rest = SyncWrapper<Pin<Box<dyn Stream<Item = Bytes> + Send>>>;

impl ApiBody {
    /// No bytes.
    pub const fn empty() -> Self {
        Self {
            rest: None,
            #[cfg(feature = "dashboard")]
            stream: None,
        }
    }

    /// What comes one by one, until the stream ends.
    #[cfg(feature = "dashboard")]
    pub(crate) fn stream(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self { rest: None, stream: Some(SyncWrapper::new(Box::pin(stream))) }
    }

    /// How many bytes are left to send, as far as they are there.
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
        self.rest.is_none() && !self.has_more()
    }

    /// Whether something may come of which nobody knows how long it is.
    pub(crate) const fn has_more(&self) -> bool {
        #[cfg(feature = "dashboard")]
        return self.stream.is_some();
        #[cfg(not(feature = "dashboard"))]
        false
    }
}

impl From<Bytes> for ApiBody {
    fn from(bytes: Bytes) -> Self {
        let mut body = Self::empty();
        body.rest = (!bytes.is_empty()).then_some(bytes);
        body
    }
}

impl fmt::Debug for ApiBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiBody").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Body for ApiBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let rest = self.rest.take();
        #[cfg(feature = "dashboard")]
        if let (None, Some(stream)) = (&rest, &mut self.stream) {
            let more = ready!(stream.get_mut().as_mut().poll_next(context));
            if more.is_none() {
                self.stream = None;
            }
            return Poll::Ready(more.map(|bytes| Ok(Frame::data(bytes))));
        }
        let _ = context;
        Poll::Ready(rest.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.has_more() { SizeHint::default() } else { SizeHint::with_exact(self.len()) }
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
