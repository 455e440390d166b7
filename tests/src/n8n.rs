//! An n8n to test against: its public API over real HTTP on loopback, with rows, dialect and faults as a test wants them.
//!
//! It does what real servers were seen doing, traps included: running executions are listed only under `status=running`, n8n 1 hides
//! waiting ones altogether, cursors hold no filter, and the two versions refuse different things. Not simulated: compression, tags
//! and projects, the time filters of n8n 2.

mod answer;
mod state;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use self::answer::Answer;
pub use self::state::{Run, State};

/// The key that opens a new server.
const KEY: &str = "n8n_api_test_key";

/// Which version a server behaves like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// 1.123: waiting executions are hidden, unknown parameters and limits over 250 are refused.
    V1,
    /// 2.41: waiting executions are listed, unknown parameters are ignored, limits are cut to 250.
    V2,
}

/// What a server does in place of its proper answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers properly.
    None,
    /// 401, as for a wrong key.
    Unauthorized,
    /// 403, as for a key that lacks a scope.
    Forbidden,
    /// 500 with a JSON message.
    Status500,
    /// 200 with a page, as while n8n migrates its database.
    Html200,
    /// 404 with a page, as while n8n starts or when its public API is switched off.
    Html404,
    /// The proper JSON, cut in the middle.
    Truncated,
    /// JSON that never ends.
    Endless,
    /// The proper answer after a while.
    Slow(Duration),
    /// Closes the connection without an answer.
    Closed,
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct FakeN8n {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl FakeN8n {
    /// Starts a server that behaves like n8n 2, empty, on a free port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        Self::start_as(Dialect::V2).await
    }

    /// Starts a server that behaves like one version.
    ///
    /// # Panics
    /// When loopback has no free port.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its server")]
    pub async fn start_as(dialect: Dialect) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::new(dialect, KEY)));
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, task }
    }

    /// The address of its public API, as people paste it.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, answer::API)
    }

    /// The key that it accepts.
    pub fn key(&self) -> String {
        self.state().key.clone()
    }

    /// Its rows, faults and log, to look at and to change. Answers wait while the guard is held.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for FakeN8n {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

type Body = BoxBody<Bytes, Infallible>;

/// Ends when its task is aborted, and every connection with it.
async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { respond(&request, &state).await }
    });
    // A connection that breaks off is the client's business, or a fault that was asked for.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

/// Counts a request as in flight until it is dropped.
struct InFlight<'a>(&'a Mutex<State>);

impl<'a> InFlight<'a> {
    fn new(state: &'a Mutex<State>) -> Self {
        lock(state).enter();
        Self(state)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        lock(self.0).leave();
    }
}

async fn respond(request: &Request<Incoming>, state: &Mutex<State>) -> io::Result<Response<Body>> {
    let _in_flight = InFlight::new(state);
    let fault = lock(state).take_fault(request.uri());
    if let Fault::Slow(wait) = fault {
        tokio::time::sleep(wait).await;
    }
    let proper = || answer::answer(&lock(state), request);
    match fault {
        Fault::None | Fault::Slow(_) => proper().try_into(),
        Fault::Unauthorized => answer::unauthorized(lock(state).dialect).try_into(),
        Fault::Forbidden => Answer::refusal(403, "Forbidden").try_into(),
        Fault::Status500 => Answer::refusal(500, "Internal Server Error").try_into(),
        Fault::Html200 => Answer::html(200, "n8n is starting up. Please wait").try_into(),
        Fault::Html404 => Answer::cannot_get(request.uri().path()).try_into(),
        Fault::Truncated => {
            let whole = proper();
            let half = whole.body.chars().count() / 2;
            Answer { body: whole.body.chars().take(half).collect(), ..whole }.try_into()
        }
        Fault::Endless => response(200, "application/json", endless()),
        Fault::Closed => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn endless() -> Body {
    let rows = stream::repeat_with(|| {
        Ok(Frame::data(Bytes::from_static(br#"{"data":[[],[],[],[],[],[],[],[],[],["#)))
    });
    BodyExt::boxed(StreamBody::new(rows))
}

fn response(status: u16, content_type: &'static str, body: Body) -> io::Result<Response<Body>> {
    let status = StatusCode::from_u16(status).map_err(io::Error::other)?;
    let response = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    response.body(body).map_err(io::Error::other)
}

impl TryFrom<Answer> for Response<Body> {
    type Error = io::Error;

    fn try_from(answer: Answer) -> io::Result<Self> {
        response(answer.status, answer.content_type, Full::from(answer.body).boxed())
    }
}

#[cfg(test)]
mod tests;
