//! Events of pages: one when numbers changed, to those who may see them, for as long as they may and the host works.

use std::time::Duration;

use bytes::Bytes;
use flowmastery_core::clock::Clock;
use flowmastery_tests::{
    visitor::Visitor,
    world::{ADMIN, World},
};
use flowmastery_tower::ApiBody;
use futures_util::future::join_all;
use http::Method;
use http_body_util::BodyExt;
use n8n_simulator::{FakeN8n, Run};
use tokio::time::timeout;

use super::world;

/// The longest that a stream may be silent before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is open, and has said how long to wait before another one is asked for.
struct Events(ApiBody);

impl Events {
    async fn open(visitor: &Visitor, path: &str) -> Self {
        let (response, _) = visitor.world.open(visitor.request(Method::GET, path, None)).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(!response.headers().contains_key("content-length"));
        let mut events = Self(response.into_body());
        assert_eq!(events.next().await.unwrap(), "retry: 5000\n\n");
        events
    }

    /// What comes next but lines that say nothing; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let frame = timeout(PATIENCE, self.0.frame()).await.expect("nothing comes")?;
            let bytes = frame.unwrap().into_data().unwrap();
            if bytes != ":\n\n" {
                return Some(bytes);
            }
        }
    }

    async fn expect_change(&mut self) {
        assert_eq!(self.next().await.expect("the stream has ended"), "event: changed\ndata: \n\n");
    }
}

/// A world whose feed of changes is read, with two clients; the first has an n8n.
async fn working() -> (World, FakeN8n, [i64; 2]) {
    let (world, token) = world().await;
    let n8n = FakeN8n::start().await;
    let clients = [world.client(&token, "Acme Corp").await, world.client(&token, "Globex").await];
    world.configure_unheard(clients[0], &n8n.url(), &n8n.key()).await;
    world.client_user(&token, "carl@acme.com", clients[0]).await;
    world.client_user(&token, "bob@globex.com", clients[1]).await;
    world.app.feed().read().await.unwrap();
    (world, n8n, clients)
}

async fn rename(world: &World, token: &str, client: i64) {
    let (path, body) = (format!("/api/v1/clients/{client}"), serde_json::json!({ "name": "Initech" }));
    world.request(Method::PUT, &path, Some(token), Some(body)).await.expect(200);
}

/// A run ends in n8n, and is collected.
async fn run(world: &World, n8n: &FakeN8n, client: i64) {
    let workflow = n8n.state().add_workflow("Any");
    let ended = world.clock.now().minus(Duration::from_secs(60));
    n8n.state().add(Run::ended(&workflow, "success", ended, 1000));
    world.collect(client).await;
    world.app.feed().read().await.unwrap();
}

#[tokio::test]
async fn a_collection_that_changed_numbers_is_an_event_for_who_may_see_them() {
    let (world, n8n, clients) = working().await;
    let admin = Visitor::signed_in(&world, ADMIN).await;
    let carl = Visitor::signed_in(&world, "carl@acme.com").await;
    let bob = Visitor::signed_in(&world, "bob@globex.com").await;
    let own = format!("/dashboard/clients/{}/live", clients[0]);
    let mut all = [
        Events::open(&admin, "/dashboard/live").await,
        Events::open(&admin, &own).await,
        Events::open(&carl, "/dashboard/live").await,
        Events::open(&carl, &own).await,
    ];
    let mut other = Events::open(&bob, "/dashboard/live").await;
    // Another change, so that the other client's stream has looked in between.
    let token = world.sign_in(ADMIN).await;
    let rounds = async {
        run(&world, &n8n, clients[0]).await;
        join_all(all.iter_mut().map(Events::expect_change)).await;
        rename(&world, &token, clients[0]).await;
        join_all(all.iter_mut().map(Events::expect_change)).await;
    };
    tokio::select! {
        event = other.next() => panic!("that was another client's: {event:?}"),
        () = rounds => {}
    }
    rename(&world, &token, clients[1]).await;
    other.expect_change().await;
}

#[tokio::test]
async fn events_end_with_the_session() {
    let (world, _n8n, _) = working().await;
    let mut carl = Visitor::signed_in(&world, "carl@acme.com").await;
    let mut events = Events::open(&carl, "/dashboard/live").await;
    carl.submit("/dashboard/sign-out", &[]).await;
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn events_end_when_a_user_is_locked_out() {
    let (world, _n8n, _) = working().await;
    let carl = Visitor::signed_in(&world, "carl@acme.com").await;
    let mut events = Events::open(&carl, "/dashboard/live").await;
    let token = world.sign_in(ADMIN).await;
    let users = world.get("/api/v1/users/", &token).await.expect(200);
    let id =
        users.as_array().unwrap().iter().find(|user| user["email"] == "carl@acme.com").unwrap()["id"].clone();
    Visitor::signed_in(&world, ADMIN).await.submit(&format!("/dashboard/people/{id}/lock"), &[]).await;
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn events_end_when_the_access_token_is_too_old() {
    let (world, _n8n, _) = working().await;
    let carl = Visitor::signed_in(&world, "carl@acme.com").await;
    let mut events = Events::open(&carl, "/dashboard/live").await;
    world.clock.advance(Duration::from_secs(31 * 60));
    world.app.feed().read().await.unwrap();
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn events_end_when_the_host_stops_its_work() {
    let (world, _n8n, _) = working().await;
    let carl = Visitor::signed_in(&world, "carl@acme.com").await;
    let mut events = Events::open(&carl, "/dashboard/live").await;
    // Nobody reads the feed of changes any more.
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(events.next().await, None);
}
