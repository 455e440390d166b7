//! `flowmastery verify` as an operator runs it: beside the data, against an n8n that agrees, one that does not, and none.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    Config, Flowmastery,
    access::actor::Actor,
    clock::{Clock, SystemClock, Timestamp},
    id::ClientId,
    model::{client::ClientName, email::Email, outbound::OutboundPolicy, password::Password},
    service::clients::InstanceConfig,
    store::sql::{SqlConfig, SqlStore},
    sync::CollectionRequests,
};
use n8n_simulator::{FakeN8n, Run};
use sqlx::{Connection, SqliteConnection};

use super::harness::{PASSWORD, Place, SECRET};

/// Collects what an n8n has into the place's database.
async fn collect(place: &Place, n8n: &FakeN8n) -> String {
    let url = format!("sqlite://{}", place.path("flowmastery.db").display());
    let store = SqlStore::connect(&SqlConfig::new(url.clone())).await.unwrap();
    store.migrate_up().await.unwrap();
    let mut config = Config::new(SECRET.into(), "https://agency.com");
    config.outbound = OutboundPolicy::development();
    let app = Flowmastery::builder(config, Arc::new(store.clone())).build().unwrap();
    let password = Password::choose(PASSWORD.into()).unwrap();
    let admin = app.users().create_admin(Email::parse("admin@agency.com").unwrap(), &password).await.unwrap();
    let admin = Actor::admin(admin.id);
    let client = app.clients().create(admin, ClientName::parse("Acme Corp").unwrap()).await.unwrap();
    assert_eq!(client.id, ClientId(1));
    let instance = InstanceConfig::parse(&n8n.url(), n8n.key().into()).unwrap();
    app.clients().configure(admin, client.id, instance).await.unwrap();
    app.collector().collect_now(client.id, Duration::from_secs(30)).await;
    app.collector().shut_down().await;
    store.close().await;
    url
}

async fn verify(place: &Arc<Place>) -> (Option<i32>, String) {
    let place = place.clone();
    let run = move || {
        let settings = [("SECRET_KEY", SECRET), ("OUTBOUND_ALLOW", "127.0.0.0/8")];
        place.run(&["verify", "--client", "1"], &settings, "")
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_is_explained_or_fails() {
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Any");
    let start = Timestamp::from_millis(SystemClock.now().as_millis() - 6 * 3_600_000);
    for _ in 0..300 {
        n8n.state().add(Run::ended(&workflow, "success", start, 20));
    }
    let place = Arc::new(Place::new());
    let url = collect(&place, &n8n).await;
    let (code, text) = verify(&place).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("No difference.") && text.contains("300"), "{text}");
    n8n.state().delete(7);
    let (code, text) = verify(&place).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 kept here, not listed by n8n: n8n has pruned or deleted them"), "{text}");
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let tampered = "UPDATE rollups SET success_count = success_count + 1 WHERE width = 15";
    sqlx::query(tampered).execute(&mut database).await.unwrap();
    let (code, text) = verify(&place).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("rollups that their rows do not make: UNEXPLAINED"), "{text}");
    drop(n8n);
    let (code, text) = verify(&place).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("n8n gives no answer to compare with"), "{text}");
}
