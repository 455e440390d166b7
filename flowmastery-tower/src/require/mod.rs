//! Permissions: who may do what, asked before a service of the host's own. Stands behind [`AuthenticateLayer`](crate::AuthenticateLayer),
//! which names the actor.
//!
//! ```
//! use std::sync::Arc;
//! use axum::{Router, routing::get};
//! use flowmastery_core::{Flowmastery, access::permission::Permission};
//! use flowmastery_tower::{AuthenticateLayer, RequirePermissionLayer, TokenAuthenticator};
//!
//! fn routes(flowmastery: &Flowmastery) -> Router {
//!     let authenticator = Arc::new(TokenAuthenticator::new(flowmastery));
//!     Router::new()
//!         .route("/admin", get(|| async { "for admins" }))
//!         // The layer that is added last runs first.
//!         .layer(RequirePermissionLayer::new(Permission::ManageUsers))
//!         .layer(AuthenticateLayer::required(authenticator))
//! }
//! ```
//!
//! Without the permission the answer is 403, without an actor 401.

mod future;
mod layer;
mod service;

use flowmastery_core::access::{actor::Actor, permission::Permission};
use http::Extensions;

pub use self::{future::RequirePermissionFuture, layer::RequirePermissionLayer, service::RequirePermission};
use crate::problem::Problem;

/// The check itself; layer and service only plumb.
pub(crate) fn check(permission: Permission, extensions: &Extensions) -> Result<(), Problem> {
    let actor = extensions.get::<Actor>().ok_or_else(Problem::unauthenticated)?;
    Ok(actor.require(permission)?)
}
