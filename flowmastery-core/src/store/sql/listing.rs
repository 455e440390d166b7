//! Lists of executions and single workflows in SQL.

use async_trait::async_trait;
use sqlx::FromRow;

use super::{
    SqlStore, audit,
    execution_row::{ExecutionRow, Known},
    lives::epochs_of,
    metrics::{WorkflowRecordRow, codes},
    pool::{Tx, execute, fetch_all, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        audit::{AuditAction, AuditDetail, AuditSubject},
        epoch::Line,
        instance::InstanceUrl,
        listing::{ListedExecution, ListingPosition, ListingQuery},
        workflow::{TimeSaved, WorkflowId, WorkflowRecord},
    },
    page::{Page, PageRequest},
    store::{ListingStore, NewAuditEntry, StoreResult},
};

#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    execution: ExecutionRow,
    workflow_name: String,
}

impl ListedRow {
    fn position(&self) -> ListingPosition {
        ListingPosition {
            bucket: Timestamp::from_millis(self.execution.bucket),
            epoch: self.execution.epoch,
            id: ExecutionId(self.execution.execution_id),
        }
    }
}

/// The n8n that links lead to, with the line of executions that it has.
struct Linked {
    instance: InstanceUrl,
    line: Line,
}

impl Linked {
    /// The instance, where it has this execution.
    fn of(&self, epoch: i64, id: ExecutionId) -> Option<&InstanceUrl> {
        self.line.owner(id).filter(|owner| owner.number == epoch).map(|_| &self.instance)
    }
}

#[async_trait]
impl ListingStore for SqlStore {
    async fn list_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        query: &ListingQuery,
        page: PageRequest<ListingPosition>,
    ) -> StoreResult<Page<ListedExecution, ListingPosition>> {
        let mut tx = self.pool.snapshot(scope).await?;
        let rows = read_rows(&mut tx, (scope, client), query, page).await?;
        let page = Page::from_rows(rows, page, ListedRow::position);
        let linked = read_linked(&mut tx, scope, client).await?;
        tx.commit().await?;
        let listed = |row: ListedRow| {
            let epoch = row.execution.epoch;
            let execution = Known::try_from(row.execution)?.recorded.execution;
            let instance = linked.as_ref().and_then(|linked| linked.of(epoch, execution.id));
            Ok(ListedExecution::new(execution, row.workflow_name, instance))
        };
        let items = page.items.into_iter().map(listed).collect::<StoreResult<_>>()?;
        Ok(Page { items, next: page.next })
    }

    async fn find_workflow(
        &self,
        scope: TenantScope,
        client: ClientId,
        workflow: &WorkflowId,
    ) -> StoreResult<Option<WorkflowRecord>> {
        let mut conn = self.pool.read(scope).await?;
        let row: Option<WorkflowRecordRow> = fetch_optional!(
            conn.db(),
            "SELECT w.client_id, w.workflow_id, w.name, w.status, w.time_saved_per_execution_minutes, w.last_execution_at
             FROM workflows w JOIN clients c ON c.id = w.client_id
             WHERE w.client_id = $1 AND ($2 IS NULL OR w.client_id = $2) AND w.workflow_id = $3 AND c.deleted_at IS NULL",
            client,
            scope.only(),
            workflow.as_str(),
        )?;
        row.map(WorkflowRecord::try_from).transpose()
    }

    async fn set_time_saved(
        &self,
        scope: TenantScope,
        (client, workflow): (ClientId, &WorkflowId),
        saved: TimeSaved,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut tx = self.pool.begin(scope).await?;
        // Locks the numbers, so that a collection that stores the workflow meanwhile comes before or after; its turn goes on.
        execute!(
            tx.db(),
            "UPDATE collections SET turn = turn WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2)",
            client,
            scope.only(),
        )?;
        let before: Option<(i64,)> = fetch_optional!(
            tx.db(),
            "SELECT w.time_saved_per_execution_minutes FROM workflows w JOIN clients c ON c.id = w.client_id
             WHERE w.client_id = $1 AND ($2 IS NULL OR w.client_id = $2) AND w.workflow_id = $3 AND c.deleted_at IS NULL",
            client,
            scope.only(),
            workflow.as_str(),
        )?;
        let Some((before,)) = before else { return Ok(false) };
        if before != saved.minutes() {
            write_time_saved(&mut tx, (client, workflow), saved, now).await?;
            let detail = AuditDetail::default().with("workflow_id", workflow.as_str());
            let entry = NewAuditEntry::new(AuditAction::TimeSavedSet, now).by(scope.author()).of(client);
            let entry = entry.on(AuditSubject::Client(client)).saying(detail.changed(
                "minutes",
                before,
                saved.minutes(),
            ));
            audit::insert(tx.db(), entry).await?;
            tx.commit().await?;
        }
        Ok(true)
    }
}

