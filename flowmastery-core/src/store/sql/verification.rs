//! Reads for a verification in SQL, each in a snapshot of its own, a day at a time where rows are many.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::TryStreamExt;

use super::{
    SqlStore,
    dialect::{self, Ids},
    execution_row::{ExecutionRow, Known},
    fault::{corrupt, fault},
    lives::{epochs_of, is_newer_than_aged},
    pool::{Tx, fetch_all, fetch_one, fetch_optional, on_either},
    rollup::RollupRow,
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        epoch::Line,
        execution::{Execution, Status},
        rollup::{Range, Sign, Tally, Width},
        verification::{Fate, Reach},
        workflow::WorkflowId,
    },
    store::{Kept, Recount, StoreResult, VerificationStore},
};

/// The most differences that are told one by one.
const TOLD: usize = 20;

/// A rollup's place: width, start, workflow, class.
type Key = (i16, i64, WorkflowId, i16);

impl SqlStore {
    /// A snapshot, with the client's current line; `None` for a client that is gone or outside of the scope.
    async fn line_of(&self, scope: TenantScope, client: ClientId) -> StoreResult<Option<(Tx, Line)>> {
        let mut tx = self.pool.snapshot(scope).await?;
        let current: Option<(i64,)> = fetch_optional!(
            tx.db(),
            "SELECT epoch FROM collections WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2)",
            client,
            scope.only(),
        )?;
        let Some((epoch,)) = current else { return Ok(None) };
        let line = Line::to(epoch, &epochs_of(&mut tx, client).await?);
        Ok(Some((tx, line)))
    }
}

