//! Cases of taking over: each record once, with the note of what it was made of, and a history before the first turn.

use std::sync::Arc;

use super::{
    fixtures::{
        ALL, admin, begin, client, client_user, complete, configured, due, email, everything, execution,
        instance, invitation, minute, new_client, tally_of, version_of, workflow,
    },
    suite,
};
use crate::{
    access::scope::TenantScope,
    id::{ClientId, UserId},
    model::{
        execution::{Execution, Status},
        import::source::{ImportedUser, ImportedWorkflow},
        user::Role,
        workflow::{TimeSaved, WorkflowId},
    },
    store::{AddressUse, Applied, Due, HistoryBatch, Imported, Store},
};

fn imported_user(name: &str, client_id: Option<ClientId>) -> ImportedUser {
    ImportedUser {
        email: email(name),
        hashed_password: "$2b$12$".into(),
        role: if client_id.is_some() { Role::Client } else { Role::Admin },
        client_id,
        is_active: false,
        created_by_admin_id: None,
        last_login: Some(minute(-5)),
        created_at: minute(-9),
    }
}

fn history(executions: Vec<Execution>, end_of: Option<&str>) -> HistoryBatch {
    HistoryBatch { executions, read_at: minute(100), end_of: end_of.map(str::to_owned) }
}

async fn imported_client(store: &Arc<dyn Store>, source_id: &str) -> ClientId {
    store.import_client(source_id, new_client("any")).await.unwrap().unwrap()
}

async fn users_are_stored_as_they_are_once(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    let boss = admin(&store, "boss").await;
    let new = ImportedUser { created_by_admin_id: Some(boss.id), ..imported_user("anna", Some(acme)) };
    let id = store.import_user(ALL, "u", new).await.unwrap().unwrap();
    let user = store.find_user(ALL, id).await.unwrap().unwrap();
    assert_eq!((user.client_id, user.is_active, user.role), (Some(acme), false, Role::Client));
    assert_eq!((user.last_login, user.created_at), (Some(minute(-5)), minute(-9)));
    let other = imported_user("another", None);
    assert_eq!(store.import_user(ALL, "u", other).await.unwrap(), None, "it was imported before");
    assert_eq!(store.address_use(&email("another"), minute(0)).await.unwrap(), AddressUse::Free);
    assert_eq!(store.import_user(ALL, "v", imported_user("anna", None)).await.unwrap(), None);
    let users = store.imported(ALL, Imported::User).await.unwrap();
    assert_eq!(users.into_iter().collect::<Vec<_>>(), [("u".to_owned(), id.0)]);
}

async fn clients_are_stored_once_and_their_note_outlives_them(store: Arc<dyn Store>) {
    let id = imported_client(&store, "c").await;
    assert_eq!(store.import_client("c", new_client("again")).await.unwrap(), None);
    assert_eq!(
        store.import_standing(ALL, id).await.unwrap().map(|standing| standing.is_untouched),
        Some(true)
    );
    assert!(store.delete_client(ALL, id, minute(1)).await.unwrap());
    while store.purge_deleted(ALL, 100).await.unwrap() > 0 {}
    assert_eq!(store.imported(ALL, Imported::Client).await.unwrap()["c"], id.0);
    assert_eq!(store.import_client("c", new_client("again")).await.unwrap(), None);
    assert_eq!(store.import_standing(ALL, id).await.unwrap(), None);
    assert_eq!(store.import_user(ALL, "u", imported_user("anna", Some(id))).await.unwrap(), None);
}

async fn invitations_are_stored_once_and_never_over_others(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    let import = async |source: &str, name: &str, token: &str| {
        store.import_invitation(ALL, source, invitation(name, Some(acme), token)).await.unwrap()
    };
    assert!(import("i", "anna", "first").await);
    assert!(!import("i", "bert", "second").await, "it was imported before");
    assert!(!import("j", "anna", "third").await, "she has one");
    client_user(&store, acme, "carl").await;
    assert!(!import("k", "carl", "fourth").await, "he has an account");
    let uses = async |name: &str, now| store.address_use(&email(name), minute(now)).await.unwrap();
    assert_eq!((uses("anna", 0).await, uses("carl", 0).await), (AddressUse::Invited, AddressUse::Account));
    assert_eq!(uses("anna", 3 * 24 * 60).await, AddressUse::Free, "it has expired");
    assert_eq!(store.imported(ALL, Imported::Invitation).await.unwrap().len(), 1);
}

