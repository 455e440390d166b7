//! FlowMastery on axum with ports of its own: [`own_ports`] says which.
//!
//! `SECRET_KEY=… ADMIN_PASSWORD=… cargo run -p own-ports [ADDRESS [DIRECTORY]]` makes the admin `admin@example.com` on its first start. Mails are
//! files in `DIRECTORY/outbox`; what n8n servers answered goes into `DIRECTORY/n8n/<host>`, and the client's address is `https://<host>`.

use std::{env, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::{Next, from_fn},
    response::Response,
};
use flowmastery_core::{
    Config,
    error::BoxError,
    model::{email::Email, password::Password},
    store::sql::SqlStore,
};
use flowmastery_tower::{Api, PeerAddress};
use tokio::{net::TcpListener, signal::ctrl_c, time::sleep};
use tokio_util::sync::CancellationToken;

/// The longest that requests and work may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8004".to_owned());
    let directory = PathBuf::from(env::args().nth(2).unwrap_or_else(|| "own-ports-data".to_owned()));
    for name in ["outbox", "n8n"] {
        tokio::fs::create_dir_all(directory.join(name)).await?;
    }
    let database = format!("sqlite://{}", directory.join("flowmastery.db").display());
    let store = SqlStore::open(database).await?;
    let config = Config::new(setting("SECRET_KEY")?.into(), &format!("http://{address}"));
    let flowmastery = own_ports::flowmastery(config, Arc::new(store.clone()), &directory)?;
    if !flowmastery.users().has_admin().await? {
        let password = Password::choose(setting("ADMIN_PASSWORD")?.into())?;
        let email = Email::parse("admin@example.com")?;
        flowmastery.users().create_admin(email, &password).await?;
    }
    let work = flowmastery.start();

    let app = Router::new()
        .fallback_service(Api::builder(flowmastery).docs(true).build()?)
        .layer(from_fn(with_peer))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind(&address).await?;
    say(listener.local_addr()?);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move { ctrl_c().await.map(|()| stopped.cancel()) });
    let server = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        served = server => served?,
        // Who does not come to an end is left behind.
        () = async { stop.cancelled().await; sleep(PATIENCE).await } => {}
    }
    work.stop(PATIENCE).await;
    store.close().await;
    Ok(())
}

/// Tells FlowMastery who is at the other end of a connection, by which it throttles sign-ins.
async fn with_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(PeerAddress(peer.ip()));
    next.run(request).await
}

#[expect(clippy::print_stdout, reason = "an example says where it is")]
fn say(address: SocketAddr) {
    println!("Listening on http://{address}");
}

#[expect(clippy::disallowed_methods, reason = "the environment is the host's to read")]
fn setting(name: &str) -> Result<String, BoxError> {
    env::var(name).map_err(|_| format!("Set {name}.").into())
}
