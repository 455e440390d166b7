//! The schema: embedded migrations, applied and undone under a lock, so that several processes may try at once.
//!
//! The table of applied migrations and, on Postgres, the schema are our own: a host's migrations never meet ours. Postgres has
//! sqlx's advisory lock, on a connection that is closed afterwards; SQLite a lock on a file beside the database.

use sqlx::migrate::MigrateError;

use super::{
    SqlStore, dialect,
    fault::fault,
    pool::{fetch_all, on_either},
};
use crate::{
    access::scope::TenantScope,
    store::{StoreError, StoreResult},
};

/// What the table of applied migrations is called, on SQLite; on Postgres it is in our schema.
pub(super) const TABLE: &str = "_flowmastery_migrations";

/// One migration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// What it makes.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// Which way to migrate.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Up,
    DownTo(i64),
}

impl SqlStore {
    /// Applies every migration that is not applied yet, creating the schema first.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a newer FlowMastery migrated the database, or a migration is not the one that was applied;
    /// nothing is changed then.
    pub async fn migrate_up(&self) -> StoreResult<()> {
        self.migrate(Way::Up).await
    }

    /// Undoes the newest applied migration, or every one above a version (0: all of them). The data that they held is lost.
    ///
    /// # Errors
    /// As [`SqlStore::migrate_up`].
    pub async fn migrate_down(&self, target: Option<i64>) -> StoreResult<()> {
        let applied = self.applied().await?;
        let Some(newest) = applied.iter().max() else { return Ok(()) };
        let below = applied.iter().filter(|version| *version < newest).max();
        self.migrate(Way::DownTo(target.unwrap_or(below.copied().unwrap_or(0)))).await
    }

    /// Every known migration, ascending, and whether it is applied; applied ones that are not known here have no name.
    pub async fn migration_status(&self) -> StoreResult<Vec<MigrationStatus>> {
        let applied = self.applied().await?;
        let migrator = on_either!(Pool, &self.pool, pool => pool.migrator());
        let known = migrator.iter().filter(|migration| migration.migration_type.is_up_migration());
        let mut all: Vec<_> = known
            .map(|migration| MigrationStatus {
                version: migration.version,
                name: migration.description.to_string(),
                applied: applied.contains(&migration.version),
            })
            .collect();
        let unknown = applied.into_iter().filter(|version| !migrator.version_exists(*version));
        all.extend(unknown.map(|version| MigrationStatus { version, name: String::new(), applied: true }));
        Ok(all)
    }

    async fn applied(&self) -> StoreResult<Vec<i64>> {
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        if !dialect::has_migrations(conn.db()).await? {
            return Ok(Vec::new());
        }
        let rows: Vec<(i64,)> = fetch_all!(
            conn.db(),
            "SELECT version FROM _flowmastery_migrations WHERE success ORDER BY version"
        )?;
        Ok(rows.into_iter().map(|(version,)| version).collect())
    }

    async fn migrate(&self, way: Way) -> StoreResult<()> {
        on_either!(Pool, &self.pool, pool => pool.migrate(way).await)
    }
}

/// What a migration's error means for the caller.
pub(super) fn fault_of(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => fault(error),
        MigrateError::VersionMissing(_) => StoreError::Conflict(
            "a newer FlowMastery migrated this database: start that version, or restore a back-up",
        ),
        MigrateError::VersionMismatch(_) => StoreError::Conflict(
            "a migration of this FlowMastery is not the one that was applied to the database",
        ),
        error => StoreError::Internal(error.into()),
    }
}
