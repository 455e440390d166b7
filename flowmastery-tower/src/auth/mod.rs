//! Authentication: who makes a request. An [`Authenticator`] reads the headers, [`AuthenticateLayer`] asks it before a service of
//! the host's own and puts the [`Actor`] into the request's extensions.
//!
//! ```
//! use std::sync::Arc;
//! use axum::{Extension, Router, routing::get};
//! use flowmastery_core::{Flowmastery, access::actor::Actor};
//! use flowmastery_tower::{AuthenticateLayer, TokenAuthenticator};
//!
//! async fn own_route(Extension(actor): Extension<Actor>) -> String {
//!     format!("hello, user {}", actor.user_id())
//! }
//!
//! fn routes(flowmastery: &Flowmastery) -> Router {
//!     let authenticator = Arc::new(TokenAuthenticator::new(flowmastery));
//!     Router::new().route("/own", get(own_route)).layer(AuthenticateLayer::required(authenticator))
//! }
//! ```
//!
//! A token is a bearer token or, where there is none, in a browser's cookie, which a host's own routes are sent below the API's base path;
//! such a host says where it is with `at`, on both. A request without a good token is answered with 401;
//! [`AuthenticateLayer::optional`] lets requests without any token pass, and still refuses those with a bad one. One that changes
//! something by its cookie and does not come from a page of the same origin is answered with 403. When the store is away the answer is
//! 503: an outage is never a denial.

mod future;
mod layer;
mod service;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use flowmastery_core::{
    Flowmastery,
    access::actor::Actor,
    error::{Error, Kind, Result},
    service::sessions::Sessions,
};
use http::{HeaderMap, Method, header};
use secrecy::ExposeSecret;

pub use self::{future::AuthenticateFuture, layer::AuthenticateLayer, service::Authenticate};
use crate::{problem::Problem, site::Site};

/// Turns a request's headers into an actor. A host that has sessions of its own brings its own.
#[async_trait]
pub trait Authenticator: Send + Sync + fmt::Debug + 'static {
    /// Who makes the request; `None` when it brings no credentials at all.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] for credentials that are not good, [`Kind::Unavailable`] when they cannot be checked now.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Actor>>;
}

/// Verifies FlowMastery's own access tokens: of `Authorization: Bearer`, else of a browser's cookie.
#[derive(Clone, Debug)]
pub struct TokenAuthenticator {
    sessions: Sessions,
    site: Site,
}

impl TokenAuthenticator {
    /// Verifies the tokens that these services issue.
    pub fn new(flowmastery: &Flowmastery) -> Self {
        Self { sessions: flowmastery.sessions().clone(), site: Site::default() }
    }

    /// The same for an API that browsers find here: its cookies are called by it.
    #[must_use]
    pub fn at(self, site: Site) -> Self {
        Self { site, ..self }
    }
}

#[async_trait]
impl Authenticator for TokenAuthenticator {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Actor>> {
        if let Some(token) = bearer_token(headers)? {
            return self.sessions.authenticate(token).await.map(Some);
        }
        match self.site.access_token(headers)? {
            Some(token) => self.sessions.authenticate(token.expose_secret()).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The bearer token of a request; `None` without an `Authorization` header.
fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let scheme_and_token = value.to_str().ok().and_then(|value| value.trim().split_once(' '));
    let token = scheme_and_token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match (token, values.next()) {
        (Some((_, token)), None) => Ok(Some(token.trim_start())),
        _ => Err(Error::new(Kind::Unauthenticated, "Send one Authorization header, with a bearer token.")),
    }
}

/// The check itself; layer and service only plumb.
#[derive(Clone, Debug)]
pub(crate) struct Authentication {
    authenticator: Arc<dyn Authenticator>,
    required: bool,
    site: Site,
}

impl Authentication {
    pub(crate) fn new(authenticator: Arc<dyn Authenticator>, required: bool) -> Self {
        Self { authenticator, required, site: Site::default() }
    }

    pub(crate) fn at(self, site: Site) -> Self {
        Self { site, ..self }
    }

    /// Who makes the request, and may make it from where it comes; `None` only where that is allowed.
    pub(crate) async fn check(&self, method: &Method, headers: &HeaderMap) -> Result<Option<Actor>, Problem> {
        let actor = self.identify(headers).await?;
        if actor.is_some() {
            self.admit(method, headers)?;
        }
        Ok(actor)
    }

    /// Who makes the request; `None` only where that is allowed.
    pub(crate) async fn identify(&self, headers: &HeaderMap) -> Result<Option<Actor>, Problem> {
        match self.authenticator.authenticate(headers).await? {
            None if self.required => Err(Problem::unauthenticated()),
            actor => Ok(actor),
        }
    }

    /// Insists that what a browser's cookie vouches for comes from a page of our own.
    pub(crate) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        Ok(self.site.admit(method, headers)?)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token_of(values: &[&'static str]) -> Option<Option<String>> {
        let values = values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        values.for_each(|(name, value)| {
            headers.append(name, value);
        });
        bearer_token(&headers).ok().map(|token| token.map(ToOwned::to_owned))
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(token_of(&[value]), Some(Some("abc".to_owned())));
        }
    }

    #[test]
    fn no_header_is_nobody() {
        assert_eq!(token_of(&[]), Some(None));
    }

    #[test]
    fn other_schemes_and_several_headers_are_refused() {
        assert_eq!(token_of(&["Basic abc"]), None);
        assert_eq!(token_of(&["Bearer"]), None);
        assert_eq!(token_of(&["Bearer a", "Bearer b"]), None);
    }
}
