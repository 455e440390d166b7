//! Throttles over the API: who is held up after which failures and for how long, and who is not.

mod busy;
mod hosts;
mod limits;
mod timing;

use std::{net::IpAddr, time::Duration};

use flowmastery_tests::{
    backend::Backend,
    world::{Answer, PASSWORD, World},
};
use flowmastery_tower::PeerAddress;
use http::{Request, header};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);
const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const ACCEPT: &str = "/api/v1/auth/invitations/accept";
const RESET: &str = "/api/v1/auth/password-reset";
const CONFIRM: &str = "/api/v1/auth/password-reset/confirm";

async fn world() -> World {
    World::new(Backend::Sqlite.store().await).await
}

/// Posts from an address; from nowhere, where it is empty.
async fn post(world: &World, from: &str, path: &str, body: &Value) -> Answer {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    if !from.is_empty() {
        request = request.extension(PeerAddress(from.parse::<IpAddr>().unwrap()));
    }
    world.send(request.body(body.to_string().into()).unwrap()).await
}

/// The status of a sign-in.
async fn sign_in(world: &World, from: &str, email: &str, password: &str) -> u16 {
    post(world, from, LOGIN, &json!({ "email": email, "password": password })).await.status.as_u16()
}

/// Fails to sign in so many times, none of which is held up.
async fn fail(world: &World, from: &str, email: &str, times: usize) {
    for time in 0..times {
        assert_eq!(sign_in(world, from, email, "wrong password").await, 401, "{from} {email} {time}");
    }
}

/// Whether the right password is held up.
async fn is_held_up(world: &World, from: &str, email: &str) -> bool {
    match sign_in(world, from, email, PASSWORD).await {
        429 => true,
        200 | 401 => false,
        other => panic!("{other}"),
    }
}

/// An address of its own for each number.
fn address(number: usize) -> String {
    format!("198.18.{}.{}", number / 250, 1 + number % 250)
}
