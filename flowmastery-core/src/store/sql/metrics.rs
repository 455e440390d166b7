//! Reads for metrics in SQL: one snapshot, a bounded number of statements however many clients there are.
//!
//! `CROSS JOIN` keeps SQLite from reading the many rows first: the few clients outside, their rows found by primary key inside.

use async_trait::async_trait;
use sqlx::FromRow;

use super::{
    SqlStore,
    client::{ClientRow, select_client},
    dialect::days::day_counts,
    dialect::series::{Bucket, Buckets, Whose, both, each_bucket},
    fault::corrupt,
    pool::{Tx, fetch_all},
    series,
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        execution::Class,
        rollup::{FastMap, Range, TallySum, cover},
        series::SeriesPlan,
        workflow::{WorkflowId, WorkflowRecord, WorkflowStatus},
    },
    store::{
        ClientSnapshot, Configured, DayCount, MetricsQuery, MetricsStore, SeriesSnapshot, StoreError,
        StoreResult,
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
        let Some(whose) = Whose::of(scope, client) else { return Ok(Vec::new()) };
        let mut tx = self.pool.summing(scope).await?;
        let mut snapshots = read_clients(&mut tx, whose, query.ranges.len()).await?;
        read_workflows(&mut tx, whose, &mut snapshots).await?;
        read_tallies(&mut tx, whose, query, &mut snapshots).await?;
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

    async fn day_counts(
        &self,
        scope: TenantScope,
        clients: &[ClientId],
        range: Range,
        classes: &[Class],
    ) -> StoreResult<Vec<DayCount>> {
        let clients: Vec<_> = clients.iter().copied().filter(|client| scope.admits(*client)).collect();
        let Some(classes) = codes(classes) else { return Ok(Vec::new()) };
        if clients.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.pool.summing(scope).await?;
        let counts = day_counts(&mut tx, &clients, range, classes).await?;
        tx.commit().await?;
        Ok(counts)
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

/// A client with the start of its oldest bucket.
#[derive(FromRow)]
struct HeadRow {
    #[sqlx(flatten)]
    client: ClientRow,
    oldest_bucket: Option<Timestamp>,
}

async fn read_clients(tx: &mut Tx, whose: Whose, ranges: usize) -> StoreResult<Snapshots> {
    macro_rules! heads {
        ($which:literal) => {
            select_client!(
                "(SELECT MIN(r.bucket) FROM rollups r WHERE r.client_id = c.id AND r.width = 15) AS oldest_bucket, ",
                $which
            )
        };
    }
    let heads = whose.pick((heads!("c.id = $1"), heads!("CAST($1 AS BIGINT) IS NULL")));
    let rows: Vec<HeadRow> = fetch_all!(tx.db(), heads, whose.id())?;
    let snapshot = |row: HeadRow| {
        let client = Configured::try_from(row.client)?;
        let snapshot = ClientSnapshot {
            client_id: client.id,
            name: client.name,
            configured: client.n8n_api_url.is_some(),
            collection: client.collection,
            oldest_bucket: row.oldest_bucket,
            workflows: Vec::new(),
            tallies: vec![FastMap::default(); ranges],
        };
        Ok((client.id, snapshot))
    };
    rows.into_iter().map(snapshot).collect()
}

async fn read_workflows(tx: &mut Tx, whose: Whose, snapshots: &mut Snapshots) -> StoreResult<()> {
    const WORKFLOWS: (&str, &str) = both!(
        "SELECT w.client_id, w.workflow_id, w.name, w.status, w.time_saved_per_execution_minutes, w.last_execution_at
         FROM clients c CROSS JOIN workflows w WHERE w.client_id = c.id AND c.deleted_at IS NULL AND ",
        "c.id",
        " ORDER BY w.client_id, w.workflow_id"
    );
    let rows: Vec<WorkflowRecordRow> = fetch_all!(tx.db(), whose.pick(WORKFLOWS), whose.id())?;
    for row in rows {
        let Some(snapshot) = snapshots.get_mut(&row.client_id) else { continue };
        snapshot.workflows.push(row.try_into()?);
    }
    Ok(())
}

async fn read_tallies(
    tx: &mut Tx,
    whose: Whose,
    query: &MetricsQuery,
    snapshots: &mut Snapshots,
) -> StoreResult<()> {
    let Some(classes) = codes(&query.classes) else { return Ok(()) };
    let spans = (0..)
        .zip(&query.ranges)
        .flat_map(|(part, range)| cover(*range).into_iter().map(move |span| (part, span)));
    let rows = Buckets { known: false, spans: spans.collect(), classes };
    let mut sums = Sums::default();
    each_bucket(tx, whose, rows, |row| {
        if sums.client != Some(row.client) {
            sums.settle(snapshots);
            sums.client = Some(row.client);
        }
        sums.add(&row)
    })
    .await?;
    sums.settle(snapshots);
    Ok(())
}

/// What is being added up of the client whose rows are coming in.
#[derive(Default)]
struct Sums {
    client: Option<ClientId>,
    /// By the number of the range.
    tallies: FastMap<(i16, WorkflowId), TallySum>,
    /// Empty ones, which have their room from the client before.
    spare: Vec<TallySum>,
}

impl Sums {
    fn add(&mut self, row: &Bucket<'_>) -> StoreResult<()> {
        let tally = self.tallies.entry((row.part, WorkflowId::from(row.workflow)));
        row.add_to(tally.or_insert_with(|| self.spare.pop().unwrap_or_default()))
    }

    /// Puts the sums where they belong, and leaves none for the next client. Should rows of a client come in later, they are added to these.
    fn settle(&mut self, snapshots: &mut Snapshots) {
        let mut snapshot = self.client.and_then(|client| snapshots.get_mut(&client));
        for ((part, workflow), mut sum) in self.tallies.drain() {
            let tally = sum.take();
            self.spare.push(sum);
            let place = usize::try_from(part).ok();
            let tallies =
                snapshot.as_mut().zip(place).and_then(|(snapshot, part)| snapshot.tallies.get_mut(part));
            if let Some(tallies) = tallies {
                tallies.entry(workflow).or_default().merge(&tally);
            }
        }
    }
}