#[async_trait]
impl VerificationStore for SqlStore {
    async fn reach(&self, scope: TenantScope, client: ClientId) -> StoreResult<Option<Reach>> {
        let mut conn = self.pool.read(scope).await?;
        let row: Option<(Option<Timestamp>, Option<ExecutionId>, bool)> = fetch_optional!(
            conn.db(),
            "SELECT last_success_at, complete_to, back_filled FROM collections
             WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2)",
            client,
            scope.only(),
        )?;
        Ok(row.and_then(|(last_success_at, complete_to, back_filled)| {
            let complete_to = complete_to.unwrap_or(ExecutionId(0));
            Some(Reach { last_success_at: last_success_at?, complete_to, back_filled })
        }))
    }

    async fn fates(
        &self,
        scope: TenantScope,
        client: ClientId,
        listed: &[Execution],
    ) -> StoreResult<Vec<Fate>> {
        let Some((mut tx, line)) = self.line_of(scope, client).await? else {
            return Ok(vec![Fate::Missing; listed.len()]);
        };
        let ids: Vec<i64> = listed.iter().map(|execution| execution.id.0).collect();
        let epochs: Vec<i64> = line.epochs().iter().map(|epoch| epoch.number).collect();
        let mut kept = BTreeMap::new();
        for row in dialect::read_executions(&mut tx, client, &epochs, Ids::Each(&ids)).await? {
            let key = (row.epoch, ExecutionId(row.execution_id));
            kept.insert(key, Known::try_from(row)?.recorded.execution);
        }
        let fate = |execution: &Execution| {
            let Some(owner) = line.owner(execution.id) else { return Fate::Missing };
            match kept.remove(&(owner.number, execution.id)) {
                Some(known) => Fate::Kept(known),
                None if execution.id <= owner.aged_to && !is_newer_than_aged(owner, execution) => {
                    Fate::AgedOut
                }
                None => Fate::Missing,
            }
        };
        Ok(listed.iter().map(fate).collect())
    }

    async fn count_kept(&self, scope: TenantScope, client: ClientId, since: Timestamp) -> StoreResult<Kept> {
        let Some((mut tx, line)) = self.line_of(scope, client).await? else { return Ok(Kept::default()) };
        let mut kept = Kept::default();
        let rows: Vec<(i64, i64, i64, i64)> = fetch_all!(
            tx.db(),
            "SELECT epoch, CAST(SUM(CASE WHEN status < 3 THEN 0 ELSE 1 END) AS BIGINT),
                    CAST(SUM(CASE WHEN status < 3 THEN 1 ELSE 0 END) AS BIGINT),
                    CAST(SUM(CASE WHEN status IN (3, 4) AND stopped_at < started_at THEN 1 ELSE 0 END) AS BIGINT)
             FROM executions WHERE client_id = $1 AND bucket >= $2 GROUP BY epoch",
            client,
            Width::Quarter.floor(since),
        )?;
        for (epoch, ended, unfinished, negative) in rows {
            kept.negative += negative;
            if line.epochs().iter().any(|known| known.number == epoch) {
                kept.ended += ended;
                kept.unfinished += unfinished;
            } else {
                kept.earlier += ended + unfinished;
            }
        }
        // Those of a line that stand beyond where another branched off are of a database that is gone.
        let mut fork_at = ExecutionId(i64::MAX);
        for pair in line.epochs().windows(2) {
            let [newer, older] = pair else { continue };
            fork_at = fork_at.min(newer.fork_at);
            let (beyond,): (i64,) = fetch_one!(
                tx.db(),
                "SELECT COUNT(*) FROM executions
                 WHERE client_id = $1 AND epoch = $2 AND execution_id > $3 AND bucket >= $4",
                client,
                older.number,
                fork_at,
                Width::Quarter.floor(since),
            )?;
            kept.ended -= beyond;
            kept.earlier += beyond;
        }
        Ok(kept)
    }

    async fn recount(&self, scope: TenantScope, client: ClientId) -> StoreResult<Recount> {
        let Some((mut tx, _)) = self.line_of(scope, client).await? else { return Ok(Recount::default()) };
        let epochs = epochs_of(&mut tx, client).await?;
        let aged_until =
            epochs.iter().filter(|epoch| epoch.aged_to > ExecutionId(0)).map(|epoch| epoch.aged_until);
        let aged_until = aged_until.max();
        let days: Vec<(i64,)> = fetch_all!(
            tx.db(),
            "SELECT bucket FROM rollups WHERE client_id = $1 AND width = 1440
             UNION SELECT bucket / 86400000 * 86400000 FROM executions WHERE client_id = $1",
            client,
        )?;
        let mut recount = Recount::default();
        for (day,) in days {
            let day = Range {
                from: Timestamp::from_millis(day),
                to: Timestamp::from_millis(day + Width::Day.millis()),
            };
            let counted = count_rows(&mut tx, client, day).await?;
            let stored = stored_rows(&mut tx, client, day).await?;
            compare_quarters(&counted, &stored, aged_until, &mut recount);
            compare_sums(&stored, &mut recount);
        }
        Ok(recount)
    }

    async fn count_modes(
        &self,
        scope: TenantScope,
        client: ClientId,
        range: Range,
    ) -> StoreResult<Vec<(String, Status, i64)>> {
        let mut conn = self.pool.read(scope).await?;
        let rows: Vec<(String, i16, i64)> = fetch_all!(
            conn.db(),
            "SELECT mode, status, COUNT(*) FROM executions
             WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) AND bucket >= $3 AND bucket < $4
             GROUP BY mode, status",
            client,
            scope.only(),
            range.from,
            range.to,
        )?;
        let counted = |(mode, status, count): (String, i16, i64)| {
            let known = usize::try_from(status).ok().and_then(|index| Status::ALL.get(index).copied());
            Ok((mode, known.ok_or_else(|| corrupt("executions of", client, "status"))?, count))
        };
        rows.into_iter().map(counted).collect()
    }
}

