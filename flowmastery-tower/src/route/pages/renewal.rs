//! Renewing a session: by a redirect for who asks for a page, on the way for who sends a form.

use flowmastery_core::{
    access::actor::Actor,
    error::{Error, Kind, Result as CoreResult},
    model::session::SignedIn,
    request::RequestOrigin,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret;

use super::{
    super::{
        Access, Call, Context, Route,
        delivery::{with_cookies, without_cookies},
        endpoint::Answer,
    },
    see_other,
    session::NEXT,
};
use crate::{
    dashboard::{answer, session::AgainPage},
    problem::Problem,
    site::is_from_elsewhere,
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/dashboard/renew", Access::Public, renew).query(&[NEXT])]
}

/// Gives a browser another access token for its refresh token, and sends it back; or to where one signs in.
async fn renew(mut call: Call) -> Answer {
    let next = call.word(NEXT)?;
    let next = call.next(next.as_deref());
    let query = serde_urlencoded::to_string([("next", &next)]).unwrap_or_default();
    let sign_in = format!("{}/sign-in?{query}", call.context.page_base());
    let site = &call.context.site;
    match site.refresh_token(&call.headers) {
        // Who follows a link from elsewhere brings no cookies along; asked from here, the browser does.
        Ok(None) if is_from_elsewhere(&call.headers) => {
            let again = format!("{}/renew?{query}", call.context.page_base());
            answer(StatusCode::OK, &AgainPage { chrome: call.frame("One moment")?, to: again })
        }
        Ok(Some(token)) => {
            match good(call.context.flowmastery.sessions().refresh(&token, call.origin).await)? {
                Some(signed_in) => with_cookies(site, see_other(&next)?, &signed_in),
                None => without_cookies(site, see_other(&sign_in)?),
            }
        }
        _ => see_other(&sign_in),
    }
}

/// What a refresh token is worth; `None` for one that is not good any more.
fn good(refreshed: CoreResult<SignedIn>) -> Result<Option<SignedIn>, Error> {
    match refreshed {
        Err(error) if error.kind() == Kind::Unauthenticated => Ok(None),
        refreshed => refreshed.map(Some),
    }
}

/// The caller whose refresh token alone is still good, with cookies for the answer; `None` without such a token.
///
/// # Errors
/// 403 for a form of another origin's page, 429 and 503.
pub(crate) async fn renew_session(
    context: &Context,
    headers: &HeaderMap,
    origin: RequestOrigin,
) -> Result<Option<(Actor, [HeaderValue; 2])>, Problem> {
    let (false, Ok(Some(token))) =
        (headers.contains_key(header::AUTHORIZATION), context.site.refresh_token(headers))
    else {
        return Ok(None);
    };
    // The cookie that this is asked for otherwise is gone.
    context.site.require_own_page(headers)?;
    let sessions = context.flowmastery.sessions();
    let Some(signed_in) = good(sessions.refresh(&token, origin).await)? else { return Ok(None) };
    let actor = sessions.authenticate(signed_in.access_token.expose_secret()).await?;
    Ok(Some((actor, context.site.set_cookies(&signed_in)?)))
}
