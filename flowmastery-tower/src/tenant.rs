//! Tenants: which client a path of the host's own is about, and whether the actor may see it. Stands behind
//! [`AuthenticateLayer`](crate::AuthenticateLayer), which names the actor.
//!
//! ```
//! # use std::convert::Infallible;
//! # use flowmastery_core::{access::actor::Actor, error::BoxError, id::{ClientId, UserId}};
//! # use flowmastery_tower::{Tenant, TenantLayer};
//! # use http::{Request, Response, StatusCode};
//! # use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let own_route = service_fn(|request: Request<String>| async move {
//!     let tenant = Tenant::of(request.extensions());
//!     Ok::<_, Infallible>(Response::new(format!("{tenant:?}")))
//! });
//! let service =
//!     ServiceBuilder::new().layer(TenantLayer::new("/customers/{client_id}")?).service(own_route);
//!
//! let of_client_7 = Actor::client_user(UserId(2), ClientId(7)); // as AuthenticateLayer leaves it
//! let request = |path| Request::get(path).extension(of_client_7).body(String::new());
//!
//! let own = service.clone().oneshot(request("/customers/7/invoices")?).await?;
//! assert_eq!(own.status(), StatusCode::OK);
//! let foreign = service.oneshot(request("/customers/8/invoices")?).await?;
//! assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
//! # Ok(())
//! # }
//! ```
//!
//! The template is a path with the place of the id; it covers that path and all below it, with or without a trailing slash. It is held against
//! the path as the layer sees it, from which a router may have taken off what it nests under. A path that does not fit is answered with
//! 404, and so is another tenant's client, as the API does: that it exists is nobody's to know. Admins see every client; whether there is
//! one of this id is said by the service that is asked for it. Without an actor the answer is 401.
//!
//! With `noting_denials` a try of another tenant's client stands in the audit log, as those of the API do.

use std::sync::Arc;

use flowmastery_core::{Flowmastery, error::Result};
use tower_layer::Layer;

pub use crate::guard::Tenant;
use crate::{
    denial::Denials,
    guard::{Check, Guard, PathTemplate, Rule},
};

/// Finds the client that a path names, and insists that the actor may see it; see the [module](self).
#[derive(Clone, Debug)]
pub struct TenantLayer {
    template: &'static str,
    pub(crate) check: Check,
}

impl TenantLayer {
    /// For paths like this one, in which `{client_id}` stands for the id. It may have other parameters, too.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Invalid`] for a template without `{client_id}`, and for what is no path.
    pub fn new(template: &'static str) -> Result<Self> {
        let rule = Rule::Client(Arc::new(PathTemplate::new(template)?));
        Ok(Self { template, check: Check::new(rule) })
    }

    /// The same, with tries of other tenants' clients noted in the audit log, by the template.
    #[must_use]
    pub fn noting_denials(self, flowmastery: &Flowmastery) -> Self {
        let Self { template, check } = self;
        Self { template, check: check.noting(Denials::of(flowmastery, template)) }
    }
}

impl<S> Layer<S> for TenantLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard::new(inner, self.check.clone())
    }
}