/// The quarter hours of a day, from its rows.
async fn count_rows(tx: &mut Tx, client: ClientId, day: Range) -> StoreResult<BTreeMap<Key, Tally>> {
    let mut tallies = BTreeMap::<Key, Tally>::new();
    /// Rows are added as they come.
    macro_rules! stream {
        ($db:expr) => {{
            let mut rows = sqlx::query_as::<_, ExecutionRow>(
                "SELECT * FROM executions WHERE client_id = $1 AND bucket >= $2 AND bucket < $3",
            )
            .bind(client)
            .bind(day.from)
            .bind(day.to)
            .fetch($db);
            while let Some(row) = rows.try_next().await.map_err(fault)? {
                let recorded = Known::try_from(row)?.recorded;
                let execution = &recorded.execution;
                let workflow = execution.workflow_id.clone();
                let key =
                    (Width::Quarter.code(), recorded.bucket.as_millis(), workflow, execution.class().code());
                tallies.entry(key).or_default().record(execution, Sign::Plus);
            }
        }};
    }
    on_either!(Db, tx.db(), db => stream!(db));
    Ok(tallies)
}

/// The rollups of a day, of every width.
async fn stored_rows(tx: &mut Tx, client: ClientId, day: Range) -> StoreResult<BTreeMap<Key, Tally>> {
    let rows: Vec<RollupRow> = fetch_all!(
        tx.db(),
        "SELECT * FROM rollups WHERE client_id = $1 AND width IN (15, 60, 1440) AND bucket >= $2 AND bucket < $3",
        client,
        day.from,
        day.to,
    )?;
    let stored = |row: RollupRow| {
        let (key, tally) = row.split()?;
        Ok(((key.width, key.bucket, key.workflow_id, key.class), tally))
    };
    rows.into_iter().map(stored).collect()
}

fn compare_quarters(
    counted: &BTreeMap<Key, Tally>,
    stored: &BTreeMap<Key, Tally>,
    aged_until: Option<Timestamp>,
    recount: &mut Recount,
) {
    let nothing = Tally::default();
    let quarters = stored.keys().filter(|key| key.0 == Width::Quarter.code());
    let missing = counted.keys().filter(|key| !stored.contains_key(*key));
    for key in quarters.chain(missing) {
        let (ours, rows) = (stored.get(key).unwrap_or(&nothing), counted.get(key).unwrap_or(&nothing));
        let is_aged = aged_until.is_some_and(|until| key.1 <= until.as_millis());
        let agrees = if is_aged {
            rows.counts().iter().zip(ours.counts()).all(|(rows, ours)| rows <= ours)
        } else {
            rows == ours
        };
        if !is_aged {
            recount.compared += 1;
        } else if rows != ours {
            recount.aged += 1;
        }
        if !agrees {
            tell(recount, key, "its rows make", (ours, rows));
        }
    }
}

/// Hours and days are the sums of their quarter hours.
fn compare_sums(stored: &BTreeMap<Key, Tally>, recount: &mut Recount) {
    for width in [Width::Hour, Width::Day] {
        let mut sums = BTreeMap::<Key, Tally>::new();
        for ((_, bucket, workflow, class), tally) in
            stored.iter().filter(|(key, _)| key.0 == Width::Quarter.code())
        {
            let start = width.floor(Timestamp::from_millis(*bucket)).as_millis();
            sums.entry((width.code(), start, workflow.clone(), *class)).or_default().merge(tally);
        }
        let nothing = Tally::default();
        let wide = stored.keys().filter(|key| key.0 == width.code());
        let all: std::collections::BTreeSet<_> = wide.chain(sums.keys()).collect();
        for key in all {
            let (ours, sum) = (stored.get(key).unwrap_or(&nothing), sums.get(key).unwrap_or(&nothing));
            if ours != sum {
                tell(recount, key, "its quarter hours make", (ours, sum));
            }
        }
    }
}

fn tell(recount: &mut Recount, key: &Key, what: &str, (ours, other): (&Tally, &Tally)) {
    if recount.differing.len() < TOLD {
        let (minutes, bucket, WorkflowId(workflow), class) = key;
        let start = Timestamp::from_millis(*bucket);
        recount.differing.push(format!(
            "{minutes} minutes from {start}, workflow {workflow}, class {class}: counted {:?} in {} ms, {what} {:?} in {} ms",
            ours.counts(),
            ours.duration_sum_millis(),
            other.counts(),
            other.duration_sum_millis(),
        ));
    }
}
