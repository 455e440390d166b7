//! A fresh store on either database, and the macro that runs a case on both.

use std::sync::Arc;

use flowmastery_core::store::{
    Store,
    sql::{SqlConfig, SqlStore},
};
use tempfile::TempDir;

use crate::postgres::Database;

/// Which database.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    /// A file in a temporary directory.
    Sqlite,
    /// A database of the throw-away server.
    Postgres,
}

/// A store with its schema and nothing else, for as long as this lives.
#[derive(Clone, Debug)]
pub struct FreshStore {
    /// The store.
    pub store: Arc<dyn Store>,
    _directory: Option<Arc<TempDir>>,
}

impl From<SqlStore> for FreshStore {
    /// A store that was made elsewhere.
    fn from(store: SqlStore) -> Self {
        Self { store: Arc::new(store), _directory: None }
    }
}

impl Backend {
    /// A fresh store. The databases of Postgres go with their server.
    pub async fn store(self) -> FreshStore {
        match self {
            Self::Sqlite => {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let url = format!("sqlite://{}", directory.path().join("store.db").display());
                let store = SqlStore::connect(&SqlConfig::new(url)).await.expect("a new database");
                store.migrate_up().await.expect("the migrations apply");
                FreshStore { store: Arc::new(store), _directory: Some(Arc::new(directory)) }
            }
            Self::Postgres => {
                let url = Database::migrated().await.url();
                let store = SqlStore::connect(&SqlConfig::new(url)).await.expect("a new database");
                store.into()
            }
        }
    }
}

/// Makes each case, an `async fn(Backend)` of the calling module, a test on SQLite and one on Postgres.
#[macro_export]
macro_rules! both_backends {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::backend::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::backend::Backend::Postgres).await;
            })+
        }
    };
}
