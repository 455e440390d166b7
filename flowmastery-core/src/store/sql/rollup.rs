//! Rollups in SQL: the sums per bucket, workflow and class, at every width.

use serde::{Serialize, Serializer};
use sqlx::FromRow;

use super::{dialect, fault::corrupt, ledger::Ledger};
use crate::{
    digest,
    model::{
        rollup::{FastMap, Fold, Tally, Width},
        sketch::Sketch,
    },
    store::StoreResult,
};

/// Which row of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(super) struct RollupKey {
    pub(super) width: i16,
    pub(super) bucket: i64,
    pub(super) workflow_id: String,
    pub(super) class: i16,
}

#[derive(FromRow, Serialize)]
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
    #[serde(serialize_with = "hex")]
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
        let tally = stored_tally(counts, self.duration_sum_ms, &self.sketch, &self.workflow_id)?;
        let Self { width, bucket, workflow_id, class, .. } = self;
        Ok((RollupKey { width, bucket, workflow_id, class }, tally))
    }
}

/// The tally of a stored row.
pub(super) fn stored_tally(
    counts: [i64; 8],
    duration_sum: i64,
    sketch: &[u8],
    workflow: &str,
) -> StoreResult<Tally> {
    let sketch = Sketch::from_bytes(sketch).map_err(|_| corrupt("rollups of", workflow, "sketch"))?;
    Ok(Tally::from_parts(counts, duration_sum, sketch))
}

fn hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&digest::hex(bytes))
}

impl Ledger {
    /// Adds the differences of a fold to the rows of every width; rows that become empty go.
    pub(super) async fn roll_up(&mut self, fold: &Fold) -> StoreResult<()> {
        let mut tallies = widen(fold);
        if tallies.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = tallies.keys().cloned().collect();
        for row in dialect::read_rollups(&mut self.tx, self.client, &keys).await? {
            let (key, stored) = row.split()?;
            if let Some(tally) = tallies.get_mut(&key) {
                tally.merge(&stored);
            }
        }
        let (mut rows, mut empty) = (Vec::with_capacity(tallies.len()), Vec::new());
        for (key, tally) in tallies {
            if tally.is_zero() { empty.push(key) } else { rows.push(RollupRow::new(key, &tally)?) }
        }
        if !rows.is_empty() {
            dialect::write_rollups(&mut self.tx, self.client, &rows).await?;
        }
        if !empty.is_empty() {
            dialect::delete_rollups(&mut self.tx, self.client, &empty).await?;
        }
        Ok(())
    }
}

/// The differences of a fold per row of every width.
fn widen(fold: &Fold) -> FastMap<RollupKey, Tally> {
    let mut tallies: FastMap<RollupKey, Tally> = FastMap::default();
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
