//! The layer that authenticates before a service.

use std::sync::Arc;

use tower_layer::Layer;

use super::{Authenticate, Authentication, Authenticator};
use crate::site::Site;

/// Authenticates before a service; see the [module](super).
#[derive(Clone, Debug)]
pub struct AuthenticateLayer {
    authentication: Authentication,
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
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate::new(inner, self.authentication.clone())
    }
}
