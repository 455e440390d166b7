//! The layer that authenticates before a service.

use std::sync::Arc;

use flowmastery_core::Flowmastery;
use tower_layer::Layer;

use super::{Authenticate, Authentication, Authenticator};
use crate::{denial::Denials, peer::TrustedProxies, site::Site};

/// Authenticates before a service; see the [module](super).
#[derive(Clone, Debug)]
pub struct AuthenticateLayer {
    pub(crate) authentication: Authentication,
}

impl AuthenticateLayer {
    /// Requests of nobody are answered with 401.
    pub fn required(authenticator: Arc<dyn Authenticator>) -> Self {
        Self { authentication: Authentication::new(authenticator, true) }
    }

    /// Requests of nobody pass without an actor; bad credentials are answered with 401 all the same.
    pub fn optional(authenticator: Arc<dyn Authenticator>) -> Self {
        Self { authentication: Authentication::new(authenticator, false) }
    }

    /// The same for an API that browsers find here: its cookies are good for changes from pages of its origin.
    #[must_use]
    pub fn at(self, site: Site) -> Self {
        Self { authentication: self.authentication.at(site) }
    }

    /// The same behind proxies of the operator's own, as [`ApiBuilder::trusted_proxy_hops`](crate::ApiBuilder::trusted_proxy_hops) has it: what
    /// actors do is noted with the address that they come from.
    #[must_use]
    pub fn trusted_proxy_hops(self, hops: u8) -> Self {
        Self { authentication: self.authentication.behind(TrustedProxies(hops)) }
    }

    /// The same, with what it refuses to actors (403, another site's page) noted in the audit log, as tries of the route with this template.
    #[must_use]
    pub fn noting_denials(self, flowmastery: &Flowmastery, route: &'static str) -> Self {
        Self { authentication: self.authentication.noting(Denials::of(flowmastery, route)) }
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate::new(inner, self.authentication.clone())
    }
}
