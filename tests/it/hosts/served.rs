//! Hosts in this process, each listening on a port of its own: the same services behind axum, poem, hyper alone and salvo.

use std::{net::SocketAddr, sync::Arc};

use flowmastery_core::testing::entropy::SeededEntropy;
use flowmastery_tests::{backend::Backend, world::World};
use flowmastery_tower::{Api, Dashboard, PeerAddress};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use poem::{EndpointExt, IntoEndpoint, endpoint::TowerCompatExt};
use salvo::{Listener as _, prelude::TowerServiceCompat};
use tokio::{net::TcpListener, task::JoinHandle};
use tower::Service;

/// A framework that serves the API.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framework {
    Axum,
    Poem,
    Hyper,
    Salvo,
}

/// A server that ends with the test.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A world in which nothing is left to time and chance.
pub(super) async fn exact_world() -> World {
    let entropy = Arc::new(SeededEntropy::new(6));
    World::with(Backend::Sqlite.store().await, |builder| builder.entropy(entropy)).await
}

/// Serves a world's API under `base`.
pub(super) async fn serve(framework: Framework, world: &World, base: &'static str) -> Served {
    let api = Api::builder(world.app.clone()).base_path(base).docs(true);
    let api = api.dashboard(Dashboard::default()).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = match framework {
        Framework::Axum => tokio::spawn(axum(listener, api, base)),
        Framework::Poem => tokio::spawn(poem(listener, api, base)),
        Framework::Hyper => tokio::spawn(hyper(listener, api)),
        Framework::Salvo => {
            drop(listener);
            return salvo(api, base).await;
        }
    };
    Served { address, task }
}

async fn axum(listener: TcpListener, api: Api, base: &str) {
    let router = axum::Router::new();
    let router = if base.is_empty() { router.fallback_service(api) } else { router.nest_service(base, api) };
    let with_peer = |axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<SocketAddr>,
                     mut request: axum::extract::Request,
                     next: axum::middleware::Next| {
        request.extensions_mut().insert(PeerAddress(peer.ip()));
        next.run(request)
    };
    let router = router.layer(axum::middleware::from_fn(with_peer));
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
}

async fn poem(listener: TcpListener, api: Api, base: &str) {
    let with_peer = |mut request: poem::Request| async move {
        let peer = request.remote_addr().as_socket_addr().copied().unwrap();
        request.extensions_mut().insert(PeerAddress(peer.ip()));
        Ok(request)
    };
    let mount = if base.is_empty() { "/" } else { base };
    let endpoint =
        poem::Route::new().nest(mount, TowerCompatExt::compat(api).before(with_peer)).into_endpoint();
    let acceptor = poem::listener::TcpAcceptor::from_tokio(listener).unwrap();
    poem::Server::new_with_acceptor(acceptor).run(endpoint).await.unwrap();
}

/// Takes nothing off the path.
async fn hyper(listener: TcpListener, api: Api) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        let api = api.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer.ip()));
            api.clone().call(request)
        });
        tokio::spawn(async move {
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Takes nothing off the path either.
async fn salvo(api: Api, base: &str) -> Served {
    #[salvo::handler]
    async fn with_peer(request: &mut salvo::Request) {
        let peer = request.remote_addr().ip().unwrap();
        request.extensions_mut().insert(PeerAddress(peer));
    }
    let mounted = TowerServiceCompat::<salvo::http::ReqBody, _, _, _>::compat(api);
    let path = format!("{}/{{**rest}}", base.trim_start_matches('/'));
    let router = salvo::Router::new()
        .hoop(with_peer)
        .push(salvo::Router::with_path(path.trim_start_matches('/')).goal(mounted));
    let acceptor = salvo::conn::TcpListener::new("127.0.0.1:0").try_bind().await.unwrap();
    let address = salvo::conn::Acceptor::holdings(&acceptor)[0].local_addr.clone().into_std().unwrap();
    let task = tokio::spawn(async move { salvo::Server::new(acceptor).serve(router).await });
    Served { address, task }
}
