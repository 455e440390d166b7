//! What the vault sealed: in its own row only, and sealed anew beside those who read and write it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use flowmastery_core::{
    Config, Flowmastery,
    access::{actor::Actor, scope::TenantScope},
    clock::{Clock, SystemClock},
    entropy::OsEntropy,
    id::{ClientId, UserId},
    model::{
        client::{ClientName, NewClient, SealedInstance},
        instance::InstanceUrl,
        outbox::{NewResetRequest, SealedMail},
    },
    page::PageRequest,
    secret::{MailKey, Place, Vault, VaultKey},
    store::{SealedColumn, Store},
};
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, World},
};
use n8n_simulator::FakeN8n;
use secrecy::ExposeSecret;
use serde_json::json;

both_backends! {
    swapped_keys_open_nowhere_and_that_is_said,
    rewrapping_beside_readers_and_writers_loses_nothing,
}

/// More than a page, so that the walk goes on.
const CLIENTS: i64 = 240;
const MAILS: i64 = 120;
const SECRET: &str = "what signed and sealed before there were other keys";

async fn swapped_keys_open_nowhere_and_that_is_said(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let n8n = FakeN8n::start().await;
    for name in ["Acme Corp", "Globex"] {
        let id = world.client(&admin, name).await;
        world.configure_unheard(id, &n8n.url(), &n8n.key()).await;
        let tested = world.post(&format!("/api/v1/clients/{id}/test-connection"), &admin, json!({})).await;
        assert_eq!(tested.expect(200)["status"], "ok");
    }
    let all = Actor::admin(UserId(1)).scope();
    let column = SealedColumn::N8nKeys;
    let rows = world.store.list_sealed(all, column, PageRequest::default()).await.unwrap().items;
    for (row, other) in [(&rows[0], &rows[1]), (&rows[1], &rows[0])] {
        assert!(world.store.replace_sealed(all, column, row, &other.sealed).await.unwrap());
    }
    for id in [1, 2] {
        let tested = world.post(&format!("/api/v1/clients/{id}/test-connection"), &admin, json!({})).await;
        let tested = tested.expect(200);
        assert_eq!(tested["status"], "auth_failed", "{tested}");
        assert_eq!(tested["message"], "A stored key cannot be opened; set it again.");
        world.collect(id).await;
        let metrics = world.get(&format!("/api/v1/metrics/client/{id}"), &admin).await.expect(200);
        assert_eq!(metrics["freshness"]["status"], "auth_failed", "{metrics}");
        world.get(&format!("/api/v1/clients/{id}"), &admin).await.expect(200);
    }
    let report = world.app.rewraps().run().await.unwrap();
    assert_eq!(report.keys.lost, [ClientId(1), ClientId(2)]);
    assert!(!report.is_complete());
}

fn vault(keys: Vec<VaultKey>) -> Vault {
    Vault::new(keys, Arc::new(OsEntropy)).unwrap()
}

fn configured() -> VaultKey {
    VaultKey::from_base64("k1", &"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into()).unwrap()
}

fn derived() -> VaultKey {
    VaultKey::derive(&SECRET.into()).unwrap()
}

/// Stores a key of a client as a host with this vault does.
async fn configure(store: &Arc<dyn Store>, vault: &Vault, client: ClientId, key: &str) {
    let url = InstanceUrl::parse("https://n8n.example.com").unwrap();
    let key = vault.seal(Place::n8n_key(client), &key.into()).unwrap();
    let (scope, now) = (TenantScope::client(client), SystemClock.now());
    store.set_instance(scope, client, Some(&SealedInstance { url, key }), now).await.unwrap().unwrap();
}

async fn open(store: &Arc<dyn Store>, vault: &Vault, client: ClientId) -> String {
    let sealed = store.find_instance(TenantScope::client(client), client).await.unwrap().unwrap();
    vault.open(Place::n8n_key(client), &sealed.key).unwrap().expose_secret().to_owned()
}

async fn rewrapping_beside_readers_and_writers_loses_nothing(backend: Backend) {
    let fresh = backend.store().await;
    let store = fresh.store.clone();
    let (before, serving) = (vault(vec![derived()]), vault(vec![derived(), configured()]));
    let mut keys = BTreeMap::new();
    for number in 0..CLIENTS {
        let name = ClientName::parse(&format!("Client {number}")).unwrap();
        let new = NewClient { name, created_by_admin_id: None, created_at: SystemClock.now() };
        let id = store.create_client(None, new).await.unwrap().id;
        configure(&store, &before, id, &format!("key {number}")).await;
        keys.insert(id, format!("key {number}"));
    }
    for number in 0..MAILS {
        let key = MailKey::generate(&OsEntropy).unwrap();
        let sealed = before.seal(Place::mail(key), &"a mail".into()).unwrap();
        let (mail, address_digest) = (SealedMail { key, sealed }, number.to_string());
        let wish = NewResetRequest { mail, address_digest, created_at: SystemClock.now() };
        assert!(store.queue_reset_request(wish, u32::MAX).await.unwrap());
    }
    let mut config = Config::new(SECRET.into(), "https://agency.com");
    config.encryption_keys = vec![configured()];
    let app = Flowmastery::builder(config, store.clone()).build().unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (store, vault, done, clients) =
            (store.clone(), serving.clone(), done.clone(), keys.keys().copied().collect::<Vec<_>>());
        async move {
            while !done.load(SeqCst) {
                for client in &clients {
                    open(&store, &vault, *client).await;
                }
            }
        }
    });
    // Another host, which knows the new key and does not seal with it yet.
    let writer = tokio::spawn({
        let (store, vault, done, mut keys) = (store.clone(), serving.clone(), done.clone(), keys.clone());
        async move {
            for round in 0.. {
                for (client, key) in keys.iter_mut().rev().step_by(7) {
                    if done.load(SeqCst) {
                        return keys;
                    }
                    *key = format!("round {round} of {client}");
                    configure(&store, &vault, *client, key).await;
                }
            }
            keys
        }
    });
    let first = app.rewraps().run().await.unwrap();
    done.store(true, SeqCst);
    reader.await.unwrap();
    let keys = writer.await.unwrap();
    assert!(first.is_complete(), "{first:?}");
    let mails = &first.mails;
    assert_eq!((mails.rewrapped, mails.new_already, mails.lost.len()), (MAILS as u64, 0, 0));

    let second = app.rewraps().run().await.unwrap();
    assert_eq!(second.keys.rewrapped + second.keys.new_already, CLIENTS as u64);
    assert_eq!((second.mails.rewrapped, second.mails.new_already), (0, MAILS as u64));
    let after = vault(vec![configured()]);
    for (client, key) in keys {
        assert_eq!(open(&store, &after, client).await, key);
    }
}
