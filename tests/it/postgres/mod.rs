//! Postgres in earnest, on real servers: limits, outages, TLS, plans of every statement, row security, and a host's own migrations
//! beside ours.

mod limits;
mod neighbours;
mod outage;
mod plans;
mod row_security;
mod tls;

use std::time::Duration;

use flowmastery_core::{
    access::{actor::Actor, scope::TenantScope},
    clock::Timestamp,
    id::{ClientId, UserId},
    model::client::{ClientName, NewClient, SealedInstance},
    model::instance::InstanceUrl,
    secret::Sealed,
    store::{ClientStore, Lease, LeaseStore, StoreError, StoreResult, Term, Turn, sql::SqlStore},
};

/// The instant of everything here.
const NOW: Timestamp = Timestamp::from_millis(1_772_409_600_000);

/// The scope of an admin.
fn everything() -> TenantScope {
    Actor::admin(UserId(1)).scope()
}

/// A client with an n8n.
async fn client(store: &SqlStore) -> ClientId {
    let new =
        NewClient { name: ClientName::parse("Acme").unwrap(), created_by_admin_id: None, created_at: NOW };
    let id = store.create_client(None, new).await.unwrap().id;
    let url = InstanceUrl::parse("https://n8n.example.com").unwrap();
    let instance = SealedInstance { url, key: Sealed::from_stored("v1:test:key".to_owned()) };
    store.set_instance(everything(), id, Some(&instance), NOW).await.unwrap().unwrap();
    id
}

/// The turn of a client that nobody has leased.
async fn lease(store: &SqlStore, client: ClientId) -> Turn {
    let term = Term { now: NOW, until: NOW.plus(Duration::from_secs(10)) };
    match store.lease_client(everything(), client, term).await.unwrap() {
        Lease::Leased(turn) => turn,
        other => panic!("{other:?}"),
    }
}

/// The text of what made the store unavailable.
#[track_caller]
fn outage<T: std::fmt::Debug>(result: StoreResult<T>) -> String {
    match result {
        Err(StoreError::Unavailable(cause)) => cause.to_string(),
        other => panic!("not unavailable: {other:?}"),
    }
}