async fn workflows_are_added_and_never_changed(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    let import = async |id: &str, name: &str, minutes| {
        let new = ImportedWorkflow {
            workflow: workflow(id, name),
            time_saved: TimeSaved::of_minutes(minutes).unwrap(),
        };
        store.import_workflows(ALL, acme, &[new], minute(0)).await.unwrap()
    };
    assert_eq!(import("w", "Orders", 7).await, 1);
    let version = version_of(&store, acme).await;
    assert_eq!(import("w", "Other", 9).await, 0);
    assert_eq!(version_of(&store, acme).await, version);
    let stored = store.find_workflow(ALL, acme, &WorkflowId::from("w")).await.unwrap().unwrap();
    assert_eq!((stored.name.as_str(), stored.time_saved_per_execution_minutes), ("Orders", 7));
    let standing = store.import_standing(ALL, acme).await.unwrap().unwrap();
    assert_eq!(standing.workflows.into_iter().collect::<Vec<_>>(), ["w"]);
}

async fn a_history_is_counted_once_and_shown_when_it_is_whole(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    let first: Vec<_> = (1..=3).map(|id| execution(id, Status::Success, minute(id))).collect();
    let import = async |batch| store.import_executions(ALL, acme, batch).await.unwrap();
    assert_eq!(import(history(first.clone(), None)).await, Applied::Stored { changed: 3 });
    let has_numbers = async || store.find_client(ALL, acme).await.unwrap().unwrap().collection.has_numbers();
    assert!(!has_numbers().await && store.imported(ALL, Imported::History).await.unwrap().is_empty());
    // After a kill it begins anew; what is stored stays as it is.
    let changed = first.into_iter().map(|run| Execution { status: Status::Error, ..run });
    let more = changed.chain([execution(4, Status::Success, minute(4))]).collect();
    assert_eq!(import(history(more, Some("c"))).await, Applied::Stored { changed: 1 });
    assert_eq!(store.imported(ALL, Imported::History).await.unwrap()["c"], acme.0);
    assert!(has_numbers().await);
    assert_eq!(tally_of(&store, acme, everything()).await.counts(), &[0, 0, 0, 4, 0, 0, 0, 0]);
}

async fn what_never_started_counts_where_it_ended(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    let queued = Execution { started_at: None, ..execution(1, Status::Canceled, minute(0)) };
    store.import_executions(ALL, acme, history(vec![queued], Some("c"))).await.unwrap();
    assert_eq!(tally_of(&store, acme, super::fixtures::range(0, 15)).await.total(), 1);
}

async fn nothing_of_a_history_goes_before_the_first_walk_is_complete(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    let runs: Vec<_> = (1..=150).map(|id| execution(id, Status::Success, minute(id))).collect();
    let age_out = async || store.age_out(ALL, acme, minute(10_000), 1000).await.unwrap();
    for end_of in [None, Some("c")] {
        store.import_executions(ALL, acme, history(runs.clone(), end_of)).await.unwrap();
        assert_eq!(age_out().await, 0);
    }
    store.import_instance(ALL, acme, &instance("https://acme.example.com"), minute(0)).await.unwrap();
    begin(&store, acme).await;
    assert_eq!(age_out().await, 0);
    complete(&store, acme, Some(150), minute(151)).await;
    assert_eq!(age_out().await, 50);
    assert_eq!(tally_of(&store, acme, everything()).await.total(), 150);
}

