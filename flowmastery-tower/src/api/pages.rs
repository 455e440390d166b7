//! What is different about requests for pages: where they are, how they are refused, and that a form survives the access token of who fills it in.

use flowmastery_core::{access::actor::Actor, request::RequestOrigin};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header, request::Parts};

use super::Inner;
use crate::{
    body::ApiBody,
    problem::Problem,
    route::{self, Matched, Object, RequestBody, Route},
};

/// The cookies of a session that was renewed on the way.
#[must_use]
#[derive(Default)]
pub(super) struct Renewed(Option<Box<[HeaderValue; 2]>>);

impl Renewed {
    /// Puts them into the answer, unless it says itself which cookies there are to be.
    pub(super) fn put(self, answer: &mut Result<Response<ApiBody>, Problem>) {
        let (Some(cookies), Ok(response)) = (self.0, answer) else { return };
        let headers = response.headers_mut();
        if !headers.contains_key(header::SET_COOKIE) {
            headers.extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
        }
    }
}

impl Inner {
    /// The page that is asked for, where it is one: it is refused by a page, too.
    pub(super) fn page(&self, parts: &Parts, found: &Result<Matched, Problem>) -> Option<(Method, Uri)> {
        let is_page = match found {
            Ok(matched) => matched.route.is_page(),
            Err(_) => self.context.page_path(parts.uri.path()).is_some(),
        };
        is_page.then(|| (parts.method.clone(), parts.uri.clone()))
    }

    pub(super) fn refuse(&self, problem: Problem, page: Option<&(Method, Uri)>) -> Response<ApiBody> {
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

    /// Who sends a form, also where only their refresh token is still good: what they wrote would be lost on the way of who asks for a page.
    pub(super) async fn renew(
        &self,
        problem: Problem,
        matched: &Matched,
        parts: &Parts,
        origin: &RequestOrigin,
    ) -> Result<(Option<Actor>, Renewed), Problem> {
        let is_form = matched.route.is_page() && !parts.method.is_safe();
        if !is_form || problem.status() != StatusCode::UNAUTHORIZED {
            return Err(problem);
        }
        match route::renew_session(&self.context, &parts.headers, *origin).await? {
            Some((actor, cookies)) => Ok((Some(actor), Renewed(Some(Box::new(cookies))))),
            None => Err(problem),
        }
    }
}

/// Reads what a request brings: the form of a page, else an object.
pub(super) async fn read(route: &Route, headers: &HeaderMap, body: RequestBody) -> Result<Object, Problem> {
    if route.is_page() {
        return route::read_form(headers, body, route.body.unwrap_or_default()).await;
    }
    route::read_object(headers, body).await
}
