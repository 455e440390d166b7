//! The API over HTTP messages, without a port: routing, access, lists, metrics, documentation, layers, and the same on every host.

mod docs;
mod embedded;
mod executions;
mod extractors;
mod layers;
mod lists;
mod matrix;
mod metrics;
mod routing;
mod series;

use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, World},
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

/// A world on SQLite with its admin's access token.
async fn world() -> (World, String) {
    let world = World::new(Backend::Sqlite.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    (world, admin)
}

/// A world with its admin's token, two clients, and a token of a user of the first.
async fn two_clients() -> (World, String, [i64; 2], String) {
    let (world, admin) = world().await;
    let clients = [world.client(&admin, "Acme Corp").await, world.client(&admin, "Other").await];
    let user = world.client_user(&admin, "client@acme.com", clients[0]).await;
    (world, admin, clients, user)
}

/// A request without a body.
fn get(path: &str) -> http::request::Builder {
    Request::get(path)
}

fn empty(request: http::request::Builder) -> Request<Full<bytes::Bytes>> {
    request.body(Full::default()).unwrap()
}

/// Sends a request to any service and reads the answer to its end.
async fn send<S, B>(service: S, request: Request<Full<bytes::Bytes>>) -> (StatusCode, HeaderMap, bytes::Bytes)
where
    S: tower::Service<Request<Full<bytes::Bytes>>, Response = http::Response<B>>,
    S::Error: std::fmt::Debug,
    B: hyper::body::Body,
    B::Error: std::fmt::Debug,
{
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}
