//! Rollups in SQL: the sums per bucket, workflow and class, at every width.

use std::collections::HashSet;

use serde::Serialize;
use sqlx::FromRow;

use super::{
    dialect::{self, Standing},
    fault::corrupt,
    ledger::Ledger,
};
use crate::{
    model::{
        rollup::{FastMap, Fold, Tally, Width},
        sketch::Sketch,
    },
    store::StoreResult,
};

/// Of so many rows it pays to ask first which of their buckets hold anything.
const MANY: usize = 256;

/// Which row of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(super) struct RollupKey {
    pub(super) width: i16,
    pub(super) bucket: i64,
    pub(super) workflow_id: String,
    pub(super) class: i16,
}

#[derive(FromRow)]
pub(super) struct RollupRow {
    pub(super) width: i16,
    pub(super) bucket: i64,
    pub(super) workflow_id: String,
    pub(super) class: i16,
    pub(super) new_count: i64,
    pub(super) running_count: i64,
    pub(super) waiting_count: i64,
    pub(super) success_count: i64,
    pub(super) error_count: i64,
    pub(super) crashed_count: i64,
    pub(super) canceled_count: i64,
    pub(super) unknown_count: i64,
    pub(super) duration_sum_ms: i64,
    pub(super) sketch: Vec<u8>,
}

impl RollupRow {
    fn new(key: RollupKey, tally: &Tally) -> StoreResult<Self> {
        // A sum that went below zero means that ledger and rollups no longer agree.
        let sketch =
            tally.sketch().to_bytes().map_err(|_| corrupt("rollups of", &key.workflow_id, "sketch"))?;
        let [
            new_count,
            running_count,
            waiting_count,
            success_count,
            error_count,
            crashed_count,
            canceled_count,
            unknown_count,
        ] = *tally.counts();
        Ok(Self {
            width: key.width,
            bucket: key.bucket,
            workflow_id: key.workflow_id,
            class: key.class,
            new_count,
            running_count,
            waiting_count,
            success_count,
            error_count,
            crashed_count,
            canceled_count,
            unknown_count,
            duration_sum_ms: tally.duration_sum_millis(),
            sketch,
        })
    }

    /// The counts in the order of the columns, and the sum of the durations.
    pub(super) fn numbers(&self) -> [i64; 9] {
        [
            self.new_count,
            self.running_count,
            self.waiting_count,
            self.success_count,
            self.error_count,
            self.crashed_count,
            self.canceled_count,
            self.unknown_count,
            self.duration_sum_ms,
        ]
    }

    pub(super) fn split(self) -> StoreResult<(RollupKey, Tally)> {
        let [counts @ .., duration_sum] = self.numbers();
        let Self { width, bucket, workflow_id, class, sketch, .. } = self;
        let sketch =
            Sketch::from_bytes(&sketch).map_err(|_| corrupt("rollups of", &workflow_id, "sketch"))?;
        let tally = Tally::from_parts(counts, duration_sum, sketch);
        Ok((RollupKey { width, bucket, workflow_id, class }, tally))
    }
}

impl Ledger {
    /// Adds differences to the rows of every width; rows that become empty go.
    pub(super) async fn roll_up(&mut self, mut tallies: Tallies) -> StoreResult<()> {
        if tallies.is_empty() {
            return Ok(());
        }
        let mut stored = HashSet::new();
        for row in self.stored_rollups(&tallies).await? {
            let (key, before) = row.split()?;
            if let Some(tally) = tallies.get_mut(&key) {
                tally.merge(&before);
            }
            stored.insert(key);
        }
        let mut tallies: Vec<_> = tallies.into_iter().collect();
        // In the order of the table, whose neighbours are written fastest together.
        tallies.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (mut new, mut changed, mut empty) = (Vec::with_capacity(tallies.len()), Vec::new(), Vec::new());
        for (key, tally) in tallies {
            match (tally.is_zero(), stored.contains(&key)) {
                (true, true) => empty.push(key),
                (true, false) => {}
                (false, true) => changed.push(RollupRow::new(key, &tally)?),
                (false, false) => new.push(RollupRow::new(key, &tally)?),
            }
        }
        dialect::write_rollups(&mut self.tx, self.client, new, Standing::New { copies: self.copies }).await?;
        dialect::write_rollups(&mut self.tx, self.client, changed, Standing::Stored).await?;
        if !empty.is_empty() {
            dialect::delete_rollups(&mut self.tx, self.client, &empty).await?;
        }
        Ok(())
    }

    /// The rows that are there. In a back-fill most buckets hold nothing yet, and none of their rows is looked for.
    async fn stored_rollups(&mut self, tallies: &Tallies) -> StoreResult<Vec<RollupRow>> {
        let mut keys: Vec<_> = tallies.keys().cloned().collect();
        if keys.len() >= MANY {
            let mut buckets: Vec<_> = keys.iter().map(RollupKey::place).collect();
            buckets.sort_unstable();
            buckets.dedup();
            let filled = dialect::filled_buckets(&mut self.tx, self.client, &buckets).await?;
            let filled: HashSet<_> = filled.into_iter().collect();
            keys.retain(|key| filled.contains(&key.place()));
        }
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        dialect::read_rollups(&mut self.tx, self.client, &keys).await
    }
}

impl RollupKey {
    fn place(&self) -> (i16, i64) {
        (self.width, self.bucket)
    }
}

/// Differences per row of every width.
pub(super) type Tallies = FastMap<RollupKey, Tally>;

/// The differences of a fold per row of every width.
pub(super) fn widen(fold: &Fold) -> Tallies {
    let mut tallies = Tallies::default();
    for (bucket, delta) in fold.deltas() {
        for width in Width::ALL {
            let key = RollupKey {
                width: width.code(),
                bucket: width.floor(bucket.start).as_millis(),
                workflow_id: bucket.workflow_id.as_str().to_owned(),
                class: bucket.class.code(),
            };
            tallies.entry(key).or_default().merge(delta);
        }
    }
    tallies.retain(|_, tally| !tally.is_zero());
    tallies
}