async fn an_empty_history_is_no_number(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    store.import_executions(ALL, acme, history(Vec::new(), Some("c"))).await.unwrap();
    assert!(!store.find_client(ALL, acme).await.unwrap().unwrap().collection.has_numbers());
    assert!(store.imported(ALL, Imported::History).await.unwrap().contains_key("c"));
}

async fn a_client_that_had_an_n8n_takes_neither_history_nor_key(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let run = || vec![execution(1, Status::Success, minute(0))];
    let refused = store.import_executions(ALL, acme, history(run(), Some("c"))).await.unwrap();
    assert_eq!(refused, Applied::Superseded);
    let key = instance("https://other.example.com");
    assert!(!store.import_instance(ALL, acme, &key, minute(1)).await.unwrap());
    store.set_instance(ALL, acme, None, minute(2)).await.unwrap();
    assert!(!store.import_instance(ALL, acme, &key, minute(3)).await.unwrap());
    assert!(!store.import_standing(ALL, acme).await.unwrap().unwrap().is_untouched);
    assert!(store.imported(ALL, Imported::History).await.unwrap().is_empty());
}

async fn the_key_comes_last_and_makes_the_client_due(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    store
        .import_executions(ALL, acme, history(vec![execution(1, Status::Success, minute(0))], Some("c")))
        .await
        .unwrap();
    assert!(due(&store, ALL, minute(0), Due::Sound).await.is_empty());
    assert!(
        store.import_instance(ALL, acme, &instance("https://acme.example.com"), minute(0)).await.unwrap()
    );
    assert_eq!(due(&store, ALL, minute(0), Due::Sound).await, [acme]);
    let state = begin(&store, acme).await;
    assert_eq!((state.complete_to, state.back_filled, state.identified), (None, false, false));
    let hearing =
        store.hear(ALL, state.turn, &[execution(1, Status::Success, minute(0))]).await.unwrap().unwrap();
    assert!(hearing.is_clear() && !hearing.is_empty, "its runs are known again");
}

async fn another_clients_scope_takes_nothing_over(store: Arc<dyn Store>) {
    let acme = imported_client(&store, "c").await;
    let other = TenantScope::client(client(&store, "other").await);
    let new = ImportedWorkflow { workflow: workflow("w", "Orders"), time_saved: TimeSaved::DEFAULT };
    assert_eq!(store.import_workflows(other, acme, &[new], minute(0)).await.unwrap(), 0);
    let run = history(vec![execution(1, Status::Success, minute(0))], Some("c"));
    assert_eq!(store.import_executions(other, acme, run).await.unwrap(), Applied::Superseded);
    let key = instance("https://acme.example.com");
    assert!(!store.import_instance(other, acme, &key, minute(0)).await.unwrap());
    assert_eq!(
        store.import_user(other, "u", imported_user("anna", Some(acme))).await.unwrap(),
        None::<UserId>
    );
    assert_eq!(
        store.import_user(other, "u", imported_user("anna", None)).await.unwrap(),
        None,
        "nor an admin"
    );
    assert!(!store.import_invitation(other, "i", invitation("anna", Some(acme), "t")).await.unwrap());
    assert_eq!(store.import_standing(other, acme).await.unwrap(), None);
    assert!(store.imported(other, Imported::Client).await.unwrap().is_empty());
    let standing = store.import_standing(ALL, acme).await.unwrap().unwrap();
    assert!(standing.is_untouched && standing.workflows.is_empty());
}

suite!($ import_contract in import:
    users_are_stored_as_they_are_once,
    clients_are_stored_once_and_their_note_outlives_them,
    invitations_are_stored_once_and_never_over_others,
    workflows_are_added_and_never_changed,
    a_history_is_counted_once_and_shown_when_it_is_whole,
    what_never_started_counts_where_it_ended,
    nothing_of_a_history_goes_before_the_first_walk_is_complete,
    an_empty_history_is_no_number,
    a_client_that_had_an_n8n_takes_neither_history_nor_key,
    the_key_comes_last_and_makes_the_client_due,
    another_clients_scope_takes_nothing_over,
);
