//! What is different about requests for pages: where they are, how they are refused, and that they survive the access token of who asks.

use flowmastery_core::{access::actor::Actor, request::RequestOrigin};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use super::{Asked, Inner};
use crate::{
    body::ApiBody,
    problem::Problem,
    route::{self, Matched, Object, RequestBody, Route, Visit},
};

/// The cookies of a session that was renewed on the way.
#[derive(Default)]
pub(super) struct Renewed(Option<Box<[HeaderValue; 2]>>);

impl Renewed {
    /// Puts them into the answer, whatever that is, unless it says itself which cookies there are to be: the ones before are spent.
    pub(super) fn put(self, response: &mut Response<ApiBody>) {
        let Some(cookies) = self.0 else { return };
        let headers = response.headers_mut();
        if !headers.contains_key(header::SET_COOKIE) {
            headers.extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
        }
    }
}

impl Inner {
    /// The page that is asked for, where it is one: it is refused by a page, too.
    pub(super) fn page(&self, parts: &Parts, found: Option<&Matched>) -> Option<Box<Visit>> {
        let is_page = match found {
            Some(matched) => matched.route.is_page(),
            None => self.context.page_path(parts.uri.path()).is_some(),
        };
        is_page.then(|| Box::new(Visit::of(&self.context.site, parts)))
    }

    pub(super) fn refuse(&self, problem: Problem, page: Option<&Visit>) -> Response<ApiBody> {
        match page {
            Some(page) => route::refuse(&self.context, &problem, page),
            None => problem.response(),
        }
    }

    /// The route of a path, of pages by where the host has its dashboard.
    pub(super) fn find_at_root(&self, method: &Method, path: &str) -> Result<Matched, Problem> {
        match self.table.find(method, path) {
            Ok(matched) if !matched.route.is_page() => Ok(matched),
            found => match self.context.dashboard.as_ref().map(|dashboard| dashboard.canonical(path)) {
                // Pages are nowhere but where they are said to be.
                Some(Some(page)) => self.table.find(method, &page),
                Some(None) if found.is_ok() => Err(Problem::no_route()),
                _ => found,
            },
        }
    }

    /// Who asks for a page where their refresh token alone is still good. Whoever knows the callers is asked again: a host may refuse somebody
    /// whose session goes on here.
    pub(super) async fn renew(
        &self,
        problem: Problem,
        matched: &Matched,
        asked: &mut Asked,
        origin: &RequestOrigin,
    ) -> Result<Option<Actor>, Problem> {
        if !matched.route.is_page() || problem.status() != StatusCode::UNAUTHORIZED {
            return Err(problem);
        }
        let parts = &mut asked.parts;
        let renewed = route::renew_session(&self.context, &parts.method, &parts.headers, *origin).await?;
        let signed_in = renewed.ok_or(problem)?;
        let site = &self.context.site;
        asked.renewed = Renewed(Some(Box::new(site.set_cookies(&signed_in)?)));
        site.put_access_token(&mut parts.headers, &signed_in.access_token)?;
        matched.route.access.identify(&self.context.authentication, parts).await
    }
}

/// Reads what a request brings: the form of a page, else an object.
pub(super) async fn read(route: &Route, headers: &HeaderMap, body: RequestBody) -> Result<Object, Problem> {
    if route.is_page() {
        return route::read_form(headers, body, route.body.unwrap_or_default()).await;
    }
    route::read_object(headers, body).await
}
