//! The contract of [`crate::store::OriginStore`], as far as every database has it: on SQLite there is one host.

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::store::Store;

const ORIGIN: &str = "https://n8n.acme.com";

async fn slot_is_taken_kept_and_freed_by_its_holder(store: Arc<dyn Store>) {
    for minutes in [0, 1] {
        assert!(store.take_origin(ORIGIN, "ours", term(minute(minutes))).await.unwrap());
        assert!(store.keep_origin(ORIGIN, "ours", minute(9)).await.unwrap());
        assert!(
            store.take_origin(ORIGIN, "ours", term(minute(minutes))).await.unwrap(),
            "what was not freed is one's own"
        );
        store.free_origin(ORIGIN, "ours").await.unwrap();
    }
    assert!(store.take_origin(ORIGIN, "theirs", term(minute(1))).await.unwrap());
    store.free_origin(ORIGIN, "ours").await.unwrap();
    assert!(store.keep_origin(ORIGIN, "theirs", minute(9)).await.unwrap());
}

async fn slots_of_two_origins_are_two(store: Arc<dyn Store>) {
    assert!(store.take_origin(ORIGIN, "ours", term(minute(0))).await.unwrap());
    assert!(store.take_origin("https://n8n.acme.com:8443", "theirs", term(minute(0))).await.unwrap());
}

suite! { $ origin_contract in origin:
    slot_is_taken_kept_and_freed_by_its_holder,
    slots_of_two_origins_are_two,
}
