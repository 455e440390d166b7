//! The contract of [`crate::store::ClientStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    id::{ClientId, ExecutionId},
    model::{client::ClientName, execution::Status, freshness::ConnectionStatus},
    store::{Applied, CollectionOutcome, CollectionRecord, Due, Failure, Store},
};

async fn client_is_stored_as_given(store: Arc<dyn Store>) {
    let made = store.create_client(None, new_client("Acme & Söhne")).await.unwrap();
    let found = store.find_client(ALL, made.id).await.unwrap().unwrap();
    for client in [&made, &found] {
        assert_eq!((client.id, client.name.as_str()), (made.id, "Acme & Söhne"));
        assert_eq!((&client.n8n_api_url, client.has_n8n_api_key), (&None, false));
        assert_eq!((client.created_at, client.updated_at), (minute(0), minute(0)));
        assert_eq!(client.collection, CollectionRecord::default());
    }
}

async fn unknown_clients_are_not_found(store: Arc<dyn Store>) {
    let (id, name) = (ClientId(7), ClientName::parse("acme").unwrap());
    assert!(store.find_client(ALL, id).await.unwrap().is_none());
    assert!(store.rename_client(ALL, id, &name, minute(1)).await.unwrap().is_none());
    assert!(store.set_instance(ALL, id, None, minute(1)).await.unwrap().is_none());
    assert!(store.find_instance(ALL, id).await.unwrap().is_none());
    assert!(!store.delete_client(ALL, id, minute(1)).await.unwrap());
}

async fn clients_are_listed_by_id_in_pages(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for name in ["same", "same", "same"] {
        ids.push(client(&store, name).await);
    }
    let first = store.list_clients(ALL, page(2, None)).await.unwrap();
    let second = store.list_clients(ALL, page(2, first.next)).await.unwrap();
    let listed: Vec<_> = first.items.iter().chain(&second.items).map(|client| client.id).collect();
    assert_eq!((listed, second.next), (ids, None));
}

async fn client_is_renamed(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let name = ClientName::parse("Acme Ltd").unwrap();
    let renamed = store.rename_client(ALL, acme, &name, minute(5)).await.unwrap().unwrap();
    assert_eq!((renamed.name, renamed.updated_at, renamed.created_at), (name.clone(), minute(5), minute(0)));
    assert_eq!(store.find_client(ALL, acme).await.unwrap().unwrap().name, name);
}

async fn instance_is_set_and_cleared(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let n8n = instance("https://n8n.acme.example");
    let set = store.set_instance(ALL, acme, Some(&n8n), minute(5)).await.unwrap().unwrap();
    assert_eq!(
        (set.n8n_api_url, set.has_n8n_api_key, set.updated_at),
        (Some(n8n.url.clone()), true, minute(5))
    );
    let found = store.find_instance(ALL, acme).await.unwrap().unwrap();
    assert_eq!((found.url, found.key), (n8n.url, n8n.key));
    let cleared = store.set_instance(ALL, acme, None, minute(6)).await.unwrap().unwrap();
    assert_eq!((cleared.n8n_api_url, cleared.has_n8n_api_key), (None, false));
    assert!(store.find_instance(ALL, acme).await.unwrap().is_none());
    assert!(begin_at(&store, acme, minute(0)).await.is_none());
}

async fn new_key_for_the_same_address_keeps_what_is_known(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    complete(&store, acme, Some(1), minute(1)).await;
    let same = instance("https://acme.example.com");
    store.set_instance(ALL, acme, Some(&same), minute(2)).await.unwrap().unwrap();
    let state = begin(&store, acme).await;
    assert_eq!((state.complete_to, state.back_filled), (Some(ExecutionId(1)), true));
}

async fn clearing_and_setting_the_same_address_counts_nothing_twice(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let run = execution(1, Status::Success, minute(0));
    apply(&store, acme, vec![run.clone()]).await;
    store.set_instance(ALL, acme, None, minute(2)).await.unwrap().unwrap();
    let same = instance("https://acme.example.com");
    store.set_instance(ALL, acme, Some(&same), minute(3)).await.unwrap().unwrap();
    assert_eq!(apply(&store, acme, vec![run]).await, 0);
    assert_eq!(tally_of(&store, acme, everything()).await.total(), 1);
}

async fn another_address_is_back_filled_and_keeps_the_numbers(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    complete(&store, acme, Some(1), minute(1)).await;
    let other = instance("https://other.example.com");
    let set = store.set_instance(ALL, acme, Some(&other), minute(2)).await.unwrap().unwrap().collection;
    assert_eq!((set.back_filled, set.last_attempt_at, set.last_success_at), (false, None, Some(minute(1))));
    assert_eq!(tally_of(&store, acme, everything()).await.total(), 1);
}

async fn new_configuration_forgets_the_failure(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let failure =
        Failure { status: ConnectionStatus::AuthFailed, message: "n8n refuses the key.".to_owned() };
    let turn = begin_at(&store, acme, minute(1)).await.unwrap().turn;
    finish(&store, turn, &CollectionOutcome::Failed(failure), minute(1)).await;
    assert_eq!(due(&store, ALL, minute(2), Due::Failing).await, [acme]);
    assert!(due(&store, ALL, minute(1), Due::Failing).await.is_empty());
    let set =
        store.set_instance(ALL, acme, Some(&instance("https://acme.example.com")), minute(2)).await.unwrap();
    assert_eq!(set.unwrap().collection.failure, None);
    assert_eq!(due(&store, ALL, minute(1), Due::Sound).await, [acme]);
}

