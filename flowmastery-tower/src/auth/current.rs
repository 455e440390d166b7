//! The actor of a request, for whoever comes after the authentication, and for the trace around it.

use std::sync::{Arc, OnceLock};

use flowmastery_core::access::actor::Actor;
use http::Extensions;
#[cfg(any(feature = "axum", feature = "poem"))]
use {
    crate::{problem::Problem, request_id::RequestId},
    http::HeaderMap,
};

/// Who makes a request, as [`AuthenticateLayer`](crate::AuthenticateLayer) found. An extractor with the features `axum` and `poem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentActor(pub Actor);

impl CurrentActor {
    /// The actor in a request's extensions; `None` for nobody, and where no authentication stands before.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied().map(Self)
    }

    /// The actor of a request that has to have one.
    #[cfg(any(feature = "axum", feature = "poem"))]
    pub(crate) fn required(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Problem> {
        Self::of(extensions).ok_or_else(|| Problem::unauthenticated().in_request(RequestId::of(headers)))
    }
}

/// Where an authentication tells the trace around it whom it found, also when the request is refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<OnceLock<Actor>>);

impl Seen {
    /// Tells whom.
    pub(crate) fn note(&self, actor: Actor) {
        // Of several authentications the outermost is believed.
        let _ = self.0.set(actor);
    }

    /// Whom it was told of.
    pub(crate) fn actor(&self) -> Option<Actor> {
        self.0.get().copied()
    }
}
