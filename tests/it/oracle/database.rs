//! The database that all cases share, and its rows as they stand.

use std::{path::Path, sync::Arc};

use flowmastery_core::{
    clock::Timestamp,
    id::ClientId,
    model::{
        execution::{Execution, Status},
        rollup::Width,
    },
    store::{
        Store,
        sql::{SqlConfig, SqlStore},
    },
};
use flowmastery_tests::postgres::Database;
use sqlx::{FromRow, PgPool, SqlitePool};
use tempfile::TempDir;

/// A store, and another way to what is in it.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    rows: Rows,
    _directory: Option<TempDir>,
}

enum Rows {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A stored execution.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) epoch: i64,
    pub(crate) execution: Execution,
    pub(crate) bucket: Timestamp,
}

impl Row {
    /// Whether it counts where it started, if it has.
    pub(crate) fn is_in_its_bucket(&self) -> bool {
        self.execution.started_at.is_none_or(|start| Width::Quarter.floor(start) == self.bucket)
    }
}

#[derive(FromRow)]
struct StoredRow {
    epoch: i64,
    execution_id: i64,
    workflow_id: String,
    status: i16,
    mode: String,
    started_at: Option<i64>,
    stopped_at: Option<i64>,
    retry_of: Option<i64>,
    retry_success_id: Option<i64>,
    bucket: i64,
}

impl From<StoredRow> for Row {
    fn from(row: StoredRow) -> Self {
        let execution = Execution {
            id: flowmastery_core::id::ExecutionId(row.execution_id),
            workflow_id: row.workflow_id.as_str().into(),
            status: Status::ALL[row.status as usize],
            mode: row.mode.as_str().into(),
            started_at: row.started_at.map(Timestamp::from_millis),
            stopped_at: row.stopped_at.map(Timestamp::from_millis),
            retry_of: row.retry_of.map(flowmastery_core::id::ExecutionId),
            retry_success_id: row.retry_success_id.map(flowmastery_core::id::ExecutionId),
        };
        Self { epoch: row.epoch, execution, bucket: Timestamp::from_millis(row.bucket) }
    }
}

impl Shared {
    pub(crate) async fn sqlite() -> Self {
        // In memory where the system has such a directory: thousands of transactions need not wait for a disk.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let directory = directory.unwrap();
        let url = format!("sqlite://{}", directory.path().join("oracle.db").display());
        let store = SqlStore::connect(&SqlConfig::new(url.clone())).await.unwrap();
        store.migrate_up().await.unwrap();
        let rows = Rows::Sqlite(SqlitePool::connect(&url).await.unwrap());
        Self { store: Arc::new(store), rows, _directory: Some(directory) }
    }

    pub(crate) async fn postgres() -> Self {
        Self::postgres_at(&Database::migrated().await.url()).await
    }

    /// A database that others are at, too.
    pub(crate) async fn postgres_at(url: &str) -> Self {
        let store = SqlStore::connect(&SqlConfig::new(url)).await.unwrap();
        let rows = Rows::Postgres(PgPool::connect(url).await.unwrap());
        Self { store: Arc::new(store), rows, _directory: None }
    }

    /// The stored executions of a client.
    pub(crate) async fn rows(&self, client: ClientId) -> Vec<Row> {
        let rows: Vec<StoredRow> = match &self.rows {
            Rows::Sqlite(pool) => sqlx::query_as("SELECT * FROM executions WHERE client_id = $1")
                .bind(client.0)
                .fetch_all(pool)
                .await
                .unwrap(),
            Rows::Postgres(pool) => {
                sqlx::query_as("SELECT * FROM flowmastery.executions WHERE client_id = $1")
                    .bind(client.0)
                    .fetch_all(pool)
                    .await
                    .unwrap()
            }
        };
        rows.into_iter().map(Row::from).collect()
    }
}