async fn deleted_client_is_gone_for_every_method(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let (_, carl) = client_user(&store, acme, "carl").await;
    apply(&store, acme, vec![execution(1, Status::Running, minute(0))]).await;
    assert!(store.delete_client(ALL, acme, minute(5)).await.unwrap());
    assert!(!store.delete_client(ALL, acme, minute(5)).await.unwrap());
    let name = ClientName::parse("again").unwrap();
    assert!(store.find_client(ALL, acme).await.unwrap().is_none());
    assert!(store.list_clients(ALL, page(9, None)).await.unwrap().items.is_empty());
    assert!(store.rename_client(ALL, acme, &name, minute(6)).await.unwrap().is_none());
    assert!(
        store
            .set_instance(ALL, acme, Some(&instance("https://x.example")), minute(6))
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.find_instance(ALL, acme).await.unwrap().is_none());
    assert!(due(&store, ALL, minute(99), Due::Sound).await.is_empty());
    assert!(begin_at(&store, acme, minute(0)).await.is_none());
    assert!(store.open_executions(ALL, acme, 9).await.unwrap().is_empty());
    assert_eq!(
        store.apply_executions(ALL, first_turn(acme), batch(Vec::new())).await.unwrap(),
        Applied::Superseded
    );
    assert!(store.find_user(ALL, carl.id).await.unwrap().is_none());
    assert!(store.list_users(ALL, page(9, None)).await.unwrap().items.is_empty());
    assert!(store.find_for_sign_in(&carl.email).await.unwrap().is_none());
}

async fn purge_removes_a_deleted_client_in_batches(store: Arc<dyn Store>) {
    let (acme, globex) = (configured(&store, "acme").await, configured(&store, "globex").await);
    client_user(&store, acme, "carl").await;
    store.create_invitation(ALL, invitation("dora", Some(acme), "pending")).await.unwrap().unwrap();
    for id in [acme, globex] {
        let runs = (1..=10).map(|run| execution(run, Status::Success, minute(run * 60))).collect();
        apply(&store, id, runs).await;
    }
    assert_eq!(store.purge_deleted(ALL, 100).await.unwrap(), 0);
    store.delete_client(ALL, acme, minute(5)).await.unwrap();
    assert!(store.create_invitation(ALL, invitation("carl", Some(globex), "again")).await.unwrap().is_some());
    let mut purged = 0;
    loop {
        match store.purge_deleted(ALL, 4).await.unwrap() {
            0 => break,
            some => {
                assert!(some <= 4);
                purged += some;
            }
        }
    }
    // 10 executions; 10 quarters, 10 hours, 1 day; 1 workflow; the client.
    assert_eq!(purged, 10 + 21 + 1 + 1);
    assert_eq!(tally_of(&store, globex, everything()).await.total(), 10);
}

async fn addresses_of_a_deleted_client_are_free_at_once(store: Arc<dyn Store>) {
    let (acme, globex) = (client(&store, "acme").await, client(&store, "globex").await);
    let (session, carl) = client_user(&store, acme, "carl").await;
    store.create_invitation(ALL, invitation("dora", Some(acme), "pending")).await.unwrap().unwrap();
    store.delete_client(ALL, acme, minute(5)).await.unwrap();
    assert!(store.find_session_user(session, minute(6)).await.unwrap().is_none());
    assert!(store.list_invitations(ALL, page(9, None), minute(6)).await.unwrap().items.is_empty());
    let (_, again) = client_user(&store, globex, "carl").await;
    assert!(again.id > carl.id);
}

async fn racing_purges_leave_nothing(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs = (1..=30).map(|run| execution(run, Status::Success, minute(run * 60))).collect();
    apply(&store, acme, runs).await;
    store.delete_client(ALL, acme, minute(5)).await.unwrap();
    let purge = |store: Arc<dyn Store>| async move {
        let mut purged = 0;
        loop {
            match store.purge_deleted(ALL, 7).await.unwrap() {
                0 => break purged,
                some => purged += some,
            }
        }
    };
    let purges: Vec<_> = (0..4).map(|_| tokio::spawn(purge(store.clone()))).collect();
    let mut purged = 0;
    for task in purges {
        purged += task.await.unwrap();
    }
    // 30 executions; 30 quarters, 30 hours, 2 days; 1 workflow; the client.
    assert_eq!(purged, 30 + 62 + 1 + 1);
}

async fn ids_of_purged_clients_are_never_used_again(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let (_, carl) = client_user(&store, acme, "carl").await;
    store.delete_client(ALL, acme, minute(5)).await.unwrap();
    while store.purge_deleted(ALL, 100).await.unwrap() > 0 {}
    let globex = client(&store, "globex").await;
    let (_, again) = client_user(&store, globex, "carl").await;
    assert!(globex > acme);
    assert!(again.id > carl.id);
}

suite! { $ client_contract in client:
    client_is_stored_as_given,
    unknown_clients_are_not_found,
    clients_are_listed_by_id_in_pages,
    client_is_renamed,
    instance_is_set_and_cleared,
    new_key_for_the_same_address_keeps_what_is_known,
    clearing_and_setting_the_same_address_counts_nothing_twice,
    another_address_is_back_filled_and_keeps_the_numbers,
    new_configuration_forgets_the_failure,
    deleted_client_is_gone_for_every_method,
    purge_removes_a_deleted_client_in_batches,
    addresses_of_a_deleted_client_are_free_at_once,
    racing_purges_leave_nothing,
    ids_of_purged_clients_are_never_used_again,
}
