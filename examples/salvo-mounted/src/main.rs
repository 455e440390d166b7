//! A salvo application that mounts FlowMastery under `/flow`, beside its own routes. salvo leaves the prefix on the path, and the API takes
//! it off.
//!
//! `SECRET_KEY=… cargo run -p salvo-mounted [ADDRESS [DATABASE_URL]]`. The standalone server's command makes its first admin:
//! `DATABASE_URL=sqlite://salvo-mounted.db SECRET_KEY=… cargo run -- create-admin`.

use std::{env, net::SocketAddr, sync::Arc, time::Duration};

use flowmastery_core::{Config, Flowmastery, error::BoxError, store::sql::SqlStore};
use flowmastery_tower::{Api, Dashboard, PeerAddress};
use salvo::{
    Listener, Request, Router, Server,
    conn::{Acceptor, TcpListener},
    handler,
    http::ReqBody,
    prelude::TowerServiceCompat,
    writing::Text,
};
use tokio::signal::ctrl_c;

/// The longest that requests, and the work beside them, may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8003".to_owned());
    let database = env::args().nth(2).unwrap_or_else(|| "sqlite://salvo-mounted.db".to_owned());
    let store = SqlStore::open(database).await?;
    let public_url = format!("http://{address}");
    let config = Config::new(setting("SECRET_KEY")?.into(), &format!("{public_url}/flow/dashboard"));
    let flowmastery = Flowmastery::builder(config, Arc::new(store.clone())).build()?;
    let work = flowmastery.start();

    let api = Api::builder(flowmastery).base_path("/flow").public_url(public_url).docs(true);
    let api = api.dashboard(Dashboard::default()).build()?;
    let mounted = TowerServiceCompat::<ReqBody, _, _, _>::compat(api);
    let router =
        Router::new().hoop(with_peer).get(home).push(Router::with_path("flow/{**rest}").goal(mounted));
    let acceptor = TcpListener::new(address).try_bind().await?;
    for holding in acceptor.holdings() {
        say(holding.local_addr.clone().into_std());
    }
    let server = Server::new(acceptor);
    let handle = server.handle();
    tokio::spawn(async move {
        if ctrl_c().await.is_ok() {
            handle.stop_graceful(PATIENCE);
        }
    });
    server.try_serve(router).await?;

    work.stop(PATIENCE).await;
    store.close().await;
    Ok(())
}

#[handler]
async fn home() -> Text<&'static str> {
    Text::Html(
        "<p>An application of its own; FlowMastery is at <a href=\"/flow/dashboard\">its dashboard</a>.",
    )
}

/// Tells FlowMastery who is at the other end of a connection, by which it throttles sign-ins.
#[handler]
async fn with_peer(request: &mut Request) {
    if let Some(peer) = request.remote_addr().ip() {
        request.extensions_mut().insert(PeerAddress(peer));
    }
}

#[expect(clippy::print_stdout, reason = "an example says where it is")]
fn say(address: Option<SocketAddr>) {
    if let Some(address) = address {
        println!("Listening on http://{address}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment is the host's to read")]
fn setting(name: &str) -> Result<String, BoxError> {
    env::var(name).map_err(|_| format!("Set {name}.").into())
}