async fn write_time_saved(
    tx: &mut Tx,
    (client, workflow): (ClientId, &WorkflowId),
    saved: TimeSaved,
    now: Timestamp,
) -> StoreResult<()> {
    execute!(
        tx.db(),
        "UPDATE workflows SET time_saved_per_execution_minutes = $3 WHERE client_id = $1 AND workflow_id = $2",
        client,
        workflow.as_str(),
        saved.minutes(),
    )?;
    execute!(
        tx.db(),
        "UPDATE collections SET data_version = data_version + 1, changed_at = $2 WHERE client_id = $1",
        client,
        now,
    )?;
    Ok(())
}

/// One row more than a page holds. The position stands for the end of the range as well, so that the index leads to the first row of any
/// page. The modes are those of [`crate::model::execution::Class::of_mode`].
async fn read_rows(
    tx: &mut Tx,
    (scope, client): (TenantScope, ClientId),
    query: &ListingQuery,
    page: PageRequest<ListingPosition>,
) -> StoreResult<Vec<ListedRow>> {
    let Some([first, second, third]) = codes(&query.classes) else { return Ok(Vec::new()) };
    let end = ListingPosition::start_of(query.range.to);
    let below = page.cursor().map_or(end, |cursor| cursor.0.min(end));
    fetch_all!(
        tx.db(),
        "SELECT e.*, COALESCE(w.name, e.workflow_id) AS workflow_name
         FROM executions e LEFT JOIN workflows w ON w.client_id = e.client_id AND w.workflow_id = e.workflow_id
         WHERE e.client_id = $1 AND ($2 IS NULL OR e.client_id = $2)
             AND EXISTS (SELECT 1 FROM clients c WHERE c.id = $1 AND c.deleted_at IS NULL)
             AND e.bucket >= $3 AND (e.bucket, e.epoch, e.execution_id) < ($4, $5, $6)
             AND CASE WHEN e.mode = 'manual' THEN 1 WHEN e.mode IN ('evaluation', 'internal', 'integrated', 'cli') THEN 2
                      ELSE 0 END IN ($7, $8, $9)
             AND ($10 IS NULL OR e.status = $10) AND ($11 IS NULL OR e.workflow_id = $11)
         ORDER BY e.bucket DESC, e.epoch DESC, e.execution_id DESC LIMIT $12",
        client,
        scope.only(),
        query.range.from,
        below.bucket,
        below.epoch,
        below.id,
        first,
        second,
        third,
        query.filter.status.map(|status| status.index() as i16),
        query.filter.workflow_id.as_ref().map(WorkflowId::as_str),
        i64::from(page.limit()) + 1,
    )
}

/// `None` where no n8n is configured, or it is not known yet whether the one at a new address is the one that was there before.
async fn read_linked(tx: &mut Tx, scope: TenantScope, client: ClientId) -> StoreResult<Option<Linked>> {
    let row: Option<(String, i64)> = fetch_optional!(
        tx.db(),
        "SELECT c.n8n_api_url, k.epoch FROM clients c JOIN collections k ON k.client_id = c.id
         WHERE c.id = $1 AND ($2 IS NULL OR c.id = $2) AND c.deleted_at IS NULL AND c.n8n_api_url IS NOT NULL AND k.identified",
        client,
        scope.only(),
    )?;
    let Some((url, epoch)) = row else { return Ok(None) };
    let line = Line::to(epoch, &epochs_of(tx, client).await?);
    Ok(Some(Linked { instance: InstanceUrl::stored(url), line }))
}
