//! How somebody who signs in is given the tokens: in the body, or in cookies that scripts cannot read.

use flowmastery_core::{
    error::Kind,
    model::{session::SignedIn, user::User},
    request::RequestOrigin,
};
use http::{HeaderMap, Response, StatusCode, header};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::{Context, Field, FieldKind, endpoint::Answer, reply};
use crate::{body::ApiBody, problem::Problem, site::Site};

/// The field that asks for cookies.
pub(super) const COOKIES: Field = Field::optional(
    "cookies",
    FieldKind::Flag,
    "`true` in browsers: the tokens come in HttpOnly cookies instead of in the body. Only for pages of the API's own origin.",
);

/// Who signed in, with the tokens in cookies.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(super) struct SignedInByCookies {
    /// Seconds until the access token expires.
    expires_in: u64,
    /// Who signed in.
    user: User,
}

/// What somebody who signs in is answered.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum Welcome {
    /// The tokens are here.
    Tokens(SignedIn),
    /// The tokens are in cookies.
    Cookies(SignedInByCookies),
}

/// How the tokens are to be given.
pub(super) struct Delivery<'s> {
    /// `None`: in the body.
    cookies_of: Option<&'s Site>,
}

impl<'s> Delivery<'s> {
    /// In cookies where they are wanted. A page of another origin may not sign its visitors in as somebody else.
    ///
    /// # Errors
    /// 403 for a page of another origin that wants cookies.
    pub(super) fn wanted(site: &'s Site, headers: &HeaderMap, cookies: bool) -> Result<Self, Problem> {
        if cookies {
            site.require_own_page(headers)?;
        }
        Ok(Self { cookies_of: cookies.then_some(site) })
    }

    /// The answer to who has signed in.
    pub(super) fn answer(self, status: StatusCode, signed_in: SignedIn) -> Answer {
        let Some(site) = self.cookies_of else { return reply::json(status, &Welcome::Tokens(signed_in)) };
        let shown = SignedInByCookies { expires_in: signed_in.expires_in, user: signed_in.user.clone() };
        with_cookies(site, reply::json(status, &Welcome::Cookies(shown))?, &signed_in)
    }
}

/// Ends the session that a browser's cookies were of, before they are overwritten by those of a new one.
///
/// # Errors
/// 503 when the store is away.
pub(super) async fn end_session_before(
    context: &Context,
    headers: &HeaderMap,
    origin: RequestOrigin,
) -> Result<(), Problem> {
    let Ok(Some(token)) = context.site.access_token(headers) else { return Ok(()) };
    let sessions = context.flowmastery.sessions();
    match sessions.authenticate(token.expose_secret()).await {
        Ok(actor) => Ok(sessions.sign_out(actor.at(origin)).await?),
        Err(error) if error.kind() == Kind::Unauthenticated => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The answer that brings the cookies.
///
/// # Errors
/// None that is known.
pub(super) fn with_cookies(site: &Site, mut response: Response<ApiBody>, signed_in: &SignedIn) -> Answer {
    let cookies = site.set_cookies(signed_in)?;
    response.headers_mut().extend(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// The answer that takes the cookies away.
///
/// # Errors
/// None that is known.
pub(super) fn without_cookies(site: &Site, mut response: Response<ApiBody>) -> Answer {
    let cookies = site.clear_cookies()?;
    response.headers_mut().extend(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}
