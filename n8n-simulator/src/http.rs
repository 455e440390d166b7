//! Simulated servers over real HTTP: many from one process, or one for a test.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
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

use crate::{
    answer::{Answer, Asked},
    in_process::InProcessN8n,
    n8n::{Reply, SimulatedN8n},
    quirks::Dialect,
};

/// The first part of the path of a server among several: `/i/7/api/v1/…`.
const PREFIX: &str = "/i/";

/// Many servers in one process. They stop when it is dropped.
///
/// Those of [`Simulator::add_instance`] share a port and have a path prefix each, so that one address leads to all of them. A client
/// that asks one origin one thing at a time, as flowmastery-core does, asks them in turn; [`Simulator::add_origin`] gives a server
/// a port of its own.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Shared,
    own: Mutex<Vec<JoinHandle<()>>>,
    in_process: InProcessN8n,
    task: JoinHandle<()>,
}

/// The servers of the shared port.
type Shared = Arc<Mutex<Sharers>>;

/// The servers of the shared port, by number, and how much they are asked at once.
#[derive(Debug, Default)]
struct Sharers {
    by_number: BTreeMap<u64, SimulatedN8n>,
    in_flight: usize,
    max_in_flight: usize,
}

/// A request to the shared port, until it is dropped.
struct OnShared(Shared);

impl OnShared {
    fn new(shared: &Shared) -> Self {
        let mut sharers = lock(shared);
        sharers.in_flight += 1;
        sharers.max_in_flight = sharers.max_in_flight.max(sharers.in_flight);
        Self(Arc::clone(shared))
    }
}

impl Drop for OnShared {
    fn drop(&mut self) {
        lock(&self.0).in_flight -= 1;
    }
}

impl Simulator {
    /// Starts without a server, on a free port of loopback.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Starts without a server, on an address of your choice; base addresses name it.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Shared::default();
        let task = tokio::spawn(accept(listener, Site::Shared(Arc::clone(&shared))));
        Ok(Self { address, shared, own: Mutex::default(), in_process: InProcessN8n::new(), task })
    }

    /// Adds an empty server, which has a path prefix of the shared port.
    pub fn add_instance(&self, dialect: Dialect) -> SimulatedN8n {
        let mut shared = lock(&self.shared);
        let number = shared.by_number.last_key_value().map_or(1, |(last, _)| last + 1);
        let n8n = SimulatedN8n::new(&format!("http://{}{PREFIX}{number}", self.address), dialect);
        shared.by_number.insert(number, n8n.clone());
        self.in_process.insert(&n8n);
        n8n
    }

    /// Adds an empty server on a free port of its own.
    ///
    /// # Errors
    /// When there is none.
    pub async fn add_origin(&self, dialect: Dialect) -> io::Result<SimulatedN8n> {
        let (n8n, task) = serve_alone(self.address.ip(), dialect).await?;
        self.own.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        self.in_process.insert(&n8n);
        Ok(n8n)
    }

    /// The most requests that the servers of the shared port were asked at one time, together.
    pub fn max_in_flight(&self) -> usize {
        lock(&self.shared).max_in_flight
    }

    /// The same servers without sockets.
    pub fn in_process(&self) -> InProcessN8n {
        self.in_process.clone()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
        self.own.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(JoinHandle::abort);
    }
}

/// One running server for a test; it stops when dropped.
#[derive(Debug)]
pub struct FakeN8n {
    n8n: SimulatedN8n,
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
        let alone = serve_alone(Ipv4Addr::LOCALHOST.into(), dialect).await;
        let (n8n, task) = alone.expect("loopback has a free port");
        Self { n8n, task }
    }
}

impl Drop for FakeN8n {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Deref for FakeN8n {
    type Target = SimulatedN8n;

    fn deref(&self) -> &SimulatedN8n {
        &self.n8n
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Sharers> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

type Body = BoxBody<Bytes, Infallible>;

/// What stands behind a port.
#[derive(Clone)]
enum Site {
    Shared(Shared),
    Own(SimulatedN8n),
}

impl Site {
    /// The server that a path leads to, and the path as it sees it.
    fn find<'a>(&self, path: &'a str) -> Option<(SimulatedN8n, &'a str)> {
        match self {
            Self::Own(n8n) => Some((n8n.clone(), path)),
            Self::Shared(shared) => {
                let rest = path.strip_prefix(PREFIX)?;
                let (number, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                Some((lock(shared).by_number.get(&number.parse().ok()?)?.clone(), rest))
            }
        }
    }
}

/// An empty server on a port that it has for itself.
async fn serve_alone(ip: IpAddr, dialect: Dialect) -> io::Result<(SimulatedN8n, JoinHandle<()>)> {
    let listener = TcpListener::bind((ip, 0)).await?;
    let n8n = SimulatedN8n::new(&format!("http://{}", listener.local_addr()?), dialect);
    let task = tokio::spawn(accept(listener, Site::Own(n8n.clone())));
    Ok((n8n, task))
}

/// Ends when its task is aborted, and every connection with it.
async fn accept(listener: TcpListener, site: Site) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, site.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, site: Site) {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { respond(&request, &site).await }
    });
    // A connection that breaks off is the client's business, or a fault that was asked for.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn respond(request: &Request<Incoming>, site: &Site) -> io::Result<Response<Body>> {
    let _in_flight = match site {
        Site::Shared(shared) => Some(OnShared::new(shared)),
        Site::Own(_) => None,
    };
    let (method, path) = (request.method().as_str(), request.uri().path());
    let Some((n8n, path)) = site.find(path) else {
        return sent(Answer::cannot(method, path));
    };
    let query = request.uri().query().unwrap_or_default();
    let key = request.headers().get("x-n8n-api-key").map(http::HeaderValue::as_bytes).unwrap_or_default();
    match n8n.meet(&Asked { method, path, query, key }).await {
        Reply::Answer(answer) => sent(answer),
        Reply::Endless => response(200, "application/json", endless()),
        Reply::Closed => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn sent(answer: Answer) -> io::Result<Response<Body>> {
    response(answer.status, answer.content_type, Full::from(answer.body).boxed())
}

/// In large parts, so that a reader comes to its limit long before it loses patience.
fn endless() -> Body {
    let part = Bytes::from("[],".repeat(20_000));
    let rows = stream::once(async { Bytes::from_static(br#"{"data":["#) }).chain(stream::repeat(part));
    BodyExt::boxed(StreamBody::new(rows.map(|part| Ok(Frame::data(part)))))
}

fn response(status: u16, content_type: &'static str, body: Body) -> io::Result<Response<Body>> {
    let status = StatusCode::from_u16(status).map_err(io::Error::other)?;
    let response = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    response.body(body).map_err(io::Error::other)
}
