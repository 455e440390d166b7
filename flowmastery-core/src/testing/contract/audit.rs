//! The contract of [`crate::store::AuditStore`], and of the entries that other methods write.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{fixtures::*, suite};
use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::{ClientId, UserId},
    model::{
        audit::{AuditAction, AuditEntry, AuditFilter, AuditSubject},
        client::ClientName,
        execution::Status,
        invitation::Renewal,
        session::{NewSession, TokenHash},
        user::{Role, UserPatch},
        workflow::{TimeSaved, WorkflowId},
    },
    page::PageRequest,
    store::{NewAuditEntry, PasswordChange, Reset, Store},
};

/// Every entry in a scope that a filter lets through, in pages of two.
async fn list(store: &Arc<dyn Store>, scope: TenantScope, filter: AuditFilter) -> Vec<AuditEntry> {
    let (mut page, mut entries) = (PageRequest::new(Some(2), None).unwrap(), Vec::new());
    loop {
        let listed = store.list_audit(scope, &filter, page).await.unwrap();
        entries.extend(listed.items);
        let Some(next) = listed.next else { return entries };
        page = page.after(next);
    }
}

async fn actions(store: &Arc<dyn Store>) -> Vec<String> {
    let entries = list(store, ALL, AuditFilter::default()).await;
    entries.into_iter().rev().map(|entry| entry.action).collect()
}

/// What an action does, which must leave exactly one entry.
async fn entry_of<T>(store: &Arc<dyn Store>, act: impl Future<Output = T>) -> (T, AuditEntry) {
    let before = list(store, ALL, AuditFilter::default()).await;
    let done = act.await;
    let mut after = list(store, ALL, AuditFilter::default()).await;
    after.retain(|entry| !before.contains(entry));
    assert_eq!(after.len(), 1, "{after:?}");
    (done, after.remove(0))
}

/// Action, actor, client and subject.
fn what(entry: &AuditEntry) -> (&str, Option<i64>, Option<i64>, String) {
    let subject = entry.subject_kind.clone().zip(entry.subject_id);
    let subject = subject.map(|(kind, id)| format!("{kind} {id}")).unwrap_or_default();
    (&entry.action, entry.actor_id.map(|id| id.0), entry.client_id.map(|id| id.0), subject)
}

fn detail(entry: &AuditEntry) -> Value {
    Value::Object(entry.detail.clone())
}

/// An admin with the scope of a request.
async fn acting(store: &Arc<dyn Store>) -> (UserId, TenantScope) {
    let anna = admin(store, "anna").await.id;
    (anna, ALL.by(Author { user: anna, origin: from_afar("request-1") }))
}

async fn entry_is_read_as_it_was_noted(store: Arc<dyn Store>) {
    let (anna, scope) = acting(&store).await;
    let new = NewAuditEntry::new(AuditAction::Denied, minute(3)).by(scope.author()).of(ClientId(7));
    let new = new.on(AuditSubject::Client(ClientId(8))).with("attempt", "GET /x");
    let ((), entry) = entry_of(&store, async { store.note(new).await.unwrap() }).await;
    assert_eq!(what(&entry), ("denied", Some(anna.0), Some(7), "client 8".to_owned()));
    assert_eq!((entry.at, entry.actor_email.as_deref()), (minute(3), Some("anna@example.com")));
    assert_eq!(
        (entry.address.as_deref(), entry.request_id.as_deref()),
        (Some("2001:db8::7"), Some("request-1"))
    );
    assert_eq!(detail(&entry), json!({ "attempt": "GET /x" }));
    let new = NewAuditEntry::new(AuditAction::LeftOut, minute(4));
    let ((), entry) = entry_of(&store, async { store.note(new).await.unwrap() }).await;
    assert_eq!(what(&entry), ("left_out", None, None, String::new()));
    assert_eq!((entry.actor_email, entry.address, entry.request_id), (None, None, None));
}

