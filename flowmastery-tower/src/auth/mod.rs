//! Authentication: who makes a request. An [`Authenticator`] reads the headers, [`AuthenticateLayer`] asks it before a service of
//! the host's own and puts the [`Actor`] into the request's extensions.
//!
//! ```
//! # use std::{convert::Infallible, sync::Arc};
//! # use flowmastery_core::{
//! #     Config, Flowmastery, error::BoxError,
//! #     model::{email::Email, password::Password}, request::RequestOrigin, store::sql::SqlStore,
//! # };
//! # use flowmastery_tower::{AuthenticateLayer, CurrentActor, TokenAuthenticator};
//! # use http::{Request, Response, StatusCode, header};
//! # use secrecy::ExposeSecret;
//! # use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! # let directory = tempfile::tempdir()?;
//! # let database = format!("sqlite://{}", directory.path().join("example.db").display());
//! # let store = SqlStore::open(database).await?;
//! # let config = Config::new("a signing secret, long enough for an example".into(), "https://acme.com");
//! # let flowmastery = Flowmastery::builder(config, Arc::new(store)).build()?;
//! # let email = Email::parse("anna@acme.com")?;
//! # let password = || "a password of an example".into();
//! # flowmastery.users().create_admin(email, &Password::choose(password())?).await?;
//! # let signed_in =
//! #     flowmastery.sessions().sign_in("anna@acme.com", &password(), RequestOrigin::default()).await?;
//! # let token = signed_in.access_token.expose_secret();
//! let authenticator = Arc::new(TokenAuthenticator::new(&flowmastery));
//! let service = ServiceBuilder::new().layer(AuthenticateLayer::required(authenticator)).service(service_fn(
//!     |request: Request<String>| async move {
//!         let user = CurrentActor::of(request.extensions()).map(|actor| actor.0.user_id());
//!         Ok::<_, Infallible>(Response::new(format!("{user:?}")))
//!     },
//! ));
//!
//! let signed_in = Request::get("/own").header(header::AUTHORIZATION, format!("Bearer {token}"));
//! let answer = service.clone().oneshot(signed_in.body(String::new())?).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! let nobody = Request::get("/own").body(String::new())?;
//! assert_eq!(service.oneshot(nobody).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! A token is a bearer token or, where there is none, in a browser's cookie, which a host's own routes are sent below the API's base path;
//! such a host says where it is with `at`, on both. A request without a good token is answered with 401;
//! [`AuthenticateLayer::optional`] lets requests without any token pass, and still refuses those with a bad one. One that changes
//! something by its cookie and does not come from a page of the same origin is answered with 403. When the store is away the answer is
//! 503: an outage is never a denial.
//!
//! # Sessions of the host's own
//!
//! A host that signs its users in itself brings an [`Authenticator`] of its own, which finds its session in the headers and names the
//! FlowMastery user it stands for, such as by [`Users::find_actor`](flowmastery_core::service::users::Users::find_actor); where there is none
//! it asks a [`TokenAuthenticator`], so that tokens stay good. The same one serves [`AuthenticateLayer`] and
//! [`ApiBuilder::authenticator`](crate::ApiBuilder::authenticator).
//!
//! Browsers send a cookie along with what other sites' pages ask for. Unless an authenticator says otherwise
//! ([`is_by_cookie`](Authenticator::is_by_cookie)), the API and the layers refuse what changes something by one and does not come from a page of
//! the API's own origin (`Sec-Fetch-Site`, else `Origin` against the [`Site`]), as they do for FlowMastery's cookies. What is left to the
//! host: its cookie is `HttpOnly`, `Secure` and `SameSite=Lax` or `Strict`; its safe methods change nothing; and routes that it does not put behind
//! an [`AuthenticateLayer`], such as those that sign in and out, it guards itself. The example `axum-embedded` does all of that.

mod credentials;
mod current;
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
use http::{Extensions, HeaderMap, Method, header};
use secrecy::ExposeSecret;

pub(crate) use self::current::Seen;
pub use self::{
    credentials::Credentials, current::CurrentActor, future::AuthenticateFuture, layer::AuthenticateLayer,
    service::Authenticate,
};
use crate::{denial::Denials, peer::TrustedProxies, problem::Problem, request_id::RequestId, site::Site};

/// Turns a request's credentials into an actor. A host that has sessions of its own brings its own.
#[async_trait]
pub trait Authenticator: Send + Sync + fmt::Debug + 'static {
    /// Who makes the request; `None` when it brings no credentials at all.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] for credentials that are not good, [`Kind::Forbidden`] for good ones of somebody who is nobody here, whom another
    /// sign-in would not help, [`Kind::Unavailable`] when they cannot be checked now.
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Option<Actor>>;

    /// Whether these may be a cookie, which browsers send along whoever asks: what changes something by it then has to come from a page of the
    /// API's own origin. Unless told otherwise, wherever there is a cookie and no `Authorization`. Cookies of FlowMastery's are always held to that.
    ///
    /// It is asked when they were found good; so it says what there is, and not whether it is still good.
    fn is_by_cookie(&self, credentials: Credentials<'_>) -> bool {
        credentials.may_be_a_cookie()
    }
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
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Option<Actor>> {
        let headers = credentials.headers();
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
    proxies: TrustedProxies,
    denials: Option<Denials>,
}

impl Authentication {
    pub(crate) fn new(authenticator: Arc<dyn Authenticator>, required: bool) -> Self {
        let (site, proxies) = (Site::default(), TrustedProxies::default());
        Self { authenticator, required, site, proxies, denials: None }
    }

    pub(crate) fn at(self, site: Site) -> Self {
        Self { site, ..self }
    }

    pub(crate) fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    pub(crate) fn noting(self, denials: Denials) -> Self {
        Self { denials: Some(denials), ..self }
    }

    /// Lets a request pass, with its actor in its extensions; without one only where that is allowed.
    ///
    /// # Errors
    /// 401 for nobody and for bad credentials, 403 for another site's page, 503 when credentials cannot be checked.
    pub(crate) async fn pass(
        &self,
        method: &Method,
        headers: &mut HeaderMap,
        extensions: &mut Extensions,
    ) -> Result<(), Problem> {
        let id = RequestId::of(headers);
        // What comes after this finds the same.
        headers.insert(RequestId::HEADER, id.to_header());
        let origin = self.proxies.origin(headers, extensions, id);
        let credentials = Credentials::new(headers, extensions);
        let actor = self.identify(credentials).await.map_err(|problem| problem.in_request(id))?;
        let Some(actor) = actor.map(|actor| actor.at(origin)) else { return Ok(()) };
        if let Some(seen) = extensions.get::<Seen>() {
            seen.note(actor);
        }
        if let Err(problem) = self.admit(method, credentials) {
            if let Some(denials) = &self.denials {
                denials.note(actor, method, None);
            }
            return Err(problem.in_request(id));
        }
        extensions.insert(actor);
        Ok(())
    }

    /// Who makes the request; `None` only where that is allowed.
    pub(crate) async fn identify(&self, credentials: Credentials<'_>) -> Result<Option<Actor>, Problem> {
        match self.authenticator.authenticate(credentials).await? {
            None if self.required => Err(Problem::unauthenticated()),
            actor => Ok(actor),
        }
    }

    /// Insists that what a browser's cookie vouches for comes from a page of our own.
    pub(crate) fn admit(&self, method: &Method, credentials: Credentials<'_>) -> Result<(), Problem> {
        if !method.is_safe() && self.authenticator.is_by_cookie(credentials) {
            self.site.require_own_page(credentials.headers())?;
        }
        Ok(self.site.admit(method, credentials.headers())?)
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
