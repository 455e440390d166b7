//! The contract of [`crate::store::InvitationStore`].

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::{fixtures::*, suite};
use crate::{
    id::{ClientId, InvitationId},
    model::{
        invitation::{EmailStatus, Invitation, InvitationStatus, NewInvitation, Renewal},
        session::TokenHash,
        user::Role,
    },
    store::{Accepted, Revocation, Store, StoreError},
};

/// The minute at which every invitation of the cases is over.
const EXPIRY: i64 = 2 * 24 * 60;

async fn accept(store: &Arc<dyn Store>, token: &str, at: i64) -> Accepted {
    let new = session(&format!("session by {token}"), minute(at));
    store.accept_invitation(&TokenHash::of(token), &"their hash".into(), new).await.unwrap()
}

async fn status(store: &Arc<dyn Store>, token: &str, at: i64) -> Option<InvitationStatus> {
    let found = store.find_invitation(&TokenHash::of(token), minute(at)).await.unwrap();
    found.map(|found| found.invitation.status)
}

async fn email_status(store: &Arc<dyn Store>, token: &str) -> EmailStatus {
    let found = store.find_invitation(&TokenHash::of(token), minute(1)).await.unwrap();
    found.unwrap().invitation.email_status
}

async fn invitation_is_found_by_its_token_only(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let made = store.create_invitation(ALL, invitation("carl", Some(acme), "token")).await.unwrap().unwrap();
    let found = store.find_invitation(&TokenHash::of("token"), minute(1)).await.unwrap().unwrap();
    assert_eq!((found.invitation, found.client_name.as_deref()), (made.clone(), Some("acme")));
    assert_eq!((made.email, made.role, made.client_id), (email("carl"), Role::Client, Some(acme)));
    assert_eq!((made.status, made.email_status), (InvitationStatus::Pending, EmailStatus::Queued));
    assert_eq!(status(&store, "another", 1).await, None);
}

async fn admin_is_invited_without_a_client(store: Arc<dyn Store>) {
    store.create_invitation(ALL, invitation("anna", None, "token")).await.unwrap().unwrap();
    let found = store.find_invitation(&TokenHash::of("token"), minute(1)).await.unwrap().unwrap();
    assert_eq!((found.invitation.role, found.client_name), (Role::Admin, None));
    assert!(
        matches!(accept(&store, "token", 1).await, Accepted::Accepted { user, .. } if user.role == Role::Admin)
    );
    assert!(store.has_active_admin().await.unwrap());
}

async fn newer_invitation_kills_the_older_one(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    for token in ["older", "newer"] {
        store.create_invitation(ALL, invitation("carl", Some(acme), token)).await.unwrap().unwrap();
    }
    assert_eq!(status(&store, "older", 1).await, Some(InvitationStatus::Revoked));
    assert_eq!(status(&store, "newer", 1).await, Some(InvitationStatus::Pending));
    assert!(matches!(accept(&store, "older", 1).await, Accepted::NotFound));
    assert!(matches!(accept(&store, "newer", 1).await, Accepted::Accepted { .. }));
}

