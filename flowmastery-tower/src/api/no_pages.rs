//! In the place of what is different about requests for pages, where there are none.

use flowmastery_core::{access::actor::Actor, request::RequestOrigin};
use http::{HeaderMap, Method, Response, request::Parts};

use super::{Asked, Inner};
use crate::{
    body::ApiBody,
    problem::Problem,
    route::{self, Matched, Object, RequestBody, Route},
};

/// Nothing is renewed.
#[derive(Default)]
pub(super) struct Renewed(());

#[expect(clippy::unused_self, reason = "who has pages looks at them")]
impl Renewed {
    pub(super) fn put(self, _: &mut Response<ApiBody>) {}
}

#[expect(clippy::unused_self, clippy::unused_async, reason = "who has pages looks at their settings")]
impl Inner {
    pub(super) fn page(&self, _: &Parts, _: Option<&Matched>) -> Option<Box<()>> {
        None
    }

    pub(super) fn refuse(&self, problem: Problem, _: Option<&()>) -> Response<ApiBody> {
        problem.response()
    }

    pub(super) fn find_at_root(&self, method: &Method, path: &str) -> Result<Matched, Problem> {
        self.table.find(method, path)
    }

    pub(super) async fn renew(
        &self,
        problem: Problem,
        _: &Matched,
        _: &mut Asked,
        _: &RequestOrigin,
    ) -> Result<Option<Actor>, Problem> {
        Err(problem)
    }
}

/// Reads what a request brings.
pub(super) async fn read(_: &Route, headers: &HeaderMap, body: RequestBody) -> Result<Object, Problem> {
    route::read_object(headers, body).await
}
