//! The contract of [`crate::store::SignInStore`].

use std::{net::IpAddr, sync::Arc};

use secrecy::ExposeSecret;

use super::{fixtures::*, suite};
use crate::{
    clock::Timestamp,
    id::UserId,
    model::{
        session::{NETWORK_KNOWN, NewSession, TokenHash},
        user::UserPatch,
    },
    request::{Network, RequestOrigin},
    store::Store,
};

const HOME: &str = "203.0.113.7";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A session that is opened from an address.
fn session_from(text: &str, now: Timestamp) -> NewSession {
    let origin = RequestOrigin { address: Some(address(text)), request_id: None };
    NewSession { origin, ..session(&format!("{text} {now}"), now) }
}

async fn sign_in(store: &Arc<dyn Store>, user: UserId, from: &str, at: i64) {
    store.open_session(user, &hash_of("anna"), session_from(from, minute(at))).await.unwrap().unwrap();
}

/// Whether a network is known at a minute.
async fn knows(store: &Arc<dyn Store>, name: &str, from: &str, at: i64) -> bool {
    let since = minute(at).minus(NETWORK_KNOWN);
    store.knows_network(&email(name), Network::of(address(from)), since).await.unwrap()
}

async fn network_of_a_sign_in_is_known_for_its_user_for_thirty_days(store: Arc<dyn Store>) {
    const MONTH: i64 = 30 * 24 * 60;
    let (anna, _) = (admin(&store, "anna").await, admin(&store, "berta").await);
    assert!(!knows(&store, "anna", HOME, 1).await);
    sign_in(&store, anna.id, HOME, 1).await;
    assert!(knows(&store, "anna", HOME, 1).await && knows(&store, "anna", HOME, MONTH).await);
    assert!(!knows(&store, "anna", HOME, MONTH + 1).await);
    for (name, from) in [("berta", HOME), ("anna", "203.0.113.8"), ("nobody", HOME)] {
        assert!(!knows(&store, name, from, 1).await, "{name} from {from}");
    }
    sign_in(&store, anna.id, HOME, 2).await;
    assert!(knows(&store, "anna", HOME, MONTH + 1).await, "since the last one");
    sign_in(&store, anna.id, "203.0.113.8", MONTH + 2).await;
    assert!(!knows(&store, "anna", HOME, 2).await, "what is too old is removed");
    assert!(knows(&store, "anna", "203.0.113.8", MONTH + 2).await);
}

async fn network_of_ipv6_is_all_of_its_64_bits(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    sign_in(&store, anna.id, "2001:db8:1:2::1", 1).await;
    assert!(knows(&store, "anna", "2001:db8:1:2:ffff::9", 1).await);
    assert!(!knows(&store, "anna", "2001:db8:1:3::1", 1).await);
}

async fn network_of_an_acceptance_is_known(store: Arc<dyn Store>) {
    store.create_invitation(ALL, invitation("anna", None, "token")).await.unwrap().unwrap();
    let new = session_from(HOME, minute(1));
    store.accept_invitation(&TokenHash::of("token"), &"hash".into(), new).await.unwrap();
    assert!(knows(&store, "anna", HOME, 1).await);
}

async fn sign_in_from_nowhere_makes_no_network_known(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    store.open_session(anna.id, &hash_of("anna"), session("first", minute(1))).await.unwrap().unwrap();
    for from in [HOME, "0.0.0.0", "::"] {
        assert!(!knows(&store, "anna", from, 1).await, "{from}");
    }
}

async fn imported_hash_is_one_of_an_active_user_who_did_not_sign_in_since(store: Arc<dyn Store>) {
    let (anna, _) = (admin(&store, "anna").await, admin(&store, "berta").await);
    let imported = async || store.imported_hash().await.unwrap();
    assert!(imported().await.is_none());
    let bcrypt = "$2b$12$Qp9OtTDAH9hxS/OdzqRCmOpjjwcJ.mTNbkI.IOARs2IF8XvMqcAtm";
    store.replace_password_hash(anna.id, &"hash of anna".into(), &bcrypt.into()).await.unwrap();
    assert_eq!(imported().await.unwrap().expose_secret(), bcrypt);
    let active = async |is_active| {
        let patch = UserPatch { is_active: Some(is_active), role: None };
        store.update_user(ALL, anna.id, patch, minute(1)).await.unwrap();
    };
    active(false).await;
    assert!(imported().await.is_none());
    active(true).await;
    assert!(imported().await.is_some());
    store.replace_password_hash(anna.id, &bcrypt.into(), &"$argon2id$".into()).await.unwrap();
    assert!(imported().await.is_none());
}

suite! { $ sign_in_contract in sign_in:
    network_of_a_sign_in_is_known_for_its_user_for_thirty_days,
    network_of_ipv6_is_all_of_its_64_bits,
    network_of_an_acceptance_is_known,
    sign_in_from_nowhere_makes_no_network_known,
    imported_hash_is_one_of_an_active_user_who_did_not_sign_in_since,
}