async fn signing_in_and_out_leaves_an_entry_each(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    let new = NewSession { origin: from_afar("in"), ..session("first", minute(5)) };
    let (opened, entry) =
        entry_of(&store, async { store.open_session(anna.id, &hash_of("anna"), new).await.unwrap() }).await;
    let (id, _) = opened.unwrap();
    assert_eq!(what(&entry), ("signed_in", Some(anna.id.0), None, format!("session {id}")));
    assert_eq!((entry.at, entry.request_id.as_deref()), (minute(5), Some("in")));
    for (presented, next) in [("first", "second"), ("second", "third")] {
        store.rotate_refresh(&TokenHash::of(presented), session(next, minute(6))).await.unwrap();
    }
    let new = NewSession { origin: from_afar("replay"), ..session("x", minute(7)) };
    let presented = TokenHash::of("first");
    let (_, entry) = entry_of(&store, async { store.rotate_refresh(&presented, new).await.unwrap() }).await;
    assert_eq!(what(&entry), ("refresh_replayed", Some(anna.id.0), None, format!("session {id}")));
    assert_eq!(entry.request_id.as_deref(), Some("replay"));
    let (id, _) =
        store.open_session(anna.id, &hash_of("anna"), session("again", minute(8))).await.unwrap().unwrap();
    let own = ALL.by(Author { user: anna.id, origin: from_afar("out") });
    let (_, entry) =
        entry_of(&store, async { store.close_session(own, anna.id, id, minute(9)).await.unwrap() }).await;
    assert_eq!(what(&entry), ("signed_out", Some(anna.id.0), None, format!("session {id}")));
    store.close_session(own, anna.id, id, minute(9)).await.unwrap();
    let expected = ["admin_created", "signed_in", "refresh_replayed", "signed_in", "signed_out"];
    assert_eq!(actions(&store).await, expected, "what changes nothing leaves none");
}

async fn people_leave_an_entry_each(store: Arc<dyn Store>) {
    let (anna, scope) = acting(&store).await;
    let acme = client(&store, "acme").await;
    store.create_invitation(scope, invitation("carl", Some(acme), "old")).await.unwrap().unwrap();
    let new = invitation("carl", Some(acme), "token");
    let (made, entry) = entry_of(&store, async { store.create_invitation(scope, new).await.unwrap() }).await;
    let id = made.unwrap().id;
    assert_eq!(what(&entry), ("invitation_created", Some(anna.0), Some(acme.0), format!("invitation {id}")));
    let expected = json!({ "email": "carl@example.com", "role": "client", "revokes": [id.0 - 1] });
    assert_eq!(detail(&entry), expected);
    let new = NewSession { origin: from_afar("accept"), ..session("s", minute(1)) };
    let accept =
        async { store.accept_invitation(&TokenHash::of("token"), &"hash".into(), new).await.unwrap() };
    let (_, entry) = entry_of(&store, accept).await;
    let carl = entry.actor_id.unwrap();
    assert_eq!(what(&entry), ("invitation_accepted", Some(carl.0), Some(acme.0), format!("invitation {id}")));
    assert_eq!(entry.actor_email.as_deref(), Some("carl@example.com"));
    assert_eq!(entry.request_id.as_deref(), Some("accept"));
    let patch = UserPatch { role: Some(Role::Admin), is_active: Some(false) };
    let update = async { store.update_user(scope, carl, patch, minute(2)).await.unwrap() };
    let (_, entry) = entry_of(&store, update).await;
    assert_eq!(what(&entry), ("user_updated", Some(anna.0), Some(acme.0), format!("user {carl}")));
    let expected = json!({
        "email": "carl@example.com", "role": { "from": "client", "to": "admin" }, "is_active": { "from": true, "to": false },
    });
    assert_eq!(detail(&entry), expected);
    let before = actions(&store).await;
    store.update_user(scope, carl, patch, minute(2)).await.unwrap();
    assert_eq!(actions(&store).await, before, "what changes nothing leaves none");
}

async fn links_that_change_or_end_leave_an_entry_each(store: Arc<dyn Store>) {
    let (anna, scope) = acting(&store).await;
    let acme = client(&store, "acme").await;
    let new = invitation("carl", Some(acme), "token");
    let id = store.create_invitation(scope, new).await.unwrap().unwrap().id;
    let renewal =
        Renewal { token: TokenHash::of("newer"), mail: None, renewed_at: minute(1), expiry_date: minute(99) };
    let renew = async { store.renew_invitation(scope, id, renewal).await.unwrap() };
    let (_, entry) = entry_of(&store, renew).await;
    let by_anna = |action| (action, Some(anna.0), Some(acme.0), format!("invitation {id}"));
    let about = json!({ "email": "carl@example.com", "role": "client" });
    assert_eq!((what(&entry), detail(&entry)), (by_anna("invitation_resent"), about.clone()));
    let revoke = async { store.revoke_invitation(scope, id, minute(2)).await.unwrap() };
    let (_, entry) = entry_of(&store, revoke).await;
    assert_eq!((what(&entry), detail(&entry)), (by_anna("invitation_revoked"), about));
    let before = actions(&store).await;
    store.revoke_invitation(scope, id, minute(3)).await.unwrap();
    assert_eq!(actions(&store).await, before);
}

