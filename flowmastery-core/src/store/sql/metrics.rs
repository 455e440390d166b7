//! Reads for metrics in SQL: one snapshot, a bounded number of statements however many clients there are.
//!
//! `CROSS JOIN` keeps SQLite from reading the many rows first: the few clients outside, their rows found by primary key inside.

use async_trait::async_trait;
use sqlx::FromRow;

use super::{
    SqlStore,
    client::{ClientRow, select_client},
    dialect::series::{BucketRow, Buckets, Which, each_bucket},
    fault::corrupt,
    pool::{Tx, fetch_all},
    rollup::stored_tally,
    series,
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        execution::Class,
        rollup::{FastMap, Span, Tally, cover},
        series::SeriesPlan,
        workflow::{WorkflowId, WorkflowRecord, WorkflowStatus},
    },
    store::{
        ClientSnapshot, Configured, MetricsQuery, MetricsStore, SeriesSnapshot, StoreError, StoreResult,
    },
};

#[derive(FromRow)]
pub(super) struct WorkflowRecordRow {
    client_id: ClientId,
    workflow_id: String,
    name: String,
    status: String,
    time_saved_per_execution_minutes: i64,
    last_execution_at: Option<Timestamp>,
}

impl TryFrom<WorkflowRecordRow> for WorkflowRecord {
    type Error = StoreError;

    fn try_from(row: WorkflowRecordRow) -> StoreResult<Self> {
        let status = WorkflowStatus::parse(&row.status);
        Ok(Self {
            status: status.ok_or_else(|| corrupt("workflows", &row.workflow_id, "status"))?,
            id: WorkflowId::from(row.workflow_id.as_str()),
            name: row.name,
            time_saved_per_execution_minutes: row.time_saved_per_execution_minutes,
            last_execution: row.last_execution_at,
        })
    }
}

type Snapshots = FastMap<ClientId, ClientSnapshot>;

#[async_trait]
impl MetricsStore for SqlStore {
    async fn snapshots(
        &self,
        scope: TenantScope,
        client: Option<ClientId>,
        query: &MetricsQuery,
    ) -> StoreResult<Vec<ClientSnapshot>> {
        let which = Which { scope: scope.only(), client };
        let mut tx = self.pool.snapshot(scope).await?;
        let mut snapshots = read_clients(&mut tx, which, query.ranges.len()).await?;
        read_workflows(&mut tx, which, &mut snapshots).await?;
        if let Some(classes) = codes(&query.classes) {
            for (index, range) in query.ranges.iter().enumerate() {
                for Span { width, range } in cover(*range) {
                    let rows = Buckets { known: false, width, ranges: &[range], classes };
                    each_bucket(&mut tx, which, rows, |row| add_row(row, index, &mut snapshots)).await?;
                }
            }
        }
        tx.commit().await?;
        let mut snapshots: Vec<_> = snapshots.into_values().collect();
        snapshots.sort_unstable_by_key(|snapshot| snapshot.client_id);
        Ok(snapshots)
    }

    async fn series(
        &self,
        scope: TenantScope,
        client: Option<ClientId>,
        plan: &SeriesPlan,
    ) -> StoreResult<Option<SeriesSnapshot>> {
        series::series(self, scope, client, plan).await
    }
}

/// The classes as three numbers for an `IN`; a class may stand there twice. `None` when there is none.
pub(super) fn codes(classes: &[Class]) -> Option<[i16; 3]> {
    let last = classes.last()?.code();
    let mut codes = [last; 3];
    for (code, class) in codes.iter_mut().zip(classes) {
        *code = class.code();
    }
    Some(codes)
}

async fn read_clients(tx: &mut Tx, which: Which, ranges: usize) -> StoreResult<Snapshots> {
    let rows: Vec<ClientRow> = fetch_all!(
        tx.db(),
        select_client!("($1 IS NULL OR c.id = $1) AND ($2 IS NULL OR c.id = $2)"),
        which.scope,
        which.client,
    )?;
    let oldest: Vec<(ClientId, Option<Timestamp>)> = fetch_all!(
        tx.db(),
        "SELECT k.client_id, (SELECT MIN(r.bucket) FROM rollups r WHERE r.client_id = k.client_id AND r.width = 15)
         FROM collections k WHERE ($1 IS NULL OR k.client_id = $1) AND ($2 IS NULL OR k.client_id = $2)",
        which.scope,
        which.client,
    )?;
    let oldest: FastMap<_, _> = oldest.into_iter().collect();
    let snapshot = |row: ClientRow| {
        let client = Configured::try_from(row)?;
        let snapshot = ClientSnapshot {
            client_id: client.id,
            name: client.name,
            configured: client.n8n_api_url.is_some(),
            collection: client.collection,
            oldest_bucket: oldest.get(&client.id).copied().flatten(),
            workflows: Vec::new(),
            tallies: vec![FastMap::default(); ranges],
        };
        Ok((client.id, snapshot))
    };
    rows.into_iter().map(snapshot).collect()
}

async fn read_workflows(tx: &mut Tx, which: Which, snapshots: &mut Snapshots) -> StoreResult<()> {
    let rows: Vec<WorkflowRecordRow> = fetch_all!(
        tx.db(),
        "SELECT w.client_id, w.workflow_id, w.name, w.status, w.time_saved_per_execution_minutes, w.last_execution_at
         FROM clients c CROSS JOIN workflows w
         WHERE w.client_id = c.id AND c.deleted_at IS NULL AND ($1 IS NULL OR c.id = $1) AND ($2 IS NULL OR c.id = $2)
         ORDER BY w.client_id, w.workflow_id",
        which.scope,
        which.client,
    )?;
    for row in rows {
        let Some(snapshot) = snapshots.get_mut(&row.client_id) else { continue };
        snapshot.workflows.push(row.try_into()?);
    }
    Ok(())
}

fn add_row(row: BucketRow, index: usize, snapshots: &mut Snapshots) -> StoreResult<()> {
    let (
        client,
        _,
        workflow,
        new,
        running,
        waiting,
        success,
        error,
        crashed,
        canceled,
        unknown,
        duration,
        sketch,
    ) = row;
    let counts = [new, running, waiting, success, error, crashed, canceled, unknown];
    let tally: Tally = stored_tally(counts, duration, &sketch, &workflow)?;
    let tallies = snapshots.get_mut(&client).and_then(|snapshot| snapshot.tallies.get_mut(index));
    if let Some(tallies) = tallies {
        tallies.entry(WorkflowId::from(workflow.as_str())).or_default().merge(&tally);
    }
    Ok(())
}
