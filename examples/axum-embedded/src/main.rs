//! An axum application that mounts FlowMastery under `/flow`, beside its own routes, one of which knows FlowMastery's users.
//!
//! `SECRET_KEY=… ADMIN_PASSWORD=… cargo run -p axum-embedded [ADDRESS [DATABASE_URL]]` makes the admin `admin@example.com` on its first start.

use std::{env, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{ConnectInfo, Request},
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use flowmastery_core::{
    Config, Flowmastery,
    access::actor::Actor,
    error::BoxError,
    model::{email::Email, password::Password},
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tower::{Api, AuthenticateLayer, PeerAddress, TokenAuthenticator};
use tokio::{net::TcpListener, signal::ctrl_c, time::sleep};
use tokio_util::sync::CancellationToken;

/// The longest that requests may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let database = env::args().nth(2).unwrap_or_else(|| "sqlite://axum-embedded.db".to_owned());
    let store = SqlStore::connect(&SqlConfig::new(database)).await?;
    store.migrate_up().await?;
    let config = Config::new(setting("SECRET_KEY")?.into(), &format!("http://{address}"));
    let flowmastery = Flowmastery::builder(config, Arc::new(store.clone())).build()?;
    if !flowmastery.users().has_admin().await? {
        let password = Password::choose(setting("ADMIN_PASSWORD")?.into()).map_err(|fault| fault.message)?;
        let email = Email::parse("admin@example.com").map_err(|fault| fault.message)?;
        flowmastery.users().create_admin(email, &password).await?;
    }
    let stop = CancellationToken::new();
    let work = tokio::spawn(flowmastery.clone().run(stop.clone()));

    let guard = AuthenticateLayer::required(Arc::new(TokenAuthenticator::new(&flowmastery)));
    let app = Router::new()
        .route("/", get(|| async { "An application of its own; FlowMastery is under /flow." }))
        .route("/whoami", get(whoami).layer(guard))
        .nest_service("/flow", Api::builder(flowmastery.clone()).base_path("/flow").docs(true).build()?)
        .layer(from_fn(with_peer))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind(&address).await?;
    say(listener.local_addr()?);
    let stopped = stop.clone();
    tokio::spawn(async move { ctrl_c().await.map(|()| stopped.cancel()) });
    let server = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        served = server => served?,
        // Who does not come to an end is left behind.
        () = async { stop.cancelled().await; sleep(PATIENCE).await } => {}
    }
    stop.cancel();
    work.await?;
    flowmastery.settle().await;
    store.close().await;
    Ok(())
}

/// Tells FlowMastery who is at the other end of a connection, by which it throttles sign-ins.
async fn with_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(PeerAddress(peer.ip()));
    next.run(request).await
}

async fn whoami(Extension(actor): Extension<Actor>) -> String {
    format!("user {}, {}", actor.user_id(), actor.role())
}

#[expect(clippy::print_stdout, reason = "an example says where it is")]
fn say(address: SocketAddr) {
    println!("Listening on http://{address}");
}

#[expect(clippy::disallowed_methods, reason = "the environment is the host's to read")]
fn setting(name: &str) -> Result<String, BoxError> {
    env::var(name).map_err(|_| format!("Set {name}.").into())
}
