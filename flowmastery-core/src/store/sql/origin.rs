//! Slots of origins in SQL.

use std::time::Duration;

use async_trait::async_trait;

use super::{SqlStore, pool::execute};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    store::{OriginStore, StoreResult, Term},
};

/// How long a slot is kept for the one who is next and has to ask again.
const NEXT: Duration = Duration::from_millis(500);

#[async_trait]
impl OriginStore for SqlStore {
    async fn take_origin(&self, origin: &str, holder: &str, term: Term) -> StoreResult<bool> {
        if !self.pool.is_shared() {
            return Ok(true);
        }
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        let taken = execute!(
            tx.db(),
            "INSERT INTO origins AS o (origin, holder, held_until) VALUES ($1, $2, $3)
             ON CONFLICT (origin) DO UPDATE SET holder = $2, held_until = $3, next_holder = NULL
             WHERE (o.held_until <= $4 OR o.holder = $2)
                 AND (o.next_holder IS NULL OR o.next_holder = $2 OR o.next_until <= $4)",
            origin,
            holder,
            term.until,
            term.now,
        )?;
        if taken == 0 {
            execute!(
                tx.db(),
                "UPDATE origins SET next_holder = $2, next_until = $3
                 WHERE origin = $1 AND (next_holder IS NULL OR next_holder = $2 OR next_until <= $4)",
                origin,
                holder,
                term.now.plus(NEXT),
                term.now,
            )?;
        }
        tx.commit().await?;
        Ok(taken > 0)
    }

    async fn keep_origin(&self, origin: &str, holder: &str, until: Timestamp) -> StoreResult<bool> {
        if !self.pool.is_shared() {
            return Ok(true);
        }
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        // A Postgres that crashed has forgotten who held what.
        let kept = execute!(
            tx.db(),
            "INSERT INTO origins AS o (origin, holder, held_until) VALUES ($1, $2, $3)
             ON CONFLICT (origin) DO UPDATE SET held_until = $3 WHERE o.holder = $2",
            origin,
            holder,
            until,
        )?;
        tx.commit().await?;
        Ok(kept > 0)
    }

    async fn free_origin(&self, origin: &str, holder: &str) -> StoreResult<()> {
        if !self.pool.is_shared() {
            return Ok(());
        }
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        let gone = execute!(
            tx.db(),
            "DELETE FROM origins WHERE origin = $1 AND holder = $2 AND next_holder IS NULL",
            origin,
            holder,
        )?;
        if gone == 0 {
            execute!(
                tx.db(),
                "UPDATE origins SET held_until = CASE WHEN holder = $2 THEN 0 ELSE held_until END,
                     next_holder = CASE WHEN next_holder = $2 THEN NULL ELSE next_holder END
                 WHERE origin = $1 AND (holder = $2 OR next_holder = $2)",
                origin,
                holder,
            )?;
        }
        tx.commit().await
    }
}
