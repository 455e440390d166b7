//! Accounts over HTTP: sessions and their end, browsers with cookies, passwords, users and invitations, and what happens when many ask at once.

mod browser;
mod flood;
mod invitations;
mod passwords;
mod races;
mod sessions;
mod users;

use std::net::{IpAddr, Ipv4Addr};

use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, Answer, PASSWORD, World},
};
use flowmastery_tower::PeerAddress;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const ME: &str = "/api/v1/auth/me";
const SESSIONS: &str = "/api/v1/auth/sessions";
const INVITATIONS: &str = "/api/v1/auth/invitations";
const ACCEPT: &str = "/api/v1/auth/invitations/accept";

/// A world with its admin's access token.
async fn world(backend: Backend) -> (World, String) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    (world, admin)
}

/// `POST` of somebody who is not signed in.
async fn post_public(world: &World, path: &str, body: Value) -> Answer {
    world.request(Method::POST, path, None, Some(body)).await
}

/// The same from an address.
async fn post_from(world: &World, address: IpAddr, path: &str, body: Value) -> Answer {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let mut request = request.body(Full::from(body.to_string())).unwrap();
    request.extensions_mut().insert(PeerAddress(address));
    world.send(request).await
}

/// One address of many, so that nobody is held up for what the others do.
fn address(number: usize) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number).unwrap()).into()
}

async fn delete(world: &World, path: &str, token: &str) -> Answer {
    world.request(Method::DELETE, path, Some(token), None).await
}

async fn log_in(world: &World, email: &str) -> Value {
    post_public(world, LOGIN, json!({ "email": email, "password": PASSWORD })).await.expect(200)
}

async fn refresh(world: &World, token: &str) -> Answer {
    post_public(world, REFRESH, json!({ "refresh_token": token })).await
}

async fn accept(world: &World, token: &str) -> Answer {
    post_public(world, ACCEPT, json!({ "token": token, "password": PASSWORD })).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The token in the link that the maker of an invitation is shown.
fn token_of(invitation: &Value) -> String {
    let link = invitation["accept_url"].as_str().unwrap();
    link.split_once("?token=").unwrap().1.to_owned()
}

/// Every field that a 422 names.
fn faulty(answer: &Answer) -> Vec<String> {
    let problem = answer.expect(422);
    problem["errors"].as_array().unwrap().iter().map(|fault| text(&fault["field"])).collect()
}
