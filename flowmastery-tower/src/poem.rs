//! For poem (feature `poem`): the layers as its middleware, since a layer over `http::Request` does not fit its requests, extractors of what they
//! found, and [`Problem`] as an error.
//!
//! ```
//! # use std::sync::Arc;
//! # use async_trait::async_trait;
//! # use flowmastery_core::{access::actor::Actor, error::{BoxError, Result}, id::{ClientId, UserId}};
//! # use http::StatusCode;
//! # use flowmastery_tower::Credentials;
//! use flowmastery_tower::{AuthenticateLayer, Authenticator, CurrentActor, Tenant, TenantLayer, TraceLayer};
//! use poem::{Endpoint, EndpointExt, Request, Route, get, handler};
//!
//! #[handler]
//! fn invoices(CurrentActor(actor): CurrentActor, Tenant(client): Tenant) -> String {
//!     format!("the invoices of client {client}, for user {}", actor.user_id())
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
//! let app = Route::new()
//!     .at("/customers/:client_id/invoices", get(invoices))
//!     // What is added last runs first.
//!     .with(TenantLayer::new("/customers/{client_id}")?)
//!     .with(AuthenticateLayer::required(authenticator))
//!     .with(TraceLayer::new().route("/customers/{client_id}/invoices"));
//!
//! let request = |path: &'static str| Request::builder().uri_str(path);
//! let own = request("/customers/7/invoices").header("x-client", "7").finish();
//! assert_eq!(app.get_response(own).await.status(), StatusCode::OK);
//! let foreign = request("/customers/8/invoices").header("x-client", "7").finish();
//! assert_eq!(app.get_response(foreign).await.status(), StatusCode::NOT_FOUND);
//! let nobody = request("/customers/7/invoices").finish();
//! assert_eq!(app.get_response(nobody).await.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! The templates are written as ours everywhere, not as poem's. [`CurrentActor`] answers 401 where there is nobody, and as an `Option` lets nobody
//! pass. [`Tenant`] answers 500 where no [`TenantLayer`] stands before the route: that is a fault of the host. What a middleware
//! refuses is an error of poem, which outer middleware may catch; [`TraceLayer`] makes an answer of any error. Where the host did not say who is
//! at the other end of the connection, it is the address that poem has.

use ::poem::{
    Endpoint, Error, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response, Result,
    error::ResponseError,
};
use http::StatusCode;
use tracing::Instrument;

use crate::{
    auth::{AuthenticateLayer, Authentication, CurrentActor},
    guard::{Check, Tenant},
    peer::PeerAddress,
    problem::Problem,
    request_id::RequestId,
    require::RequireLayer,
    tenant::TenantLayer,
    trace::{TraceLayer, Tracing},
};

/// An endpoint behind an [`AuthenticateLayer`].
#[derive(Clone, Debug)]
pub struct Authenticated<E> {
    inner: E,
    authentication: Authentication,
}

impl<E: Endpoint> Middleware<E> for AuthenticateLayer {
    type Output = Authenticated<E>;

    fn transform(&self, inner: E) -> Authenticated<E> {
        Authenticated { inner, authentication: self.authentication.clone() }
    }
}

impl<E: Endpoint> Endpoint for Authenticated<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        note_peer(&mut request);
        // Only headers and extensions cross the await: a request of poem is not `Sync`.
        let mut headers = std::mem::take(request.headers_mut());
        let mut extensions = std::mem::take(request.extensions_mut());
        let method = request.method().clone();
        self.authentication.pass(&method, &mut headers, &mut extensions).await?;
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        self.inner.call(request).await
    }
}

/// An endpoint behind a [`RequireLayer`] or [`TenantLayer`].
#[derive(Clone, Debug)]
pub struct Guarded<E> {
    inner: E,
    check: Check,
}

impl<E: Endpoint> Middleware<E> for RequireLayer {
    type Output = Guarded<E>;

    fn transform(&self, inner: E) -> Guarded<E> {
        Guarded { inner, check: self.check.clone() }
    }
}

impl<E: Endpoint> Middleware<E> for TenantLayer {
    type Output = Guarded<E>;

    fn transform(&self, inner: E) -> Guarded<E> {
        Guarded { inner, check: self.check.clone() }
    }
}

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        let mut extensions = std::mem::take(request.extensions_mut());
        let path = request.uri().path();
        self.check.pass(request.method(), path, request.headers(), &mut extensions)?;
        *request.extensions_mut() = extensions;
        self.inner.call(request).await
    }
}

/// An endpoint behind a [`TraceLayer`].
#[derive(Clone, Debug)]
pub struct Traced<E> {
    inner: E,
    tracing: Tracing,
}

impl<E: Endpoint> Middleware<E> for TraceLayer {
    type Output = Traced<E>;

    fn transform(&self, inner: E) -> Traced<E> {
        Traced { inner, tracing: self.tracing() }
    }
}

impl<E: Endpoint> Endpoint for Traced<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        note_peer(&mut request);
        let mut headers = std::mem::take(request.headers_mut());
        let trail = self.tracing.begin(&request.method().clone(), &mut headers, request.extensions_mut());
        *request.headers_mut() = headers;
        let span = trail.span();
        let answer = self.inner.call(request).instrument(span.clone()).await;
        let answer = span.in_scope(|| answer.map(IntoResponse::into_response));
        let mut response = answer.unwrap_or_else(|error| span.in_scope(|| error.into_response()));
        trail.close(response.status(), response.headers_mut());
        Ok(response)
    }
}

/// Says who is at the other end of the connection, where the host did not.
fn note_peer(request: &mut Request) {
    let address = request.remote_addr().as_socket_addr().map(|address| PeerAddress(address.ip()));
    if let (None, Some(address)) = (request.extensions().get::<PeerAddress>(), address) {
        request.extensions_mut().insert(address);
    }
}

impl<'a> FromRequest<'a> for CurrentActor {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self::required(request.headers(), request.extensions())?)
    }
}

impl<'a> FromRequest<'a> for Tenant {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self::required(request.headers(), request.extensions())?)
    }
}

impl<'a> FromRequest<'a> for RequestId {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self::of(request.headers()))
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        Self::status(self)
    }

    fn as_response(&self) -> Response {
        let (parts, body) = self.response().into_parts();
        let mut response = Response::builder().status(parts.status).body(body.into_bytes());
        *response.headers_mut() = parts.headers;
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Error::from(self).into_response()
    }
}
