//! The contract of the store, on both databases and on Postgres with two roles, each case on a database of its own.

use std::sync::Arc;

use flowmastery_core::store::{
    Store,
    sql::{SqlConfig, SqlStore},
};

mod sqlite {
    use super::*;

    async fn on_fresh_store(case: impl AsyncFnOnce(Arc<dyn Store>)) {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("store.db").display());
        let store = SqlStore::connect(&SqlConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        case(Arc::new(store.clone())).await;
        store.close().await;
    }

    flowmastery_core::store_contract!(on_fresh_store);
}

mod sqlite_in_memory {
    use super::*;

    async fn on_fresh_store(case: impl AsyncFnOnce(Arc<dyn Store>)) {
        let store = SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.unwrap();
        store.migrate_up().await.unwrap();
        case(Arc::new(store)).await;
    }

    flowmastery_core::store_contract!(on_fresh_store);
}

mod postgres {
    use flowmastery_tests::postgres::Database;

    use super::*;

    async fn on_fresh_store(case: impl AsyncFnOnce(Arc<dyn Store>)) {
        let database = Database::migrated().await;
        on_store_at(database.url(), case).await;
        database.remove().await;
    }

    flowmastery_core::store_contract!(on_fresh_store);
}

mod postgres_with_two_roles {
    use flowmastery_tests::postgres::Database;

    use super::*;

    async fn on_fresh_store(case: impl AsyncFnOnce(Arc<dyn Store>)) {
        let database = Database::migrated().await;
        on_store_at(database.application_url(), case).await;
        database.remove().await;
    }

    flowmastery_core::store_contract!(on_fresh_store);
}

async fn on_store_at(url: String, case: impl AsyncFnOnce(Arc<dyn Store>)) {
    let store = SqlStore::connect(&SqlConfig::new(url)).await.unwrap();
    case(Arc::new(store.clone())).await;
    store.close().await;
}