async fn racing_invitations_leave_one_pending(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let race = |store: Arc<dyn Store>, invitation: NewInvitation| async move {
        store.create_invitation(ALL, invitation).await.unwrap().unwrap();
    };
    let racers = (0..10).map(|racer| invitation("carl", Some(acme), &format!("token {racer}")));
    let tasks: Vec<_> = racers.map(|invitation| tokio::spawn(race(store.clone(), invitation))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let listed = store.list_invitations(ALL, page(100, None), minute(1)).await.unwrap().items;
    let pending = listed.iter().filter(|invitation| invitation.status == InvitationStatus::Pending);
    assert_eq!((listed.len(), pending.count()), (10, 1));
}

async fn address_with_an_account_is_not_invited(store: Arc<dyn Store>) {
    admin(&store, "anna").await;
    let invited = store.create_invitation(ALL, invitation("anna", None, "token")).await;
    assert!(matches!(invited, Err(StoreError::Conflict(_))), "{invited:?}");
    assert_eq!(status(&store, "token", 1).await, None);
}

async fn nobody_is_invited_to_a_client_that_is_not_there(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    store.delete_client(ALL, acme, minute(1)).await.unwrap();
    for gone in [acme, ClientId(999)] {
        let invited = store.create_invitation(ALL, invitation("carl", Some(gone), "token")).await.unwrap();
        assert_eq!(invited, None);
    }
}

async fn acceptance_makes_an_account_that_is_signed_in(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    store.create_invitation(ALL, invitation("carl", Some(acme), "token")).await.unwrap().unwrap();
    let Accepted::Accepted { session, user } = accept(&store, "token", 7).await else {
        panic!("not accepted")
    };
    assert_eq!((user.email.clone(), user.role, user.client_id), (email("carl"), Role::Client, Some(acme)));
    assert_eq!((user.is_active, user.created_at, user.last_login), (true, minute(7), Some(minute(7))));
    assert_eq!(user_of(&store, session, 8).await, Some(user));
    let record = store.find_for_sign_in(&email("carl")).await.unwrap().unwrap();
    assert_eq!(record.hashed_password.expose_secret(), "their hash");
    assert_eq!(status(&store, "token", 8).await, Some(InvitationStatus::Accepted));
    assert!(matches!(accept(&store, "token", 8).await, Accepted::NotFound));
}

async fn racing_acceptances_make_one_account(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    store.create_invitation(ALL, invitation("carl", Some(acme), "token")).await.unwrap().unwrap();
    let race = |store: Arc<dyn Store>, racer: usize| async move {
        let new = session(&format!("racer {racer}"), minute(1));
        store.accept_invitation(&TokenHash::of("token"), &"hash".into(), new).await.unwrap()
    };
    let tasks: Vec<_> = (0..20).map(|racer| tokio::spawn(race(store.clone(), racer))).collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Accepted::Accepted { .. } => won += 1,
            Accepted::NotFound => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((won, store.list_users(ALL, page(100, None)).await.unwrap().items.len()), (1, 1));
}

async fn expired_invitation_is_refused(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    store.create_invitation(ALL, invitation("carl", Some(acme), "token")).await.unwrap().unwrap();
    assert_eq!(status(&store, "token", EXPIRY - 1).await, Some(InvitationStatus::Pending));
    assert_eq!(status(&store, "token", EXPIRY).await, Some(InvitationStatus::Expired));
    let listed = store.list_invitations(ALL, page(9, None), minute(EXPIRY)).await.unwrap();
    assert_eq!(listed.items[0].status, InvitationStatus::Expired);
    assert!(matches!(accept(&store, "token", EXPIRY).await, Accepted::Expired));
    assert!(store.find_for_sign_in(&email("carl")).await.unwrap().is_none());
}

async fn unknown_token_is_not_accepted(store: Arc<dyn Store>) {
    assert!(matches!(accept(&store, "guessed", 1).await, Accepted::NotFound));
}

async fn address_that_has_an_account_by_now_is_not_accepted(store: Arc<dyn Store>) {
    store.create_invitation(ALL, invitation("anna", None, "token")).await.unwrap().unwrap();
    admin(&store, "anna").await;
    assert!(matches!(accept(&store, "token", 1).await, Accepted::AccountExists));
    assert_eq!(store.list_users(ALL, page(9, None)).await.unwrap().items.len(), 1);
}

async fn invitations_of_a_deleted_client_are_gone(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    store.create_invitation(ALL, invitation("carl", Some(acme), "token")).await.unwrap().unwrap();
    store.delete_client(ALL, acme, minute(1)).await.unwrap();
    assert_eq!(status(&store, "token", 1).await, None);
    assert!(store.list_invitations(ALL, page(9, None), minute(1)).await.unwrap().items.is_empty());
    assert!(matches!(accept(&store, "token", 1).await, Accepted::NotFound));
}

async fn invitations_are_listed_newest_first_in_pages(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for name in ["anna", "berta", "carl"] {
        ids.insert(0, store.create_invitation(ALL, invitation(name, None, name)).await.unwrap().unwrap().id);
    }
    let first = store.list_invitations(ALL, page(2, None), minute(1)).await.unwrap();
    let second = store.list_invitations(ALL, page(2, first.next), minute(1)).await.unwrap();
    let listed: Vec<_> = first.items.iter().chain(&second.items).map(|invitation| invitation.id).collect();
    assert_eq!((listed, second.next), (ids, None));
}

async fn invitation_without_a_mail_waits_for_none(store: Arc<dyn Store>) {
    let silent = NewInvitation { mail: None, ..invitation("anna", None, "token") };
    let made = store.create_invitation(ALL, silent).await.unwrap().unwrap();
    assert_eq!(made.email_status, EmailStatus::NotConfigured);
    assert_eq!(lease(&store, 0).await, []);
    accept(&store, "token", 1).await;
    assert_eq!(email_status(&store, "token").await, EmailStatus::NotConfigured);
}

async fn mail_of_an_invitation_that_is_over_is_erased(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    for token in ["older", "newer"] {
        store.create_invitation(ALL, invitation("carl", Some(acme), token)).await.unwrap().unwrap();
    }
    assert_eq!(email_status(&store, "older").await, EmailStatus::Failed);
    assert_eq!(email_status(&store, "newer").await, EmailStatus::Queued);
    assert_eq!(lease(&store, 0).await.len(), 1, "of the newer one");
    // Who accepts has the mail, even when its going was not noted yet.
    accept(&store, "newer", 1).await;
    assert_eq!(email_status(&store, "newer").await, EmailStatus::Sent);
    store.create_invitation(ALL, invitation("dora", Some(acme), "gone")).await.unwrap().unwrap();
    store.delete_client(ALL, acme, minute(1)).await.unwrap();
    assert_eq!(lease(&store, 5).await, []);
}

/// Renews an invitation at a minute, for two days.
async fn renew(store: &Arc<dyn Store>, id: InvitationId, token: &str, at: i64) -> Option<Invitation> {
    store.renew_invitation(ALL, id, renewal(token, at)).await.unwrap()
}

fn renewal(token: &str, at: i64) -> Renewal {
    let (renewed_at, expiry_date) = (minute(at), minute(at + EXPIRY));
    Renewal { token: TokenHash::of(token), mail: Some(mail("2")), renewed_at, expiry_date }
}

async fn revoke(store: &Arc<dyn Store>, id: InvitationId) -> Revocation {
    store.revoke_invitation(ALL, id, minute(9)).await.unwrap()
}

async fn renewed_invitation_has_another_token_time_and_mail(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let made = store.create_invitation(ALL, invitation("carl", Some(acme), "old")).await.unwrap().unwrap();
    assert_eq!(store.find_invitation_by_id(ALL, made.id, minute(1)).await.unwrap(), Some(made.clone()));
    let begun = lease(&store, 0).await.remove(0);
    let renewed = renew(&store, made.id, "new", EXPIRY + 5).await.unwrap();
    assert_eq!(renewed, Invitation { expiry_date: minute(2 * EXPIRY + 5), ..made.clone() });
    assert_eq!(status(&store, "old", 1).await, None);
    assert!(matches!(accept(&store, "old", EXPIRY + 6).await, Accepted::NotFound));
    store.finish_mail(ALL, begun.lease, EmailStatus::Failed).await.unwrap();
    assert_eq!(
        email_status(&store, "new").await,
        EmailStatus::Queued,
        "the mail before is of no matter any more"
    );
    let mails = lease(&store, EXPIRY + 5).await;
    assert_eq!(mails.iter().map(|leased| leased.mail.clone()).collect::<Vec<_>>(), [mail("2")]);
    let silent = Renewal { mail: None, ..renewal("newest", EXPIRY + 7) };
    let silent = store.renew_invitation(ALL, made.id, silent).await.unwrap().unwrap();
    assert_eq!(silent.email_status, EmailStatus::NotConfigured);
    assert_eq!(lease(&store, 3 * EXPIRY).await, []);
    assert!(matches!(accept(&store, "newest", EXPIRY + 8).await, Accepted::Accepted { .. }));
    assert_eq!(renew(&store, made.id, "again", EXPIRY + 9).await, None);
}

async fn invitation_that_is_over_is_not_renewed(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    assert_eq!(renew(&store, InvitationId(9), "none", 1).await, None);
    assert_eq!(store.find_invitation_by_id(ALL, InvitationId(9), minute(1)).await.unwrap(), None);
    let carl = store.create_invitation(ALL, invitation("carl", Some(acme), "carl")).await.unwrap().unwrap();
    assert_eq!(revoke(&store, carl.id).await, Revocation::Revoked);
    assert_eq!(renew(&store, carl.id, "again", 1).await, None);
    let anna = store.create_invitation(ALL, invitation("anna", None, "anna")).await.unwrap().unwrap();
    admin(&store, "anna").await;
    let taken = store.renew_invitation(ALL, anna.id, renewal("again", 1)).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    assert_eq!(status(&store, "anna", 1).await, Some(InvitationStatus::Pending), "nothing was changed");
    let dora = store.create_invitation(ALL, invitation("dora", Some(acme), "dora")).await.unwrap().unwrap();
    store.delete_client(ALL, acme, minute(1)).await.unwrap();
    assert_eq!(renew(&store, dora.id, "again", 2).await, None);
    assert_eq!(revoke(&store, dora.id).await, Revocation::NotFound);
}

async fn revoked_invitation_is_dead_and_its_mail_erased(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let made = store.create_invitation(ALL, invitation("carl", Some(acme), "token")).await.unwrap().unwrap();
    assert_eq!(revoke(&store, made.id).await, Revocation::Revoked);
    assert_eq!(status(&store, "token", 1).await, Some(InvitationStatus::Revoked));
    assert_eq!(email_status(&store, "token").await, EmailStatus::Failed);
    assert_eq!(lease(&store, 1).await, []);
    assert!(matches!(accept(&store, "token", 1).await, Accepted::NotFound));
    assert_eq!(revoke(&store, made.id).await, Revocation::NotFound);
    assert_eq!(revoke(&store, InvitationId(9)).await, Revocation::NotFound);
    store.create_invitation(ALL, invitation("carl", Some(acme), "newer")).await.unwrap().unwrap();
    let Accepted::Accepted { .. } = accept(&store, "newer", 1).await else { panic!("not accepted") };
    let accepted = store.list_invitations(ALL, page(9, None), minute(1)).await.unwrap().items.remove(0);
    assert_eq!(revoke(&store, accepted.id).await, Revocation::Accepted);
}

async fn acceptance_that_races_a_revocation_is_done_or_not(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    for racer in 0..10 {
        let (name, token) = (format!("user{racer}"), format!("token {racer}"));
        let made =
            store.create_invitation(ALL, invitation(&name, Some(acme), &token)).await.unwrap().unwrap();
        let (accepted, revoked) = tokio::join!(accept(&store, &token, 1), revoke(&store, made.id));
        let account = store.find_for_sign_in(&email(&name)).await.unwrap();
        match (accepted, revoked) {
            (Accepted::Accepted { .. }, Revocation::Accepted) => assert!(account.is_some()),
            (Accepted::NotFound, Revocation::Revoked) => assert!(account.is_none()),
            other => panic!("{other:?}"),
        }
    }
}

suite! { $ invitation_contract in invitation:
    invitation_is_found_by_its_token_only,
    admin_is_invited_without_a_client,
    newer_invitation_kills_the_older_one,
    racing_invitations_leave_one_pending,
    address_with_an_account_is_not_invited,
    nobody_is_invited_to_a_client_that_is_not_there,
    acceptance_makes_an_account_that_is_signed_in,
    racing_acceptances_make_one_account,
    expired_invitation_is_refused,
    unknown_token_is_not_accepted,
    address_that_has_an_account_by_now_is_not_accepted,
    invitations_of_a_deleted_client_are_gone,
    invitations_are_listed_newest_first_in_pages,
    invitation_without_a_mail_waits_for_none,
    mail_of_an_invitation_that_is_over_is_erased,
    renewed_invitation_has_another_token_time_and_mail,
    invitation_that_is_over_is_not_renewed,
    revoked_invitation_is_dead_and_its_mail_erased,
    acceptance_that_races_a_revocation_is_done_or_not,
}
