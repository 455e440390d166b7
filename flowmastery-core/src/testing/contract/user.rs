//! The contract of [`crate::store::UserStore`].

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::{fixtures::*, suite};
use crate::{
    id::{SessionId, UserId},
    model::{
        session::{Rotation, TokenHash},
        user::{Role, UserPatch},
    },
    store::{PasswordChange, Store, StoreError, UserRemoval, UserUpdate},
};

const DEACTIVATE: UserPatch = UserPatch { role: None, is_active: Some(false) };
const PROMOTE: UserPatch = UserPatch { role: Some(Role::Admin), is_active: None };
const DEMOTE: UserPatch = UserPatch { role: Some(Role::Client), is_active: None };

async fn admin_is_stored_as_given(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    assert_eq!((anna.role, anna.is_active, anna.client_id), (Role::Admin, true, None));
    assert_eq!((anna.created_at, anna.last_login), (minute(0), None));
    assert_eq!(store.find_user(ALL, anna.id).await.unwrap(), Some(anna));
}

async fn unknown_users_are_not_found(store: Arc<dyn Store>) {
    assert_eq!(store.find_user(ALL, UserId(1)).await.unwrap(), None);
    assert!(store.find_for_sign_in(&email("anna")).await.unwrap().is_none());
    let update = store.update_user(ALL, UserId(1), DEACTIVATE, minute(1)).await.unwrap();
    assert_eq!(update, UserUpdate::NotFound);
}

async fn address_has_one_account(store: Arc<dyn Store>) {
    admin(&store, "anna").await;
    let again = store.create_admin(new_user("ANNA")).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
}

async fn racing_accounts_of_one_address_make_one(store: Arc<dyn Store>) {
    let race = |store: Arc<dyn Store>| async move { store.create_admin(new_user("anna")).await.is_ok() };
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(race(store.clone()))).collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 1);
}

async fn sign_in_finds_the_hash_and_inactive_users(store: Arc<dyn Store>) {
    admin(&store, "berta").await;
    let anna = admin(&store, "anna").await;
    store.update_user(ALL, anna.id, DEACTIVATE, minute(1)).await.unwrap();
    let found = store.find_for_sign_in(&email("anna")).await.unwrap().unwrap();
    assert_eq!(found.hashed_password.expose_secret(), "hash of anna");
    assert!(!found.user.is_active);
}

async fn active_admin_is_known(store: Arc<dyn Store>) {
    assert!(!store.has_active_admin().await.unwrap());
    let acme = client(&store, "acme").await;
    client_user(&store, acme, "carl").await;
    assert!(!store.has_active_admin().await.unwrap());
    admin(&store, "anna").await;
    assert!(store.has_active_admin().await.unwrap());
}

async fn users_are_listed_by_id_in_pages(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for name in ["anna", "berta", "carl"] {
        ids.push(admin(&store, name).await.id);
    }
    let first = store.list_users(ALL, page(2, None)).await.unwrap();
    let second = store.list_users(ALL, page(2, first.next)).await.unwrap();
    let listed: Vec<_> = first.items.iter().chain(&second.items).map(|user| user.id).collect();
    assert_eq!((listed, second.next), (ids, None));
}

async fn last_active_admin_stays(store: Arc<dyn Store>) {
    let (anna, berta) = (admin(&store, "anna").await, admin(&store, "berta").await);
    let update = store.update_user(ALL, anna.id, DEACTIVATE, minute(1)).await.unwrap();
    assert!(matches!(update, UserUpdate::Updated(user) if !user.is_active && user.id == anna.id));
    let update = store.update_user(ALL, berta.id, DEACTIVATE, minute(1)).await.unwrap();
    assert_eq!(update, UserUpdate::LastAdmin);
    assert_eq!(store.find_user(ALL, berta.id).await.unwrap(), Some(berta));
    let reactivate = UserPatch { is_active: Some(true), role: None };
    let update = store.update_user(ALL, anna.id, reactivate, minute(2)).await.unwrap();
    assert_eq!(update, UserUpdate::Updated(anna));
}

