//! The FlowMastery that is imported into, with every row that it has.

use std::{collections::BTreeMap, sync::Arc};

use flowmastery_core::{
    access::actor::Actor,
    id::UserId,
    model::{
        audit::{AuditAction, AuditFilter},
        import::{ImportKind, ImportReport},
    },
    page::PageRequest,
    service::import::ImportRequest,
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::{
    backend::{Backend, FreshStore},
    postgres::Database,
    world::World,
};
use n8n_simulator::InProcessN8n;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::python::{Python, SECRET_KEY};

/// Every row of every table, as text; but for the audit log, which says whenever an import began.
pub(super) type Rows = BTreeMap<String, Vec<String>>;

pub(super) struct Target {
    pub(super) world: World,
    backend: Backend,
    url: String,
    _directory: TempDir,
}

impl Target {
    /// One whose clients' n8n give no answer.
    pub(super) async fn new(backend: Backend) -> Self {
        Self::with_n8n(backend, InProcessN8n::new()).await
    }

    pub(super) async fn with_n8n(backend: Backend, n8n: InProcessN8n) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}", directory.path().join("target.db").display()),
            Backend::Postgres => Database::migrated().await.url(),
        };
        let store = SqlStore::connect(&SqlConfig::new(url.clone())).await.unwrap();
        store.migrate_up().await.unwrap();
        let world = World::with(FreshStore::from(store), |builder| builder.n8n(Arc::new(n8n))).await;
        Self { world, backend, url, _directory: directory }
    }

    pub(super) async fn import(&self, python: &Python) -> ImportReport {
        self.run(python, applied()).await
    }

    pub(super) async fn run(&self, python: &Python, request: ImportRequest) -> ImportReport {
        let source = python.source().await;
        self.world.app.imports().from_python(&source, request).await.unwrap()
    }

    pub(super) async fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        match self.backend {
            Backend::Sqlite => {
                let mut database = SqliteConnection::connect(&self.url).await.unwrap();
                let columns: Vec<(String, String)> = sqlx::query_as(
                    "SELECT t.name, group_concat('quote(' || c.name || ')', ' || '','' || ')
                     FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' GROUP BY t.name",
                )
                .fetch_all(&mut database)
                .await
                .unwrap();
                for (table, columns) in columns {
                    let sql = format!("SELECT {columns} FROM {table} ORDER BY 1");
                    let all: Vec<(String,)> =
                        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut database).await.unwrap();
                    rows.insert(table, all.into_iter().map(|(row,)| row).collect());
                }
            }
            Backend::Postgres => {
                let mut database = PgConnection::connect(&self.url).await.unwrap();
                let tables: Vec<(String,)> =
                    sqlx::query_as("SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'flowmastery'")
                        .fetch_all(&mut database)
                        .await
                        .unwrap();
                for (table,) in tables {
                    let sql = format!("SELECT CAST(t AS TEXT) FROM flowmastery.{table} t ORDER BY 1");
                    let all: Vec<(String,)> =
                        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut database).await.unwrap();
                    rows.insert(table, all.into_iter().map(|(row,)| row).collect());
                }
            }
        }
        rows.remove("audit_log").unwrap();
        rows
    }

    /// How many imports the audit log has.
    pub(super) async fn imports_noted(&self) -> usize {
        let filter = AuditFilter { action: Some(AuditAction::ImportBegun), ..AuditFilter::default() };
        let admin = Actor::admin(UserId(1));
        self.world.app.audit().list(admin, &filter, PageRequest::default()).await.unwrap().items.len()
    }
}

/// An import with the right SECRET_KEY.
pub(super) fn applied() -> ImportRequest {
    ImportRequest { apply: true, secret_key: Some(SECRET_KEY.into()), ..ImportRequest::rehearsal() }
}

/// Found, imported, present and skipped records of a kind.
pub(super) fn counts(report: &ImportReport, kind: ImportKind) -> [u64; 4] {
    let count = report.counts[&kind];
    [count.found, count.imported, count.present, count.skipped]
}

/// Whether a fault or a notice about a record has this in it.
#[track_caller]
pub(super) fn assert_said(report: &ImportReport, is_fault: bool, about: &str, part: &str) {
    let said = report.remarks.iter().any(|remark| {
        remark.is_fault == is_fault && remark.to_string().contains(about) && remark.text.contains(part)
    });
    assert!(said, "{part:?} of {about}; there were: {:#?}", report.remarks);
}
