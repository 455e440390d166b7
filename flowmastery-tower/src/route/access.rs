//! Who may call a route.

use flowmastery_core::access::{actor::Actor, permission::Permission};
use http::request::Parts;

use crate::{
    auth::{Authentication, Credentials},
    problem::Problem,
};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody; nobody is authenticated.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever is signed in with a role that has the permission.
    Requires(Permission),
}

impl Access {
    /// The caller, where the route wants one; whether they may call it, and from this page, is for others to say.
    ///
    /// # Errors
    /// 401 for nobody, 503 when credentials cannot be checked.
    pub(crate) async fn identify(
        self,
        authentication: &Authentication,
        parts: &Parts,
    ) -> Result<Option<Actor>, Problem> {
        match self {
            Self::Public => Ok(None),
            Self::SignedIn | Self::Requires(_) => {
                authentication.identify(Credentials::new(&parts.headers, &parts.extensions)).await
            }
        }
    }

    /// Makes sure that the caller may call the route.
    ///
    /// # Errors
    /// 403 for the wrong role.
    pub(crate) fn require(self, actor: Option<Actor>) -> Result<(), Problem> {
        if let (Self::Requires(permission), Some(actor)) = (self, actor) {
            actor.require(permission)?;
        }
        Ok(())
    }
}
