//! An axum application with state, routes and sessions of its own, which mounts FlowMastery under `/flow` and shares its users with it.
//!
//! `SECRET_KEY=… ADMIN_PASSWORD=… cargo run -p axum-embedded [ADDRESS [DATABASE_URL]]` makes FlowMastery's admin `admin@example.com` on its first
//! start. `MEMBERS=anna:PASSWORD:admin@example.com` lets a member of the application sign in at `/sign-in` and be that admin, on the application's
//! own pages, on the API and on the dashboard, which is at `/flow/dashboard` and leads there who is not signed in.

mod authenticator;
mod members;
mod routes;
mod sessions;

use std::{env, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::{Next, from_fn},
    response::Response,
};
use flowmastery_core::{
    Config, Flowmastery,
    error::BoxError,
    model::{email::Email, password::Password},
    store::sql::SqlStore,
};
use flowmastery_tower::{Api, Dashboard, PeerAddress, Site};
use tokio::{net::TcpListener, signal::ctrl_c, time::sleep};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use self::{
    authenticator::MemberAuthenticator,
    members::Members,
    routes::{App, SIGN_IN, SIGN_OUT},
    sessions::Sessions,
};

/// Where FlowMastery is mounted.
const FLOW: &str = "/flow";

/// The longest that requests, and the work beside them, may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Where the log goes is the application's to say, for FlowMastery's lines, too.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let database = env::args().nth(2).unwrap_or_else(|| "sqlite://axum-embedded.db".to_owned());
    let listener = TcpListener::bind(&address).await?;
    let address = listener.local_addr()?;
    let public_url = setting("PUBLIC_URL").unwrap_or_else(|_| format!("http://{address}"));
    let store = SqlStore::open(database).await?;
    // Mails lead to the dashboard's pages.
    let pages = format!("{public_url}{FLOW}{}", Dashboard::default().path());
    let config = Config::new(setting("SECRET_KEY")?.into(), &pages);
    let flowmastery = Flowmastery::builder(config, Arc::new(store.clone())).build()?;
    make_admin(&flowmastery).await?;
    let work = flowmastery.start();

    let members = Members::read(&setting("MEMBERS").unwrap_or_default()).await?;
    let app = App {
        members: Arc::new(members),
        sessions: Arc::new(Sessions::new(public_url.starts_with("https:"))),
        flowmastery,
    };
    say(address);
    let service = application(app, &public_url)?.into_make_service_with_connect_info::<SocketAddr>();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move { ctrl_c().await.map(|()| stopped.cancel()) });
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        served = server => served?,
        // Who does not come to an end is left behind.
        () = async { stop.cancelled().await; sleep(PATIENCE).await } => {}
    }
    work.stop(PATIENCE).await;
    store.close().await;
    Ok(())
}

/// The application: its own routes and FlowMastery's, with one way to know who is there.
fn application(app: App, public_url: &str) -> Result<Router, BoxError> {
    let site = Site::new(public_url, FLOW)?;
    let authenticator = Arc::new(MemberAuthenticator::new(&app, site.clone()));
    let api = Api::builder(app.flowmastery.clone())
        .base_path(FLOW)
        .public_url(public_url)
        .docs(true)
        .dashboard(Dashboard::default().name("An application of its own").signing(SIGN_IN, SIGN_OUT)?)
        .authenticator(authenticator.clone())
        .build()?;
    Ok(routes::own(app, authenticator, site)?
        .nest_service(FLOW, api)
        .layer(CatchPanicLayer::new())
        .layer(from_fn(with_peer)))
}

/// Tells FlowMastery who is at the other end of a connection, by which it throttles sign-ins.
async fn with_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(PeerAddress(peer.ip()));
    next.run(request).await
}

async fn make_admin(flowmastery: &Flowmastery) -> Result<(), BoxError> {
    if flowmastery.users().has_admin().await? {
        return Ok(());
    }
    let password = Password::choose(setting("ADMIN_PASSWORD")?.into())?;
    let email = Email::parse("admin@example.com")?;
    flowmastery.users().create_admin(email, &password).await?;
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