async fn changed_passwords_ended_sessions_and_removed_users_leave_an_entry_each(store: Arc<dyn Store>) {
    let (anna, scope) = acting(&store).await;
    let acme = client(&store, "acme").await;
    let (session, carl) = client_user(&store, acme, "carl").await;
    let own = TenantScope::client(acme).by(Author { user: carl.id, origin: from_afar("own") });
    let by_carl = |action, subject: String| (action, Some(carl.id.0), Some(acme.0), subject);
    let change = PasswordChange { verified: THEIRS.into(), new: "new".into(), keep: Some(session) };
    let change = async { store.change_password(own, carl.id, change, minute(1)).await.unwrap() };
    let (_, entry) = entry_of(&store, change).await;
    assert_eq!(what(&entry), by_carl("password_changed", format!("user {}", carl.id)));
    let revoke = async { store.close_session(own, carl.id, session, minute(2)).await.unwrap() };
    let (_, entry) = entry_of(&store, revoke).await;
    assert_eq!(what(&entry), by_carl("signed_out", format!("session {session}")));
    assert_eq!(entry.request_id.as_deref(), Some("own"));
    let before = actions(&store).await;
    assert!(!store.close_session(own, carl.id, session, minute(2)).await.unwrap());
    assert_eq!(actions(&store).await, before);
    let delete = async { store.delete_user(scope, carl.id, minute(3)).await.unwrap() };
    let (_, entry) = entry_of(&store, delete).await;
    assert_eq!(what(&entry), ("user_deleted", Some(anna.0), Some(acme.0), format!("user {}", carl.id)));
    assert_eq!(detail(&entry), json!({ "email": "carl@example.com", "role": "client" }));
}

async fn password_reset_leaves_an_entry(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let (_, carl) = client_user(&store, acme, "carl").await;
    let leased = lease_request(&store, "carl", 5).await;
    assert!(store.open_reset(ALL, leased.lease, reset(carl.id, "token", 5)).await.unwrap());
    let (token, hash) = (TokenHash::of("token"), "new".into());
    let confirm = store.confirm_reset(&token, &hash, from_afar("reset"), minute(6));
    let (done, entry) = entry_of(&store, async { confirm.await.unwrap() }).await;
    assert_eq!(done, Reset::Done(carl.id));
    let expected = ("password_reset", Some(carl.id.0), Some(acme.0), format!("user {}", carl.id));
    assert_eq!((what(&entry), entry.request_id.as_deref()), (expected, Some("reset")));
}

async fn changes_of_clients_leave_an_entry_each(store: Arc<dyn Store>) {
    let (anna, scope) = acting(&store).await;
    let new = new_client("acme");
    let (made, entry) =
        entry_of(&store, async { store.create_client(scope.author(), new).await.unwrap() }).await;
    let id = made.id;
    let by_anna = |action| (action, Some(anna.0), Some(id.0), format!("client {id}"));
    assert_eq!((what(&entry), detail(&entry)), (by_anna("client_created"), json!({ "name": "acme" })));
    let name = ClientName::parse("Acme").unwrap();
    let rename = async { store.rename_client(scope, id, &name, minute(1)).await.unwrap() };
    let (_, entry) = entry_of(&store, rename).await;
    let expected = json!({ "name": { "from": "acme", "to": "Acme" } });
    assert_eq!((what(&entry), detail(&entry)), (by_anna("client_renamed"), expected));
    let n8n = instance("https://n8n.example.com:5678/secret/path");
    let set = async { store.set_instance(scope, id, Some(&n8n), minute(2)).await.unwrap() };
    let (_, entry) = entry_of(&store, set).await;
    let host = "https://n8n.example.com:5678";
    assert_eq!((what(&entry), detail(&entry)), (by_anna("n8n_key_set"), json!({ "n8n": host })));
    let remove = async { store.set_instance(scope, id, None, minute(3)).await.unwrap() };
    let (_, entry) = entry_of(&store, remove).await;
    assert_eq!((what(&entry), detail(&entry)), (by_anna("n8n_key_removed"), json!({ "n8n_before": host })));
    client_user(&store, id, "carl").await;
    let delete = async { store.delete_client(scope, id, minute(4)).await.unwrap() };
    let (_, entry) = entry_of(&store, delete).await;
    let expected = json!({ "name": "Acme", "users": 1 });
    assert_eq!((what(&entry), detail(&entry)), (by_anna("client_deleted"), expected));
    let before = actions(&store).await;
    while store.purge_deleted(ALL, 100).await.unwrap() > 0 {}
    store.rename_client(scope, id, &name, minute(5)).await.unwrap();
    store.set_instance(scope, id, None, minute(5)).await.unwrap();
    store.delete_client(scope, id, minute(5)).await.unwrap();
    assert_eq!(
        actions(&store).await,
        before,
        "entries outlive the client, and what changes nothing leaves none"
    );
}

async fn same_name_and_no_n8n_leave_no_entry(store: Arc<dyn Store>) {
    let id = client(&store, "acme").await;
    let before = actions(&store).await;
    store.rename_client(ALL, id, &ClientName::parse("acme").unwrap(), minute(1)).await.unwrap().unwrap();
    store.set_instance(ALL, id, None, minute(2)).await.unwrap().unwrap();
    assert_eq!(actions(&store).await, before);
}

