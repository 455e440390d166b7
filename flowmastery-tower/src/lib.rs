//! FlowMastery as one [`tower_service::Service`]: the REST API, and the layers for authentication and roles it is made of.
//!
//! [`Api`] answers its paths at the root, and under a prefix that [`ApiBuilder::base_path`] tells it, whether the host takes it off or not. It
//! is always ready, never fails, and takes whatever body its host has.
//!
//! In axum:
//!
//! ```
//! # use flowmastery_core::{Flowmastery, error::Result};
//! use flowmastery_tower::Api;
//!
//! fn mounted(flowmastery: Flowmastery) -> Result<axum::Router> {
//!     let api = Api::builder(flowmastery).base_path("/flow").build()?;
//!     Ok(axum::Router::new().nest_service("/flow", api))
//! }
//! ```
//!
//! In poem:
//!
//! ```
//! # use flowmastery_core::{Flowmastery, error::Result};
//! use flowmastery_tower::Api;
//! use poem::{Route, endpoint::TowerCompatExt};
//!
//! fn mounted(flowmastery: Flowmastery) -> Result<Route> {
//!     let api = Api::builder(flowmastery).build()?;
//!     Ok(Route::new().nest("/", api.compat()))
//! }
//! ```
//!
//! On hyper alone:
//!
//! ```no_run
//! # use flowmastery_core::error::BoxError;
//! use flowmastery_tower::Api;
//! use hyper_util::{
//!     rt::{TokioExecutor, TokioIo},
//!     server::conn::auto::Builder,
//!     service::TowerToHyperService,
//! };
//!
//! async fn serve(api: Api, listener: tokio::net::TcpListener) -> Result<(), BoxError> {
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         let service = TowerToHyperService::new(api.clone());
//!         tokio::spawn(async move {
//!             Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
//!         });
//!     }
//! }
//! ```
//!
//! Where a host knows who is at the other end of a connection, it puts a [`PeerAddress`] into the request's extensions: sign-ins are
//! throttled by it. Without one only the limit of an account over all callers holds, and whoever fails often
//! enough on purpose can keep its owner out.
//!
//! Browsers may be given their tokens in cookies ([`Site`] says how); [`ApiBuilder::public_url`] tells where they find the API.
//!
//! A host guards routes of its own with the layers in [`auth`] (who makes a request), [`require`] (what the role allows) and [`tenant`] (whose
//! records the path names), and traces them with the one in [`trace`]. From outside to inside they stand as [`TraceLayer`],
//! [`AuthenticateLayer`], [`RequireLayer`], [`TenantLayer`]. Each is for any framework of tower services; the features
//! `axum` and `poem` add extractors for handlers, and the layers as poem's middleware.
//!
//! With feature `dashboard` the same service has pages for people: sign-in, numbers, clients, users (`ApiBuilder::dashboard`, [the README
//! of embedding](https://github.com/flowmastery/flowmastery/blob/main/docs/EMBEDDING.md)).
//!
//! # Features
//!
//! `openapi`, which is on unless told otherwise, has the document at `/openapi.json` and the page at `/docs`. Without it `ApiBuilder::docs` is not there.
//! `dashboard` has the pages, with their templates, style sheet and script inside; off unless asked for. The
//! adapters of the core (stores, mail, n8n over HTTP) are chosen by the features of `flowmastery-core`, of which this crate turns on none.

mod api;
pub mod auth;
#[cfg(feature = "axum")]
pub mod axum;
mod body;
#[cfg(feature = "dashboard")]
mod dashboard;
mod denial;
mod guard;
#[cfg(feature = "openapi")]
mod openapi;
mod peer;
#[cfg(feature = "poem")]
pub mod poem;
mod problem;
mod protection;
mod request_id;
pub mod require;
mod route;
mod site;
pub mod tenant;
pub mod trace;

#[cfg(feature = "dashboard")]
pub use self::dashboard::{Dashboard, Logo};
pub use self::{
    api::{Api, ApiBuilder, ApiFuture},
    auth::{AuthenticateLayer, Authenticator, Credentials, CurrentActor, TokenAuthenticator},
    body::{ApiBody, GuardBody},
    guard::{Guard, GuardFuture},
    peer::PeerAddress,
    problem::Problem,
    request_id::RequestId,
    require::RequireLayer,
    site::Site,
    tenant::{Tenant, TenantLayer},
    trace::{TraceLayer, Trail},
};
