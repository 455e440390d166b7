//! What admins are told of the mail of an invitation, whatever happens while it is sent.

use std::sync::Arc;

use async_trait::async_trait;
use flowmastery_core::{
    error::BoxError,
    mail::{Mail, Mailer},
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::{
    backend::{Backend, FreshStore},
    world::{ADMIN, World},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

const PATH: &str = "/api/v1/auth/invitations";

/// What the mail server does with a mail.
#[derive(Debug)]
enum Server {
    Takes,
    Refuses,
    /// Says that it was called, and never answers.
    Hangs(Arc<Notify>),
    /// Takes it, and then the database is gone.
    TakesTheLast(SqlStore),
}

#[async_trait]
impl Mailer for Server {
    fn is_configured(&self) -> bool {
        true
    }

    async fn send(&self, _: &Mail) -> Result<(), BoxError> {
        match self {
            Self::Takes => Ok(()),
            Self::Refuses => Err("no such mailbox".into()),
            Self::Hangs(called) => {
                called.notify_one();
                std::future::pending().await
            }
            Self::TakesTheLast(store) => {
                store.close().await;
                Ok(())
            }
        }
    }
}

async fn world(fresh: FreshStore, server: Server) -> (World, String) {
    let world = World::with(fresh, |builder| builder.mailer(Arc::new(server))).await;
    let admin = world.sign_in(ADMIN).await;
    (world, admin)
}

fn body() -> Value {
    json!({ "email": "dora@agency.com", "role": "admin" })
}

async fn listed(world: &World, admin: &str) -> Value {
    world.get(PATH, admin).await.expect(200)[0]["email_status"].clone()
}

#[tokio::test]
async fn a_mail_is_sent_or_failed() {
    for (server, status) in [(Server::Takes, "sent"), (Server::Refuses, "failed")] {
        let (world, admin) = world(Backend::Sqlite.store().await, server).await;
        let made = world.post(PATH, &admin, body()).await.expect(201);
        assert_eq!((made["email_status"].as_str(), &made["accept_url"]), (Some(status), &Value::Null));
        assert_eq!(listed(&world, &admin).await, status);
    }
}

#[tokio::test]
async fn a_mail_whose_request_is_dropped_does_not_wait_for_ever() {
    let called = Arc::new(Notify::new());
    let (world, admin) = world(Backend::Sqlite.store().await, Server::Hangs(called.clone())).await;
    tokio::select! {
        _ = world.post(PATH, &admin, body()) => panic!("the mail server hangs"),
        () = called.notified() => {}
    }
    assert_eq!(listed(&world, &admin).await, "failed");
}

#[tokio::test]
async fn a_mail_that_went_out_is_sent_even_when_that_cannot_be_noted() {
    let store = SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.unwrap();
    store.migrate_up().await.unwrap();
    let (world, admin) = world(store.clone().into(), Server::TakesTheLast(store)).await;
    let made = world.post(PATH, &admin, body()).await.expect(201);
    assert_eq!(made["email_status"], "sent");
}
