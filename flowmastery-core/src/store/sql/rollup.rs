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
        rollup::{BucketKey, FastMap, Fold, Tally, Width},
        sketch::{Sketch, SketchError},
        workflow::WorkflowId,
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
    pub(super) workflow_id: WorkflowId,
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
    pub(super) fn split(self) -> StoreResult<(RollupKey, Tally)> {
        let counts = [
            self.new_count,
            self.running_count,
            self.waiting_count,
            self.success_count,
            self.error_count,
            self.crashed_count,
            self.canceled_count,
            self.unknown_count,
        ];
        let Self { width, bucket, workflow_id, class, sketch, .. } = self;
        let sketch =
            Sketch::from_bytes(&sketch).map_err(|_| corrupt("rollups of", &workflow_id, "sketch"))?;
        let tally = Tally::from_parts(counts, self.duration_sum_ms, sketch);
        Ok((RollupKey { width, bucket, workflow_id: workflow_id.as_str().into(), class }, tally))
    }
}

/// A row as [`super::dialect`] writes it.
pub(super) struct NewRollup {
    pub(super) key: RollupKey,
    /// The counts in the order of the columns, and the sum of the durations.
    pub(super) numbers: [i64; 9],
    pub(super) sketch: Vec<u8>,
}

impl NewRollup {
    fn new(Difference { key, tally, sketch, .. }: Difference) -> StoreResult<Self> {
        // A sum that went below zero means that ledger and rollups no longer agree.
        let sketch = sketch.map_err(|_| corrupt("rollups of", key.workflow_id.as_str(), "sketch"))?;
        let [new, running, waiting, success, error, crashed, canceled, unknown] = *tally.counts();
        let durations = tally.duration_sum_millis();
        let numbers = [new, running, waiting, success, error, crashed, canceled, unknown, durations];
        Ok(Self { key, numbers, sketch })
    }
}

/// What is added to one row.
pub(super) struct Difference {
    key: RollupKey,
    tally: Tally,
    /// The stored form, made ahead for a row that is new, as nearly all are in a back-fill.
    sketch: Result<Vec<u8>, SketchError>,
    is_stored: bool,
}

/// The differences of every width in the order of the table, whose neighbours are written fastest together.
pub(super) type Differences = Vec<Difference>;

impl Ledger {
    /// Adds differences to the rows of every width; rows that become empty go.
    pub(super) async fn roll_up(&mut self, mut differences: Differences) -> StoreResult<()> {
        if differences.is_empty() {
            return Ok(());
        }
        for row in self.stored_rollups(&differences).await? {
            let (key, before) = row.split()?;
            let place = differences.binary_search_by(|difference| difference.key.cmp(&key));
            if let Some(difference) = place.ok().and_then(|place| differences.get_mut(place)) {
                difference.tally.merge(&before);
                difference.sketch = difference.tally.sketch().to_bytes();
                difference.is_stored = true;
            }
        }
        let (mut new, mut changed, mut empty) =
            (Vec::with_capacity(differences.len()), Vec::new(), Vec::new());
        for difference in differences {
            match (difference.tally.is_zero(), difference.is_stored) {
                (true, true) => empty.push(difference.key),
                (true, false) => {}
                (false, true) => changed.push(NewRollup::new(difference)?),
                (false, false) => new.push(NewRollup::new(difference)?),
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
    async fn stored_rollups(&mut self, differences: &Differences) -> StoreResult<Vec<RollupRow>> {
        let mut keys: Vec<_> = differences.iter().map(|difference| &difference.key).collect();
        if keys.len() >= MANY {
            let mut buckets: Vec<_> = keys.iter().map(|key| key.place()).collect();
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
    fn of(width: Width, BucketKey { workflow_id, class, start }: BucketKey) -> Self {
        Self { width: width.code(), bucket: start.as_millis(), workflow_id, class: class.code() }
    }

    fn place(&self) -> (i16, i64) {
        (self.width, self.bucket)
    }
}

/// What a fold adds to the rows of every width.
pub(super) fn widen(fold: &Fold) -> Differences {
    let quarters = fold.deltas();
    let hours = wider(&quarters, Width::Hour);
    let days = wider(&hours, Width::Day);
    let mut differences = Vec::with_capacity(quarters.len() + hours.len() + days.len());
    for (width, tallies) in Width::ALL.into_iter().zip([quarters, hours, days]) {
        let tallies = tallies.into_iter().filter(|(_, tally)| !tally.is_zero());
        differences.extend(tallies.map(|(key, tally)| Difference {
            key: RollupKey::of(width, key),
            sketch: tally.sketch().to_bytes(),
            tally,
            is_stored: false,
        }));
    }
    differences.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    differences
}

/// Sums of tallies of narrower buckets.
fn wider(narrow: &FastMap<BucketKey, Tally>, width: Width) -> FastMap<BucketKey, Tally> {
    let mut wide = FastMap::<_, Tally>::with_capacity_and_hasher(narrow.len() / 2, Default::default());
    for (key, tally) in narrow {
        let key = BucketKey { start: width.floor(key.start), ..key.clone() };
        wide.entry(key).or_default().merge(tally);
    }
    wide
}
