//! Permissions and roles: who may do what, asked before a service of the host's own. Stands behind
//! [`AuthenticateLayer`](crate::AuthenticateLayer), which names the actor.
//!
//! ```
//! # use std::convert::Infallible;
//! # use flowmastery_core::{access::{actor::Actor, permission::Permission}, id::{ClientId, UserId}, model::user::Role};
//! # use flowmastery_tower::RequireLayer;
//! # use http::{Request, Response, StatusCode};
//! # use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Infallible> {
//! let own_route = service_fn(|_: Request<String>| async { Ok::<_, Infallible>(Response::new("done".to_owned())) });
//! let for_managers = ServiceBuilder::new()
//!     .layer(RequireLayer::permission(Permission::ManageClients))
//!     .service(own_route);
//! let for_clients = ServiceBuilder::new().layer(RequireLayer::role(Role::Client)).service(own_route);
//!
//! // As AuthenticateLayer leaves it.
//! let request = |actor: Actor| {
//!     let mut request = Request::new(String::new());
//!     request.extensions_mut().insert(actor);
//!     request
//! };
//! let admin = Actor::admin(UserId(1));
//! let client_user = Actor::client_user(UserId(2), ClientId(7));
//!
//! assert_eq!(for_managers.clone().oneshot(request(admin)).await?.status(), StatusCode::OK);
//! assert_eq!(for_managers.oneshot(request(client_user)).await?.status(), StatusCode::FORBIDDEN);
//! assert_eq!(for_clients.clone().oneshot(request(client_user)).await?.status(), StatusCode::OK);
//! let nobody = Request::new(String::new());
//! assert_eq!(for_clients.oneshot(nobody).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! Without the permission or the role the answer is 403, without an actor 401. A permission says what is done, and the core's table who may
//! do it: ask for a role only where there is no permission for it. With `noting_denials` a 403 stands in the audit log, as the API's own do.

use flowmastery_core::{Flowmastery, access::permission::Permission, model::user::Role};
use tower_layer::Layer;

use crate::{
    denial::Denials,
    guard::{Check, Guard, Rule},
};

/// Insists on a permission or a role before a service; see the [module](self).
#[derive(Clone, Debug)]
pub struct RequireLayer {
    pub(crate) check: Check,
}

impl RequireLayer {
    /// Lets only actors with this permission pass.
    pub const fn permission(permission: Permission) -> Self {
        Self { check: Check::new(Rule::Permission(permission)) }
    }

    /// Lets only actors with this role pass.
    pub const fn role(role: Role) -> Self {
        Self { check: Check::new(Rule::Role(role)) }
    }

    /// The same, with what it refuses to actors noted in the audit log, as tries of the route with this template.
    #[must_use]
    pub fn noting_denials(self, flowmastery: &Flowmastery, route: &'static str) -> Self {
        Self { check: self.check.noting(Denials::of(flowmastery, route)) }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard::new(inner, self.check.clone())
    }
}
