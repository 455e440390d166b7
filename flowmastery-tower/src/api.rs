//! The whole API as one service: [`Api`], and how it answers.
//!
//! Every request goes the same way: route, caller, role, record, body, endpoint. Each step can end it with a [`Problem`].

mod builder;
mod future;
#[cfg_attr(not(feature = "dashboard"), path = "api/no_pages.rs")]
mod pages;

use std::{
    convert::Infallible,
    fmt,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use bytes::Buf;
use flowmastery_core::{Flowmastery, access::actor::Actor, request::RequestOrigin};
use futures_util::FutureExt;
use http::{Method, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use tower_service::Service;
use tracing::Instrument;

use self::pages::{Renewed, read};
pub use self::{builder::ApiBuilder, future::ApiFuture};
use crate::{
    auth::Credentials,
    body::ApiBody,
    peer::TrustedProxies,
    problem::Problem,
    protection::insist_on_https,
    request_id::RequestId,
    route::{Broken, Call, Context, Fields, Matched, RequestBody, Table, Target},
    trace::Trail,
};

/// The REST API: mount it in any host that speaks `http::Request`. Clones share everything.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

impl Api {
    /// The API over these services, at the root and without documentation unless told otherwise.
    pub fn builder(flowmastery: Flowmastery) -> ApiBuilder {
        ApiBuilder::new(flowmastery)
    }

    /// Method and template of every route that is answered, pages included: what a test of who may do what has to cover.
    #[doc(hidden)]
    pub fn routes(&self) -> impl Iterator<Item = (&Method, &'static str)> {
        self.inner.table.routes().map(|route| (&route.method, route.path))
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base_path", &self.inner.context.site.base_path()).finish_non_exhaustive()
    }
}

struct Inner {
    table: Table,
    proxies: TrustedProxies,
    context: Arc<Context>,
}

/// A request as it came. The steps on its way hand on where it is, for it is large.
struct Asked {
    parts: Parts,
    body: RequestBody,
    renewed: Renewed,
}

impl Inner {
    /// Answers a request, whatever happens on the way.
    async fn answer(self: Arc<Self>, mut asked: Asked) -> Response<ApiBody> {
        let parts = &asked.parts;
        let mut trail = Trail::start(&parts.method, &parts.headers);
        let is_head = parts.method == Method::HEAD;
        let found = self.find(&parts.method, parts.uri.path());
        let origin = self.proxies.origin(&parts.headers, &parts.extensions, *trail.request_id());
        trail.address = origin.address;
        trail.route = found.as_ref().ok().map(|matched| matched.route.path);
        let (span, request_id) = (trail.span(), *trail.request_id());
        let page = self.page(parts, found.as_ref().ok());
        let served = async {
            let matched = found?;
            self.serve(&matched, &origin, &mut asked, &mut trail).await
        };
        let response = {
            // Of what a panic leaves half done the trail is looked at again, which holds only copies, and a session's cookies, which are all or none.
            let mut serving = pin!(AssertUnwindSafe(served).catch_unwind().instrument(span));
            let served = serving.as_mut().await;
            let served = served.unwrap_or_else(|panic| Err(Problem::panicked(panic.as_ref())));
            served.unwrap_or_else(|problem| {
                serving.span().in_scope(|| self.refuse(problem.in_request(request_id), page.as_deref()))
            })
        };
        let mut response = self.finished(response, &request_id, is_head);
        asked.renewed.put(&mut response);
        trail.answered(response.status());
        response
    }

    /// The route of a path, from which the host may or may not have taken the base path. What is one without taking it off comes first: a base
    /// path may begin like ours do.
    fn find(&self, method: &Method, path: &str) -> Result<Matched, Problem> {
        let found = self.find_at_root(method, path);
        let below = self.context.site.below_base_path(path);
        match (found, below) {
            (Err(problem), Some(path)) if problem.status() == StatusCode::NOT_FOUND => {
                self.find_at_root(method, path)
            }
            (found, _) => found,
        }
    }

    async fn serve(
        &self,
        matched: &Matched,
        origin: &RequestOrigin,
        asked: &mut Asked,
        trail: &mut Trail,
    ) -> Result<Response<ApiBody>, Problem> {
        let identified = matched.route.access.identify(&self.context.authentication, &asked.parts).await;
        let actor = match identified {
            Ok(actor) => actor,
            Err(problem) => Box::pin(self.renew(problem, matched, asked, origin)).await?,
        };
        // Before anything can refuse the caller: the access log names them then, too.
        trail.actor = actor.map(|actor| actor.at(*origin));
        let answer = self.serve_to(trail.actor.as_ref(), matched, origin, asked).await;
        if let (Err(problem), Some(actor)) = (&answer, trail.actor) {
            self.note_denial(actor, matched, problem.status());
        }
        answer
    }

    /// Notes that a caller was refused what the role does not allow, or another client's record.
    fn note_denial(&self, actor: Actor, matched: &Matched, status: StatusCode) {
        let named = match Target::of(matched) {
            Ok(Target::Client(id) | Target::Workflow(id, _)) => Some(id),
            _ => None,
        };
        let foreign = named.filter(|id| !actor.scope().admits(*id));
        if status == StatusCode::FORBIDDEN || (status == StatusCode::NOT_FOUND && foreign.is_some()) {
            let attempt = format!("{} {}", matched.route.method, matched.route.path);
            self.context.flowmastery.audit().denied(actor, &attempt, foreign);
        }
    }

    async fn serve_to(
        &self,
        actor: Option<&Actor>,
        matched: &Matched,
        origin: &RequestOrigin,
        asked: &mut Asked,
    ) -> Result<Response<ApiBody>, Problem> {
        let route = &matched.route;
        let parts = &mut asked.parts;
        if actor.is_some() {
            let credentials = Credentials::new(&parts.headers, &parts.extensions);
            self.context.authentication.admit(&parts.method, credentials)?;
        }
        route.access.require(actor.copied())?;
        let target = Target::of(matched)?;
        let flowmastery = &self.context.flowmastery;
        let mut object = None;
        if route.body.is_some() {
            // In boxes, so that requests without a body have no room to carry for this.
            Box::pin(target.look_up(flowmastery, actor.copied())).await?;
            let body = std::mem::take(&mut asked.body);
            object = Some(Box::pin(read(route, &parts.headers, body)).await?);
        }
        let fields = Fields::of(route, object, parts.uri.query().unwrap_or_default());
        let call = Call {
            context: self.context.clone(),
            actor: actor.copied(),
            origin: *origin,
            target: target.clone(),
            parameters: matched.parameters.iter().map(|(_, value)| value.clone()).collect(),
            headers: std::mem::take(&mut parts.headers),
            #[cfg(feature = "dashboard")]
            extensions: std::mem::take(&mut parts.extensions),
            fields,
        };
        let answer = if route.takes_nothing() { call.without_fields() } else { Ok(call) };
        let answer = match answer {
            Ok(call) => (route.endpoint)(call).await,
            Err(problem) => Err(problem),
        };
        if route.body.is_none() && has_faults(&answer) {
            // A record that is not there for the caller comes before faults of the query.
            Box::pin(target.look_up(flowmastery, actor.copied())).await?;
        }
        answer
    }

    /// The answer with what follows from the request and the host.
    fn finished(
        &self,
        mut response: Response<ApiBody>,
        request_id: &RequestId,
        is_head: bool,
    ) -> Response<ApiBody> {
        let length = (!response.body().has_more()).then(|| response.body().len());
        let status = response.status();
        let headers = response.headers_mut();
        if self.context.site.is_https() {
            insist_on_https(headers, self.context.site.is_whole_host());
        }
        headers.insert(RequestId::HEADER, request_id.to_header());
        let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if let Some(length) = length.filter(|_| has_body) {
            // Not every host asks the body for its length, and sends it in chunks then.
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        if is_head {
            *response.body_mut() = ApiBody::empty();
        }
        response
    }
}

fn has_faults(answer: &Result<Response<ApiBody>, Problem>) -> bool {
    answer.as_ref().is_err_and(|problem| problem.status() == StatusCode::UNPROCESSABLE_ENTITY)
}

impl<B> Service<Request<B>> for Api
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ApiBody>;
    type Error = Infallible;
    type Future = ApiFuture;

    /// Always ready; hosts need not ask.
    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ApiFuture {
        let (parts, body) = request.into_parts();
        let body = if body.is_end_stream() {
            RequestBody::default()
        } else {
            body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                .map_err(|_| Broken)
                .boxed_unsync()
        };
        ApiFuture::new(self.inner.clone().answer(Asked { parts, body, renewed: Renewed::default() }))
    }
}