async fn admins_who_remove_each_other_leave_one(store: Arc<dyn Store>) {
    let mut tasks = Vec::new();
    for name in ["anna", "berta", "carl", "dora"] {
        let id = admin(&store, name).await.id;
        let store = store.clone();
        tasks.push(async move { store.update_user(ALL, id, DEACTIVATE, minute(1)).await.unwrap() });
    }
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut kept = 0;
    for task in tasks {
        kept += usize::from(task.await.unwrap() == UserUpdate::LastAdmin);
    }
    assert_eq!(kept, 1);
    assert!(store.has_active_admin().await.unwrap());
}

async fn admin_without_a_client_cannot_become_a_client_user(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    let update = store.update_user(ALL, anna.id, DEMOTE, minute(1)).await.unwrap();
    assert_eq!(update, UserUpdate::LastAdmin, "the graver reason is said");
    admin(&store, "berta").await;
    let update = store.update_user(ALL, anna.id, DEMOTE, minute(1)).await.unwrap();
    assert_eq!(update, UserUpdate::NeedsClient);
    assert_eq!(store.find_user(ALL, anna.id).await.unwrap(), Some(anna));
}

async fn client_user_made_an_admin_loses_client_and_sessions(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let (session, carl) = client_user(&store, acme, "carl").await;
    let update = store.update_user(ALL, carl.id, PROMOTE, minute(2)).await.unwrap();
    assert!(
        matches!(update, UserUpdate::Updated(user) if user.role == Role::Admin && user.client_id.is_none())
    );
    assert_eq!(store.find_session_user(session, minute(3)).await.unwrap(), None);
}

async fn deactivation_closes_sessions(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let (session, carl) = client_user(&store, acme, "carl").await;
    let (other, _) = client_user(&store, acme, "dora").await;
    store.update_user(ALL, carl.id, DEACTIVATE, minute(2)).await.unwrap();
    let reactivate = UserPatch { is_active: Some(true), role: None };
    store.update_user(ALL, carl.id, reactivate, minute(2)).await.unwrap();
    assert_eq!(store.find_session_user(session, minute(3)).await.unwrap(), None);
    assert!(store.find_session_user(other, minute(3)).await.unwrap().is_some());
}

async fn patch_that_changes_nothing_keeps_sessions(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let (session, carl) = client_user(&store, acme, "carl").await;
    let update = store.update_user(ALL, carl.id, DEMOTE, minute(2)).await.unwrap();
    assert_eq!(update, UserUpdate::Updated(carl.clone()));
    assert_eq!(user_of(&store, session, 3).await, Some(carl));
}

async fn password(store: &Arc<dyn Store>, name: &str) -> String {
    let record = store.find_for_sign_in(&email(name)).await.unwrap().unwrap();
    record.hashed_password.expose_secret().to_owned()
}

async fn only_the_hash_that_was_read_is_replaced(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    store.replace_password_hash(anna.id, &"another".into(), &"new".into()).await.unwrap();
    assert_eq!(password(&store, "anna").await, "hash of anna");
    store.replace_password_hash(anna.id, &hash_of("anna"), &"new".into()).await.unwrap();
    assert_eq!(password(&store, "anna").await, "new");
}

async fn removed_user_takes_sessions_tokens_and_resets_along(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let ((session_id, carl), (other, _)) =
        (client_user(&store, acme, "carl").await, client_user(&store, acme, "dora").await);
    let wish = lease_request(&store, "carl", 2).await.lease;
    assert!(store.open_reset(ALL, wish, reset(carl.id, "reset", 2)).await.unwrap());
    assert_eq!(store.delete_user(ALL, carl.id, minute(9)).await.unwrap(), UserRemoval::Removed);
    assert_eq!(store.find_user(ALL, carl.id).await.unwrap(), None);
    assert!(store.find_for_sign_in(&email("carl")).await.unwrap().is_none());
    assert_eq!(user_of(&store, session_id, 3).await, None);
    let next = session("next", minute(3));
    let rotated = store.rotate_refresh(&TokenHash::of("first of carl"), next).await.unwrap();
    assert!(matches!(rotated, Rotation::Refused));
    assert_eq!(store.find_reset(&TokenHash::of("reset")).await.unwrap(), None);
    assert_eq!(lease(&store, 9).await, [], "the mail of the reset is erased");
    assert!(user_of(&store, other, 3).await.is_some());
    assert_eq!(store.delete_user(ALL, carl.id, minute(9)).await.unwrap(), UserRemoval::NotFound);
    let again = admin(&store, "carl").await;
    assert_ne!(again.id, carl.id, "the address is free, the number is not");
}

