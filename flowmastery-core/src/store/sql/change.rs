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

/// A row of the feed; one without a change says only where to go on, and whether nothing was missed.
pub(super) type ChangeRow = (String, Option<bool>, Option<i16>, Option<i64>);

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
        let since = since.map(|position| position.0.as_str());
        let rows = dialect::read_changes(self.pool.read(TenantScope::ALL).await?.db(), since).await?;
        let Some((position, complete, ..)) = rows.first().cloned() else {
            return Err(StoreError::Corrupt("change_horizon has no row".to_owned()));
        };
        let changes = rows.iter().filter_map(|row| change(row.2?, row.3?)).collect();
        Ok(Changes { position: FeedPosition(position), changes, complete: complete == Some(true) })
    }

    async fn prune_changes(&self, before: Timestamp, rows: u32) -> StoreResult<bool> {
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        // Two that prune would each set the horizon to what they saw.
        dialect::lock(&mut tx, Lock::Changes).await?;
        dialect::move_change_horizon(&mut tx, before, rows).await?;
        let gone = execute!(
            tx.db(),
            "DELETE FROM changes WHERE position <= (SELECT pruned_to FROM change_horizon)",
        )?;
        tx.commit().await?;
        Ok(gone >= u64::from(rows))
    }
}
