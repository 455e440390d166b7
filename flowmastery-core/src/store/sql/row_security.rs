//! The second wall between tenants: row-level security of Postgres, for hosts whose role is not the one that owns the tables.
//!
//! Every table with tenant data has a policy (migration 0007) that shows the rows of `flowmastery.scope`, which each transaction says for
//! itself, and none where nothing was said. Policies do not hold for the owner, so with one role nothing is said and nothing is asked.

use std::sync::{Arc, OnceLock};

use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    SqlStore,
    dialect::{self, Lock},
    fault::fault,
    pool::by_database,
    postgres::PostgresPool,
};
use crate::{
    access::scope::TenantScope,
    store::{StoreError, StoreResult},
};

/// Whether policies hold for the role of a pool. It is known once there are tables.
#[derive(Clone, Default)]
pub(super) struct RowSecurity(Arc<OnceLock<bool>>);

impl RowSecurity {
    /// What is known of it.
    pub(super) fn known(&self) -> Option<bool> {
        self.0.get().copied()
    }

    /// Asks the server, unless it is known.
    pub(super) async fn find_out(&self, db: &mut PgConnection) -> StoreResult<bool> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        // As Postgres decides it; from the catalogue, which every role may read.
        let sql = "SELECT NOT pg_has_role(c.relowner, 'USAGE') AND NOT r.rolbypassrls
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.rolname = current_user
                   WHERE n.nspname = $1 AND c.relname = 'clients'";
        let row: Option<(bool,)> =
            sqlx::query_as(sql).bind(dialect::SCHEMA).fetch_optional(db).await.map_err(fault)?;
        let Some((holds,)) = row else { return Ok(false) };
        Ok(*self.0.get_or_init(|| holds))
    }
}

/// The statement that begins a transaction inside a scope, in one round trip.
pub(super) fn begin_within(begin: &str, scope: TenantScope) -> String {
    let scope = scope.only().map_or_else(|| "all".to_owned(), |client| client.0.to_string());
    format!("{begin}; SET LOCAL flowmastery.scope = '{scope}'")
}

impl SqlStore {
    /// Lets the role of another store, which is on the same database, use the tables that the role of this one owns: read and write, but neither
    /// change nor make any; of the audit log only read, add, and remove what is old by the function that is there for it. To be called after every [`SqlStore::migrate_up`]. Nothing is done where both have one role, and on SQLite.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is away, [`StoreError::Internal`] when the role of this store does not own the tables.
    pub async fn admit(&self, application: &SqlStore) -> StoreResult<()> {
        let Some(PostgresPool { pool, row_security }) = application.pool.postgres() else { return Ok(()) };
        let mut db = pool.acquire().await.map_err(fault)?;
        if !row_security.find_out(&mut db).await? {
            return Ok(());
        }
        let (role,): (String,) =
            sqlx::query_as("SELECT quote_ident(current_user)").fetch_one(&mut *db).await.map_err(fault)?;
        drop(db);
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        if self.pool.postgres().is_some_and(|own| own.row_security.known() == Some(true)) {
            // Postgres would warn of it and grant nothing.
            return Err(StoreError::Internal("this role does not own the tables".into()));
        }
        // Postgres refuses one of two that grant at once.
        dialect::lock(&mut tx, Lock::Grants).await?;
        let grants = sqlx::raw_sql(AssertSqlSafe(GRANTS.replace("{role}", &role)));
        by_database!(tx.db(), |pg| grants.execute(pg).await.map(drop), |_| Ok(())).map_err(fault)?;
        tx.commit().await
    }
}

const GRANTS: &str = "
    GRANT USAGE ON SCHEMA flowmastery TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA flowmastery TO {role};
    REVOKE INSERT, UPDATE, DELETE ON flowmastery._flowmastery_migrations FROM {role};
    REVOKE UPDATE, DELETE ON flowmastery.audit_log FROM {role};
    GRANT EXECUTE ON FUNCTION flowmastery.remove_old_audit TO {role};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA flowmastery TO {role};";
