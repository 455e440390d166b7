//! The servers that are measured: the API as hosts mount it, on three frameworks, and on each of them its limit, which answers the
//! same bytes to everybody.
//!
//! Each is one thread. All of them hear from the other process what they are to be, and end with it.

use std::{fs::File, future::ready, net::SocketAddr, time::Instant};

use axum::extract::ConnectInfo;
use bytes::Bytes;
use flowmastery_tower::{Api, Dashboard, PeerAddress};
use http::{Response, header};
use http_body_util::Full;
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use poem::{EndpointExt, endpoint::TowerCompatExt};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tower_service::Service;

use super::{
    PATH,
    server::{say, told, until_alone},
    tenant::Tenant,
};
use crate::Fallible;

/// The media type of the answer.
const JSON: &str = "application/json";
/// What a limit says its request is called: it makes no ids.
const SOME_ID: &str = "0123456789abcdef0123456789abcdef";

/// A framework that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// hyper-util alone.
    Hyper,
    /// axum.
    Axum,
    /// poem.
    Poem,
}

impl Framework {
    /// All that are measured.
    pub const ALL: [Self; 3] = [Self::Hyper, Self::Axum, Self::Poem];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Axum => "axum",
            Self::Poem => "poem",
        }
    }
}

/// Is the server of a name, such as `hyper/ours`, until the other process ends.
///
/// # Errors
/// For a name that is none, and where it cannot be served.
pub fn serve(name: &str) -> Fallible<()> {
    let mut parts = name.split('/');
    let (framework, side) = (parts.next().unwrap_or_default(), parts.next());
    let framework = Framework::ALL.into_iter().find(|known| known.name() == framework);
    let framework = framework.ok_or("no such framework")?;
    // As hosts start it, but for where the lines go: each is written, and none is kept.
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(File::options().write(true).open("/dev/null")?)
        .init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        match side {
            Some("ours") => ours(framework, listener).await,
            Some("limit") => limit(framework, listener, told()?.into()).await,
            _ => Err("no such side".into()),
        }
    })
}

/// FlowMastery over a tenant's database, with all that goes on beside requests. Says a token, and how many executions the answer has to count.
async fn ours(framework: Framework, listener: TcpListener) -> Fallible<()> {
    told()?;
    let tenant = Tenant::make().await?;
    let work = tenant.flowmastery.start();
    let api = Api::builder(tenant.flowmastery.clone()).dashboard(Dashboard::default()).build()?;
    say(listener.local_addr()?, &[tenant.token.expose_secret(), &tenant.executions.to_string()])?;
    let served = async {
        match framework {
            Framework::Hyper => {
                hyper(listener, move |mut request, peer| {
                    request.extensions_mut().insert(PeerAddress(peer.ip()));
                    api.clone().call(request)
                })
                .await
            }
            Framework::Axum => {
                let with_peer = |mut request: axum::extract::Request| {
                    if let Some(ConnectInfo(peer)) =
                        request.extensions().get::<ConnectInfo<SocketAddr>>().copied()
                    {
                        request.extensions_mut().insert(PeerAddress(peer.ip()));
                    }
                    request
                };
                let api = tower::ServiceBuilder::new().map_request(with_peer).service(api);
                axum(listener, axum::Router::new().fallback_service(api)).await
            }
            Framework::Poem => {
                let with_peer = |mut request: poem::Request| {
                    if let Some(peer) = request.remote_addr().as_socket_addr().map(SocketAddr::ip) {
                        request.extensions_mut().insert(PeerAddress(peer));
                    }
                    ready(Ok(request))
                };
                poem(listener, api.compat().before(with_peer)).await
            }
        }
    };
    tokio::select! {
        served = served => served,
        alone = until_alone() => alone,
    }?;
    work.stop(std::time::Duration::from_secs(5)).await;
    Ok(())
}

/// The same bytes for everybody, and a line for each.
async fn limit(framework: Framework, listener: TcpListener, body: Bytes) -> Fallible<()> {
    say(listener.local_addr()?, &[])?;
    let served = async {
        match framework {
            Framework::Hyper => {
                let answer = move |_: Request<Incoming>, peer| {
                    let start = Instant::now();
                    let mut response = Response::new(Full::new(body.clone()));
                    response
                        .headers_mut()
                        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(JSON));
                    line(start, peer);
                    ready(Ok::<_, std::convert::Infallible>(response))
                };
                hyper(listener, answer).await
            }
            Framework::Axum => {
                let answer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| {
                    let start = Instant::now();
                    let answer = ([(header::CONTENT_TYPE, JSON)], body);
                    line(start, peer);
                    ready(answer)
                };
                axum(listener, axum::Router::new().route(PATH, axum::routing::get(answer))).await
            }
            Framework::Poem => {
                let answer = move |request: poem::Request| {
                    let (start, body) = (Instant::now(), body.clone());
                    let answer = poem::Response::builder().content_type(JSON).body(body);
                    if let Some(peer) = request.remote_addr().as_socket_addr() {
                        line(start, *peer);
                    }
                    ready(Ok::<_, poem::Error>(answer))
                };
                let answer = poem::endpoint::make(answer);
                poem(listener, poem::Route::new().at(PATH, poem::get(answer))).await
            }
        }
    };
    tokio::select! {
        served = served => served,
        alone = until_alone() => alone,
    }
}

/// The line that the API writes of an answer, with as many fields as long.
fn line(start: Instant, peer: SocketAddr) {
    tracing::info!(
        target: "flowmastery::access",
        request_id = %SOME_ID,
        method = %http::Method::GET,
        route = PATH,
        status = 200,
        duration_ms = (start.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        address = %peer.ip(),
        user.id = 2,
        client.id = 1,
    );
}

/// Serves as the example `hyper-bare` does.
async fn hyper<F, B, E>(
    listener: TcpListener,
    answer: impl Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
) -> Fallible<()>
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    loop {
        let (stream, peer) = listener.accept().await?;
        let answer = answer.clone();
        let service = hyper::service::service_fn(move |request| answer(request, peer));
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        // A connection that breaks off is its caller's matter.
        tokio::spawn(connection);
    }
}

/// Serves as the example `axum-embedded` does.
async fn axum(listener: TcpListener, router: axum::Router) -> Fallible<()> {
    Ok(axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

/// Serves as the standalone server does.
async fn poem(listener: TcpListener, endpoint: impl poem::IntoEndpoint + Send + 'static) -> Fallible<()> {
    let acceptor = poem::listener::TcpAcceptor::from_tokio(listener)?;
    Ok(poem::Server::new_with_acceptor(acceptor).run(endpoint).await?)
}
