//! A store that breaks its contract: the database's triggers are gone, so nothing tells readers of a change.

use std::sync::Arc;

use flowmastery_core::{
    store::{
        Store,
        sql::{SqlConfig, SqlStore},
    },
    testing::contract::{change::cases as change, user::cases as user},
};
use sqlx::{Connection, SqliteConnection};

use super::fails;

#[tokio::test]
async fn a_store_that_tells_no_changes_is_caught_and_only_at_that() {
    let directory = tempfile::tempdir().unwrap();
    let without_triggers = async |name: &str| {
        let url = format!("sqlite://{}", directory.path().join(name).display());
        let store = SqlStore::connect(&SqlConfig::new(url.clone())).await.unwrap();
        store.migrate_up().await.unwrap();
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let triggers: Vec<String> =
            sqlx::query_scalar("SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        assert!(!triggers.is_empty());
        for drop in triggers {
            sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
        }
        let store: Arc<dyn Store> = Arc::new(store);
        store
    };
    assert!(fails(change::changes_of_users_are_in_the_feed(without_triggers("first").await)).await);
    assert!(!fails(user::admin_is_stored_as_given(without_triggers("second").await)).await);
}
