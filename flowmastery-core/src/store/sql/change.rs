//! The feed of changes in SQL. Triggers write it; see the migration `changes`.

use async_trait::async_trait;

use super::{
    SqlStore,
    dialect::{self, Lock},
    pool::execute,
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, SessionId, UserId},
    store::{Change, ChangeStore, Changes, FeedPosition, StoreError, StoreResult},
};

/// A row of the feed: what is seen with it, the life of the database, whether nothing was missed, and a change, if there is one.
pub(super) type ChangeRow = (String, Option<String>, Option<bool>, Option<i16>, Option<i64>);

/// `None` for a kind that a newer host notes: this one remembers nothing of it.
fn change(kind: i16, subject: i64) -> Option<Change> {
    match kind {
        0 => Some(Change::User(UserId(subject))),
        1 => Some(Change::Session(SessionId(subject))),
        2 => Some(Change::Client(ClientId(subject))),
        _ => None,
    }
}

#[async_trait]
impl ChangeStore for SqlStore {
    async fn read_changes(&self, since: Option<&FeedPosition>) -> StoreResult<Changes> {
        if let Some(read) = self.read_in_life(since).await? {
            return Ok(read);
        }
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        dialect::begin_life(tx.db()).await?;
        tx.commit().await?;
        let read = self.read_in_life(since).await?;
        read.ok_or_else(|| StoreError::Unavailable("the database crashed again".into()))
    }

    async fn prune_changes(&self, before: Timestamp, rows: u32) -> StoreResult<bool> {
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        // Two that prune would each set the horizon to what they saw; one is enough.
        if !dialect::try_lock(&mut tx, Lock::Changes).await? {
            return Ok(false);
        }
        dialect::move_change_horizon(&mut tx, before, rows).await?;
        let gone = execute!(
            tx.db(),
            "DELETE FROM changes WHERE position <= (SELECT pruned_to FROM change_horizon)",
        )?;
        tx.commit().await?;
        Ok(gone >= u64::from(rows))
    }
}

impl SqlStore {
    /// `None` when nobody has read since the database began to live or crashed.
    async fn read_in_life(&self, since: Option<&FeedPosition>) -> StoreResult<Option<Changes>> {
        let rows = dialect::read_changes(self.pool.read(TenantScope::ALL).await?.db(), since).await?;
        let Some((seen, life, complete, ..)) = rows.first().cloned() else {
            return Err(StoreError::Corrupt("change_horizon has no row".to_owned()));
        };
        let Some(life) = life else { return Ok(None) };
        let changes = rows.iter().filter_map(|row| change(row.3?, row.4?)).collect();
        Ok(Some(Changes { position: FeedPosition { seen, life }, changes, complete: complete == Some(true) }))
    }
}
