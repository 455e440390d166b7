//! The contract of [`crate::store::SealedStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    access::scope::TenantScope,
    id::ClientId,
    secret::{Place, Sealed},
    store::{
        SealedColumn::{self, Mails, N8nKeys},
        SealedRow, Store,
    },
};

async fn rows(store: &Arc<dyn Store>, scope: TenantScope, column: SealedColumn) -> Vec<SealedRow> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let found = store.list_sealed(scope, column, page(2, cursor)).await.unwrap();
        rows.extend(found.items);
        cursor = found.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

fn text(text: &str) -> Sealed {
    Sealed::from_stored(text.to_owned())
}

async fn every_sealed_key_is_listed_with_its_place(store: Arc<dyn Store>) {
    client(&store, "without").await;
    let gone = configured(&store, "gone").await;
    store.delete_client(ALL, gone, minute(1)).await.unwrap();
    let mut ids = Vec::new();
    for name in ["one", "two", "three", "four", "five"] {
        ids.push(configured(&store, name).await);
    }
    let rows = rows(&store, ALL, N8nKeys).await;
    assert_eq!(rows.iter().map(|row| ClientId(row.id)).collect::<Vec<_>>(), ids);
    for (row, id) in rows.into_iter().zip(ids) {
        let key = store.find_instance(ALL, id).await.unwrap().unwrap().key;
        assert_eq!((row.place, row.sealed), (Place::n8n_key(id), key));
    }
}

async fn every_waiting_mail_is_listed_with_its_place(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    for (name, client) in [("anna", None), ("berta", Some(acme))] {
        store.create_invitation(ALL, invitation(name, client, name)).await.unwrap().unwrap();
    }
    assert!(store.queue_reset_request(request("carl", 0), 9).await.unwrap());
    let listed = rows(&store, ALL, Mails).await;
    let mut leased = lease(&store, 0).await;
    leased.sort_by_key(|mail| mail.lease.id);
    let leased: Vec<_> = leased
        .into_iter()
        .map(|leased| SealedRow {
            id: leased.lease.id.0,
            place: Place::mail(leased.mail.key),
            sealed: leased.mail.sealed,
        })
        .collect();
    assert_eq!((listed.len(), listed), (3, leased));
}

async fn text_is_replaced_once_and_nothing_else_changes(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    store.create_invitation(ALL, invitation("anna", None, "anna")).await.unwrap().unwrap();
    let before = store.find_client(ALL, acme).await.unwrap().unwrap();
    let turn = begin(&store, acme).await.turn;
    for column in [N8nKeys, Mails] {
        let row = rows(&store, ALL, column).await.remove(0);
        assert!(store.replace_sealed(ALL, column, &row, &text("v1:new:text")).await.unwrap());
        assert!(!store.replace_sealed(ALL, column, &row, &text("v1:late:text")).await.unwrap());
        let anew = SealedRow { sealed: text("v1:new:text"), ..row };
        assert_eq!(rows(&store, ALL, column).await, [anew]);
    }
    let after = store.find_client(ALL, acme).await.unwrap().unwrap();
    assert_eq!((after.updated_at, after.n8n_api_url), (before.updated_at, before.n8n_api_url));
    let renewed = store.renew_leases(ALL, &[turn], minute(9)).await.unwrap();
    assert_eq!(renewed, [turn], "a collection under way goes on");
    assert_eq!(lease(&store, 0).await[0].mail.sealed, text("v1:new:text"));
}

async fn newer_key_and_one_taken_away_are_not_written_over(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let row = rows(&store, ALL, N8nKeys).await.remove(0);
    for now in [Some(instance("https://newer.example.com")), None] {
        store.set_instance(ALL, acme, now.as_ref(), minute(1)).await.unwrap().unwrap();
        assert!(!store.replace_sealed(ALL, N8nKeys, &row, &text("v1:late:text")).await.unwrap());
        let kept = store.find_instance(ALL, acme).await.unwrap();
        assert_eq!(kept.map(|kept| kept.key), now.map(|now| now.key));
    }
    assert_eq!(rows(&store, ALL, N8nKeys).await, []);
}

async fn sealed_texts_of_another_client_are_out_of_reach(store: Arc<dyn Store>) {
    let (ours, theirs) = (configured(&store, "ours").await, configured(&store, "theirs").await);
    for (name, client) in [("anna", None), ("carl", Some(ours)), ("dora", Some(theirs))] {
        store.create_invitation(ALL, invitation(name, client, name)).await.unwrap().unwrap();
    }
    let scope = TenantScope::client(theirs);
    for column in [N8nKeys, Mails] {
        let all = rows(&store, ALL, column).await;
        let own = rows(&store, scope, column).await;
        assert_eq!((own.len(), own.last()), (1, all.last()), "theirs was made last");
        for row in &all {
            let replaced = store.replace_sealed(scope, column, row, &text("v1:new:text")).await.unwrap();
            assert_eq!(replaced, own.contains(row), "{column:?} {}", row.id);
        }
    }
}

suite! { $ sealed_contract in sealed:
    every_sealed_key_is_listed_with_its_place,
    every_waiting_mail_is_listed_with_its_place,
    text_is_replaced_once_and_nothing_else_changes,
    newer_key_and_one_taken_away_are_not_written_over,
    sealed_texts_of_another_client_are_out_of_reach,
}
