//! For axum's handlers (feature `axum`): extractors of what the layers found, and [`Problem`] as an answer.
//!
//! ```
//! # use std::sync::Arc;
//! # use async_trait::async_trait;
//! # use flowmastery_core::{access::actor::Actor, error::{BoxError, Result}, id::{ClientId, UserId}};
//! # use http::{Request, StatusCode};
//! # use tower::ServiceExt;
//! use axum::{Router, body::Body, routing::get};
//! # use flowmastery_tower::Credentials;
//! use flowmastery_tower::{AuthenticateLayer, Authenticator, CurrentActor, Problem, Tenant, TenantLayer};
//!
//! async fn hello(actor: Option<CurrentActor>) -> String {
//!     actor.map_or("hello, stranger".into(), |CurrentActor(actor)| format!("hello, user {}", actor.user_id()))
//! }
//!
//! async fn invoices(CurrentActor(actor): CurrentActor, Tenant(client): Tenant) -> Result<String, Problem> {
//!     Ok(format!("the invoices of client {client}, for user {}", actor.user_id()))
//! }
//!
//! # /// Believes whoever says that they are of a client.
//! # #[derive(Debug)]
//! # struct Believing;
//! # #[async_trait]
//! # impl Authenticator for Believing {
//! #     async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Option<Actor>> {
//! #         let client = credentials.headers().get("x-client").and_then(|client| client.to_str().ok()?.parse().ok());
//! #         Ok(client.map(|client| Actor::client_user(UserId(2), ClientId(client))))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! # let authenticator = Arc::new(Believing);
//! let app: Router = Router::new()
//!     .route("/customers/{client_id}/invoices", get(invoices))
//!     .layer(TenantLayer::new("/customers/{client_id}")?)
//!     .route("/hello", get(hello))
//!     // The layer that is added last runs first.
//!     .layer(AuthenticateLayer::optional(authenticator));
//!
//! let request = |path| Request::get(path).header("x-client", "7").body(Body::empty());
//! assert_eq!(app.clone().oneshot(request("/customers/7/invoices")?).await?.status(), StatusCode::OK);
//! assert_eq!(app.clone().oneshot(request("/customers/8/invoices")?).await?.status(), StatusCode::NOT_FOUND);
//! let nobody = |path| Request::get(path).body(Body::empty());
//! assert_eq!(app.clone().oneshot(nobody("/hello")?).await?.status(), StatusCode::OK);
//! assert_eq!(app.oneshot(nobody("/customers/7/invoices")?).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! [`CurrentActor`] answers 401 where there is nobody, and as an `Option` lets nobody pass. [`Tenant`] answers 500 where no
//! [`TenantLayer`](crate::TenantLayer) stands before the route: that is a fault of the host. [`RequestId`] is the one that the request brings or the
//! layers gave it; a [`Problem`] that a handler returns says it when it was told [`in_request`](Problem::in_request).

use std::convert::Infallible;

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{auth::CurrentActor, guard::Tenant, problem::Problem, request_id::RequestId};

impl<S: Send + Sync> FromRequestParts<S> for CurrentActor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::required(&parts.headers, &parts.extensions)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentActor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::required(&parts.headers, &parts.extensions)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response().map(Body::new)
    }
}
