//! SQLite: one writer, behind which writing transactions queue in order, and several readers; an in-memory database is one connection
//! that never closes.

use std::{
    fs::File,
    path::{Path, PathBuf},
    str::FromStr,
    sync::LazyLock,
    time::Duration,
};

use secrecy::ExposeSecret;
use sqlx::{
    AssertSqlSafe, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteError, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    SqlConfig,
    fault::fault,
    migrate::{self, Way},
    pool::Tx,
};
use crate::{
    access::scope::TenantScope,
    store::{StoreError, StoreResult},
};

/// How long SQLite waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A commit waits until it, and all before it, is on the disk.
const ON_DISK: &str = "PRAGMA synchronous = FULL";
/// A commit is in the write-ahead log, which the system writes in its own time.
const IN_LOG: &str = "PRAGMA synchronous = NORMAL";

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/sqlite");
    migrator.dangerous_set_table_name(migrate::TABLE);
    migrator
});

/// The connections to one SQLite file.
#[derive(Clone)]
pub(super) struct SqlitePools {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl SqlitePools {
    pub(super) async fn connect(config: &SqlConfig) -> StoreResult<Self> {
        let url = config.url.expose_secret();
        let options = SqliteConnectOptions::from_str(url)
            .map_err(fault)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(config.acquire_timeout)
                .idle_timeout(config.idle_timeout)
                .max_lifetime(config.max_lifetime)
        };
        if url.contains(":memory:") || url.contains("mode=memory") {
            let only = pool(1).min_connections(1).idle_timeout(None).max_lifetime(None);
            let only = only.connect_with(options).await.map_err(fault)?;
            return Ok(Self { readers: only.clone(), writer: only });
        }
        make_private(options.get_filename());
        // The writer first: it makes the database and turns the write-ahead log on, for which SQLite waits for no other process that does the same.
        let is_new = options.get_filename().metadata().is_ok_and(|file| file.len() == 0);
        let lock = if is_new { lock_beside(options.get_filename().to_owned()).await? } else { None };
        let writer = pool(1).connect_with(options.clone()).await.map_err(fault)?;
        drop(lock);
        let readers = pool(config.max_connections).connect_with(options).await.map_err(fault)?;
        Ok(Self { readers, writer })
    }

    pub(super) fn kind(&self) -> &'static str {
        "sqlite"
    }

    /// The lock of the host keeps a second one off the file.
    pub(super) fn is_shared(&self) -> bool {
        false
    }

    pub(super) async fn read(&self, _: TenantScope) -> StoreResult<Tx> {
        Ok(Tx::LiteAlone(self.readers.acquire().await.map_err(fault)?))
    }

    pub(super) async fn write(&self, _: TenantScope) -> StoreResult<Tx> {
        self.write_with(ON_DISK).await
    }

    pub(super) async fn begin(&self, _: TenantScope) -> StoreResult<Tx> {
        self.begin_with(ON_DISK).await
    }

    /// What is collected does not wait for the disk. A machine that loses its power may come up without the last of it, and with it without all that
    /// was written later, so that it goes on from an earlier instant of the whole database and asks n8n again. On Postgres that would not do:
    /// the host goes on when the database has lost what the host takes for stored.
    pub(super) async fn write_collected(&self) -> StoreResult<Tx> {
        self.write_with(IN_LOG).await
    }

    pub(super) async fn begin_collected(&self) -> StoreResult<Tx> {
        self.begin_with(IN_LOG).await
    }

    async fn write_with(&self, durability: &'static str) -> StoreResult<Tx> {
        let mut writer = self.writer.acquire().await.map_err(fault)?;
        sqlx::query(durability).execute(&mut *writer).await.map_err(fault)?;
        Ok(Tx::LiteAlone(writer))
    }

    async fn begin_with(&self, durability: &'static str) -> StoreResult<Tx> {
        // It takes the write lock at once: a transaction that reads first could not be upgraded when somebody else wrote meanwhile.
        let begin = AssertSqlSafe(format!("{durability}; BEGIN IMMEDIATE"));
        Ok(Tx::Lite(self.writer.begin_with(begin).await.map_err(fault)?))
    }

    pub(super) async fn snapshot(&self, _: TenantScope) -> StoreResult<Tx> {
        Ok(Tx::Lite(self.readers.begin().await.map_err(fault)?))
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) fn migrator(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    pub(super) async fn migrate(&self, way: Way) -> StoreResult<()> {
        let _lock = lock_beside(self.writer.connect_options().get_filename().to_owned()).await?;
        match way {
            Way::Up => MIGRATIONS.run(&self.writer).await,
            Way::DownTo(target) => MIGRATIONS.undo(&self.writer, target).await,
        }
        .map_err(migrate::fault_of)
    }
}

/// Whether the same statement may well succeed a little later.
pub(super) fn is_outage(error: &SqliteError) -> bool {
    use sqlx::error::DatabaseError;
    // The low byte of an extended code is the primary one: busy, locked, input/output, cannot open.
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 14))
}

/// Makes a missing database file readable for its owner only; SQLite gives the files beside it the same mode.
#[cfg(unix)]
fn make_private(file: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    // Where this fails the file is there, or SQLite fails as well and says why.
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
}

#[cfg(not(unix))]
fn make_private(_: &Path) {}

/// A lock between processes on a file beside a SQLite database, held until the file is dropped; an in-memory database needs none,
/// having one connection.
async fn lock_beside(database: PathBuf) -> StoreResult<Option<File>> {
    if !database.is_file() {
        return Ok(None);
    }
    let mut path = database.into_os_string();
    path.push("-migrate.lock");
    let lock = move || {
        let file = File::options().create(true).append(true).open(path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    let locked =
        tokio::task::spawn_blocking(lock).await.map_err(|error| StoreError::Internal(error.into()))?;
    locked.map(Some).map_err(|error| StoreError::Unavailable(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::pool::on_either;

    #[cfg(unix)]
    #[tokio::test]
    async fn a_new_database_file_is_private_and_an_old_one_keeps_its_mode() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("store.db");
        let config = SqlConfig::new(format!("sqlite://{}", file.display()));
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        SqlitePools::connect(&config).await.unwrap().close().await;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        SqlitePools::connect(&config).await.unwrap().close().await;
        assert_eq!(mode(), 0o640);
    }

    #[tokio::test]
    async fn only_what_is_collected_does_not_wait_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("store.db");
        let pools =
            SqlitePools::connect(&SqlConfig::new(format!("sqlite://{}", file.display()))).await.unwrap();
        let all = TenantScope::ALL;
        let level = async |tx: StoreResult<Tx>| -> i64 {
            let mut tx = tx.unwrap();
            on_either!(Db, tx.db(), db => sqlx::query_scalar("PRAGMA synchronous").fetch_one(db).await.unwrap())
        };
        let (normal, full) = (1, 2);
        // Whatever was before it on the connection.
        for _ in 0..2 {
            assert_eq!(level(pools.begin_collected().await).await, normal);
            assert_eq!(level(pools.begin(all).await).await, full);
            assert_eq!(level(pools.write_collected().await).await, normal);
            assert_eq!(level(pools.write(all).await).await, full);
        }
    }
}
