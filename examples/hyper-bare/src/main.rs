//! The smallest host: FlowMastery on hyper-util alone.
//!
//! `SECRET_KEY=… cargo run -p hyper-bare [ADDRESS [DATABASE_URL]]`. The standalone server's command makes its first admin:
//! `DATABASE_URL=sqlite://hyper-bare.db SECRET_KEY=… cargo run -- create-admin`.

use std::{env, net::SocketAddr, sync::Arc, time::Duration};

use flowmastery_core::{Config, Flowmastery, error::BoxError, store::sql::SqlStore};
use flowmastery_tower::{Api, PeerAddress};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::TcpListener,
    signal::ctrl_c,
    time::{sleep, timeout},
};
use tower_service::Service;

/// The longest that requests, and the work beside them, may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8002".to_owned());
    let database = env::args().nth(2).unwrap_or_else(|| "sqlite://hyper-bare.db".to_owned());
    let store = SqlStore::open(database).await?;
    let config = Config::new(setting("SECRET_KEY")?.into(), &format!("http://{address}"));
    let flowmastery = Flowmastery::builder(config, Arc::new(store.clone())).build()?;
    let work = flowmastery.start();
    let listener = TcpListener::bind(&address).await?;
    say(listener.local_addr()?);
    serve(Api::builder(flowmastery).docs(true).build()?, listener).await?;
    work.stop(PATIENCE).await;
    store.close().await;
    Ok(())
}

/// Serves every connection until Ctrl-C, then lets those that are busy finish, for a while.
async fn serve(api: Api, listener: TcpListener) -> Result<(), BoxError> {
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            interrupted = ctrl_c() => break interrupted?,
        };
        let Ok((stream, peer)) = accepted else {
            // There are too many connections, or this one is gone already; others may be taken in a moment.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let api = api.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer.ip()));
            api.clone().call(request)
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        // A connection that breaks off is its caller's matter.
        tokio::spawn(connections.watch(connection));
    }
    // Who does not come to an end is left behind.
    let _ = timeout(PATIENCE, connections.shutdown()).await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example says where it is")]
fn say(address: SocketAddr) {
    println!("Listening on http://{address}");
}

#[expect(clippy::disallowed_methods, reason = "the environment is the host's to read")]
fn setting(name: &str) -> Result<String, BoxError> {
    env::var(name).map_err(|_| format!("Set {name}.").into())
}