async fn what_a_removed_user_made_stays(store: Arc<dyn Store>) {
    let (anna, _) = (admin(&store, "anna").await, admin(&store, "berta").await);
    let mut new = new_client("acme");
    new.created_by_admin_id = Some(anna.id);
    let acme = store.create_client(None, new).await.unwrap().id;
    let mut invited = invitation("carl", Some(acme), "token");
    invited.invited_by_admin_id = Some(anna.id);
    store.create_invitation(ALL, invited).await.unwrap().unwrap();
    assert_eq!(store.delete_user(ALL, anna.id, minute(9)).await.unwrap(), UserRemoval::Removed);
    assert!(store.find_client(ALL, acme).await.unwrap().is_some());
    assert!(store.find_invitation(&TokenHash::of("token"), minute(1)).await.unwrap().is_some());
}

async fn last_active_admin_is_not_removed(store: Arc<dyn Store>) {
    let mut tasks = Vec::new();
    for name in ["anna", "berta", "carl", "dora"] {
        let id = admin(&store, name).await.id;
        let store = store.clone();
        tasks.push(async move { store.delete_user(ALL, id, minute(9)).await.unwrap() });
    }
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut kept = 0;
    for task in tasks {
        kept += usize::from(task.await.unwrap() == UserRemoval::LastAdmin);
    }
    assert_eq!(kept, 1);
    assert!(store.has_active_admin().await.unwrap());
}

fn change(verified: &str, keep: Option<SessionId>) -> PasswordChange {
    PasswordChange { verified: verified.into(), new: "new".into(), keep }
}

async fn changed_password_closes_the_other_sessions(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    let mut sessions = Vec::new();
    for token in ["own", "other"] {
        let opened = store.open_session(anna.id, &hash_of("anna"), session(token, minute(0))).await.unwrap();
        sessions.push(opened.unwrap().0);
    }
    let wish = lease_request(&store, "anna", 1).await.lease;
    assert!(store.open_reset(ALL, wish, reset(anna.id, "reset", 1)).await.unwrap());
    let own = Some(sessions[0]);
    assert!(!store.change_password(ALL, anna.id, change("another", own), minute(2)).await.unwrap());
    assert_eq!(password(&store, "anna").await, "hash of anna");
    assert!(user_of(&store, sessions[1], 2).await.is_some(), "nothing was changed");
    assert!(store.change_password(ALL, anna.id, change("hash of anna", own), minute(2)).await.unwrap());
    assert_eq!(password(&store, "anna").await, "new");
    assert!(user_of(&store, sessions[0], 3).await.is_some());
    assert!(user_of(&store, sessions[1], 3).await.is_none());
    assert_eq!(store.find_reset(&TokenHash::of("reset")).await.unwrap(), None);
    assert!(store.change_password(ALL, anna.id, change("new", None), minute(4)).await.unwrap());
    assert!(
        user_of(&store, sessions[0], 5).await.is_none(),
        "a host with sessions of its own keeps none of ours"
    );
}

async fn password_of_an_inactive_user_is_not_changed(store: Arc<dyn Store>) {
    let (anna, _) = (admin(&store, "anna").await, admin(&store, "berta").await);
    store.update_user(ALL, anna.id, DEACTIVATE, minute(1)).await.unwrap();
    assert!(!store.change_password(ALL, anna.id, change("hash of anna", None), minute(2)).await.unwrap());
}

suite! { $ user_contract in user:
    admin_is_stored_as_given,
    unknown_users_are_not_found,
    address_has_one_account,
    racing_accounts_of_one_address_make_one,
    sign_in_finds_the_hash_and_inactive_users,
    active_admin_is_known,
    users_are_listed_by_id_in_pages,
    last_active_admin_stays,
    admins_who_remove_each_other_leave_one,
    admin_without_a_client_cannot_become_a_client_user,
    client_user_made_an_admin_loses_client_and_sessions,
    deactivation_closes_sessions,
    patch_that_changes_nothing_keeps_sessions,
    only_the_hash_that_was_read_is_replaced,
    removed_user_takes_sessions_tokens_and_resets_along,
    what_a_removed_user_made_stays,
    last_active_admin_is_not_removed,
    changed_password_closes_the_other_sessions,
    password_of_an_inactive_user_is_not_changed,
}
