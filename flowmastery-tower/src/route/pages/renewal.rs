//! Where a visitor stands whose access token is not good: the session is renewed on the way where its refresh token is, else they are led to
//! where one signs in.

use flowmastery_core::{error::Kind, model::session::SignedIn, request::RequestOrigin};
use http::{HeaderMap, Method, Response, StatusCode, Uri, header, request::Parts, uri::PathAndQuery};

use super::{
    super::{Context, delivery::without_cookies, endpoint::Answer},
    see_other,
};
use crate::{
    body::ApiBody,
    dashboard::{self, Chrome, Dashboard, answer, session::AgainPage},
    problem::Problem,
    site::{Site, is_from_elsewhere},
};

/// A page that is asked for, as far as refusing it takes.
pub(crate) struct Visit {
    method: Method,
    uri: Uri,
    is_from_elsewhere: bool,
    /// Whether there are cookies of a session, whatever they are worth.
    has_session: bool,
}

impl Visit {
    /// What a request asks for.
    pub(crate) fn of(site: &Site, parts: &Parts) -> Self {
        let headers = &parts.headers;
        let tokens = [site.access_token(headers), site.refresh_token(headers)];
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            is_from_elsewhere: is_from_elsewhere(headers),
            has_session: tokens.iter().any(|token| !matches!(token, Ok(None))),
        }
    }

    /// Where a visitor goes back to who has signed in. What a form sent is lost, and its path is none to go back to.
    fn next(&self, context: &Context, dashboard: &Dashboard) -> String {
        if !self.method.is_safe() {
            return context.page_base();
        }
        // Where the path is a page as it stands, the host has taken the base path off.
        let is_bare = dashboard.canonical(self.uri.path()).is_some();
        let base = if is_bare { context.site.base_path() } else { "" };
        format!("{base}{}", self.uri.path_and_query().map_or("/", PathAndQuery::as_str))
    }

    /// The answer to a visitor who is not signed in.
    fn led_to_sign_in(&self, context: &Context, dashboard: &Dashboard) -> Answer {
        let to = self.next(context, dashboard);
        if self.method.is_safe() && self.is_from_elsewhere && !self.has_session {
            // Who follows a link from elsewhere brings no cookies along; asked from here, the browser does.
            let chrome = Chrome::new(dashboard, &context.site, "One moment");
            return answer(StatusCode::OK, &AgainPage { chrome, to });
        }
        let query =
            serde_urlencoded::to_string([("next", to)]).map_err(flowmastery_core::error::Error::internal)?;
        let response = see_other(&context.sign_in(dashboard, &query))?;
        if self.has_session { without_cookies(&context.site, response) } else { Ok(response) }
    }
}

impl Context {
    /// Where one signs in who is to be led back.
    fn sign_in(&self, dashboard: &Dashboard, query: &str) -> String {
        match dashboard.own_sign_in() {
            Some(place) => format!("{place}?{query}"),
            None => format!("{}/sign-in?{query}", self.page_base()),
        }
    }
}

/// What a page is refused with: somebody who is not signed in is led to where one does, and others are told on a page.
pub(crate) fn refuse(context: &Context, problem: &Problem, visit: &Visit) -> Response<ApiBody> {
    let Some(dashboard) = &context.dashboard else { return problem.response() };
    if problem.status() == StatusCode::UNAUTHORIZED
        && let Ok(answer) = visit.led_to_sign_in(context, dashboard)
    {
        return answer;
    }
    let chrome = Chrome::new(dashboard, &context.site, "Problem");
    dashboard::problem(chrome, problem, problem.request_id().unwrap_or_default())
}

/// The session of a caller whose refresh token alone is still good, renewed; `None` without such a token.
///
/// # Errors
/// 403 for a form of another origin's page, 429 and 503.
pub(crate) async fn renew_session(
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    origin: RequestOrigin,
) -> Result<Option<SignedIn>, Problem> {
    let site = &context.site;
    // A cookie that is there twice is refused, whichever it is.
    let (false, Ok(_), Ok(Some(token))) = (
        headers.contains_key(header::AUTHORIZATION),
        site.access_token(headers),
        site.refresh_token(headers),
    ) else {
        return Ok(None);
    };
    if !method.is_safe() {
        // The cookie that this is asked for otherwise is gone.
        site.require_own_page(headers)?;
    }
    match context.flowmastery.sessions().refresh(&token, origin).await {
        Err(error) if error.kind() == Kind::Unauthenticated => Ok(None),
        refreshed => Ok(Some(refreshed?)),
    }
}