async fn time_saved_leaves_an_entry_where_it_changes(store: Arc<dyn Store>) {
    let (anna, scope) = acting(&store).await;
    let id = configured(&store, "acme").await;
    apply(&store, id, vec![execution(1, Status::Success, minute(0))]).await;
    let (workflow, saved) = (WorkflowId::from("w"), TimeSaved::of_minutes(5).unwrap());
    let set = || store.set_time_saved(scope, (id, &workflow), saved, minute(1));
    let (_, entry) = entry_of(&store, async { set().await.unwrap() }).await;
    assert_eq!(what(&entry), ("time_saved_set", Some(anna.0), Some(id.0), format!("client {id}")));
    assert_eq!(detail(&entry), json!({ "workflow_id": "w", "minutes": { "from": 30, "to": 5 } }));
    let before = actions(&store).await;
    assert!(set().await.unwrap());
    assert_eq!(actions(&store).await, before);
}

async fn filters_choose_and_pages_go_from_new_to_old(store: Arc<dyn Store>) {
    for (at, action, actor, client) in [
        (1, AuditAction::Denied, 1, 1),
        (2, AuditAction::SignedIn, 1, 1),
        (2, AuditAction::Denied, 2, 1),
        (3, AuditAction::Denied, 1, 2),
        (4, AuditAction::SignedIn, 2, 2),
    ] {
        let author = Author { user: UserId(actor), ..NOBODY };
        store
            .note(NewAuditEntry::new(action, minute(at)).by(Some(author)).of(ClientId(client)))
            .await
            .unwrap();
    }
    let chosen = async |filter: AuditFilter| {
        let entries = list(&store, ALL, filter).await;
        entries.iter().map(|entry| entry.id.0).collect::<Vec<_>>()
    };
    let every = AuditFilter::default();
    let (denied, anna, acme) = (Some(AuditAction::Denied), Some(UserId(1)), Some(ClientId(1)));
    assert_eq!(chosen(every).await, [5, 4, 3, 2, 1]);
    assert_eq!(chosen(AuditFilter { action: denied, ..every }).await, [4, 3, 1]);
    assert_eq!(chosen(AuditFilter { actor: anna, ..every }).await, [4, 2, 1]);
    assert_eq!(chosen(AuditFilter { client: acme, ..every }).await, [3, 2, 1]);
    assert_eq!(chosen(AuditFilter { action: denied, actor: anna, ..every }).await, [4, 1]);
    assert_eq!(chosen(AuditFilter { action: denied, client: acme, ..every }).await, [3, 1]);
    assert_eq!(chosen(AuditFilter { actor: anna, client: acme, ..every }).await, [2, 1]);
    assert_eq!(chosen(AuditFilter { action: denied, actor: anna, client: acme, ..every }).await, [1]);
    assert_eq!(chosen(AuditFilter { range: range(2, 4), ..every }).await, [4, 3, 2]);
}

async fn old_entries_go_in_batches_and_the_last_thirty_days_stay(store: Arc<dyn Store>) {
    // The database's own clock says how long ago the last month was.
    let year_2020 = Timestamp::from_millis(1_577_836_800_000);
    for at in
        [year_2020, year_2020, year_2020.plus(Duration::from_secs(1)), Timestamp::from_millis(i64::MAX / 2)]
    {
        store.note(NewAuditEntry::new(AuditAction::LeftOut, at)).await.unwrap();
    }
    let later = year_2020.plus(Duration::from_millis(1));
    assert_eq!(store.remove_old_audit(year_2020, 9).await.unwrap(), 0);
    for gone in [1, 1, 0] {
        assert_eq!(store.remove_old_audit(later, 1).await.unwrap(), gone);
    }
    assert_eq!(store.remove_old_audit(Timestamp::from_millis(i64::MAX), 9).await.unwrap(), 1);
    let left = list(&store, ALL, AuditFilter::default()).await;
    assert_eq!(left.iter().map(|entry| entry.id.0).collect::<Vec<_>>(), [4]);
}

suite! { $ audit_contract in audit:
    entry_is_read_as_it_was_noted,
    signing_in_and_out_leaves_an_entry_each,
    people_leave_an_entry_each,
    links_that_change_or_end_leave_an_entry_each,
    changed_passwords_ended_sessions_and_removed_users_leave_an_entry_each,
    password_reset_leaves_an_entry,
    changes_of_clients_leave_an_entry_each,
    same_name_and_no_n8n_leave_no_entry,
    time_saved_leaves_an_entry_where_it_changes,
    filters_choose_and_pages_go_from_new_to_old,
    old_entries_go_in_batches_and_the_last_thirty_days_stay,
}
