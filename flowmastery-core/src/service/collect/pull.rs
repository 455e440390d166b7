//! One collection of one client: what is read from its n8n, in which order, and when it is enough.
//!
//! n8n shows an execution in its list only once it ended, with an id below ids that were seen before, so "stop at the first known id"
//! would lose long runs. A collection therefore reads, in this order: the workflows; what is running and waiting; the list from the
//! newest id down past an overlap below the newest id of the last complete collection; and by id, what was unfinished and in none of
//! them. Running comes before the list, so that one which ends in between is in the list. Every page is stored as it comes.

use std::collections::HashSet;

use tokio_util::sync::CancellationToken;

use crate::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    error::Result,
    id::{ClientId, ExecutionId},
    model::{
        client::{Instance, Progress},
        collection::Failure,
        execution::{Execution, Status},
        freshness::ConnectionStatus,
    },
    n8n::{ExecutionQuery, N8nApi, N8nError, N8nPage},
    secret::{Place, Vault},
    store::{Applied, Batch, CollectionOutcome, CollectionState, Store},
};

/// How many ids below the last complete collection are read again.
const OVERLAP: i64 = 1000;
/// How many unfinished executions are read by id in one collection.
const OPEN_READS: u16 = 50;

/// One collection.
pub(super) struct Pull<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) n8n: &'a dyn N8nApi,
    pub(super) vault: &'a Vault,
    pub(super) clock: &'a dyn Clock,
    pub(super) stop: &'a CancellationToken,
    pub(super) client: ClientId,
}

/// Why a collection ended before its end.
enum Halt {
    /// The host stops, or the client is gone or was given another n8n: nothing is wrong and nothing is noted.
    Quiet,
    /// n8n was in the way.
    N8n(N8nError),
    /// We were.
    Own(crate::error::Error),
}

impl From<N8nError> for Halt {
    fn from(error: N8nError) -> Self {
        Self::N8n(error)
    }
}

impl<E: Into<crate::error::Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Own(error.into())
    }
}

impl Pull<'_> {
    /// Collects, and notes how it went.
    ///
    /// # Errors
    /// When the store could not take it; what was in n8n's way is noted for readers instead.
    pub(super) async fn run(&self) -> Result<()> {
        let scope = TenantScope::client(self.client);
        let begun = self.store.begin_collection(scope, self.client, self.clock.now()).await?;
        let Some(state) = begun else { return Ok(()) };
        let outcome = match self.read(state).await {
            Ok(newest) => CollectionOutcome::Complete { epoch: state.epoch, newest },
            Err(Halt::Quiet) => return Ok(()),
            Err(Halt::Own(error)) => return Err(error),
            Err(Halt::N8n(error)) => {
                tracing::warn!(client.id = %self.client, status = error.status.as_str(), error = %error, "n8n metrics were not collected: check the client's n8n API configuration");
                CollectionOutcome::Failed(Failure { status: error.status, message: error.message })
            }
        };
        Ok(self.store.finish_collection(scope, self.client, &outcome, self.clock.now()).await?)
    }

    async fn read(&self, state: CollectionState) -> Result<Option<ExecutionId>, Halt> {
        let instance = self.instance().await?;
        self.workflows(&instance).await?;
        let mut seen = HashSet::new();
        for status in [Status::Running, Status::Waiting] {
            self.with_status(&instance, state, status, &mut seen).await?;
        }
        let newest = self.list(&instance, state, &mut seen).await?;
        self.open(&instance, state, &seen).await?;
        Ok(newest)
    }

    async fn instance(&self) -> Result<Instance, Halt> {
        let scope = TenantScope::client(self.client);
        let sealed = self.store.find_instance(scope, self.client).await?.ok_or(Halt::Quiet)?;
        let key = self.vault.open(Place::n8n_key(self.client), &sealed.key).map_err(|error| N8nError {
            status: ConnectionStatus::AuthFailed,
            message: error.message().to_owned(),
            source: None,
        })?;
        Ok(Instance { url: sealed.url, key })
    }

    async fn workflows(&self, instance: &Instance) -> Result<(), Halt> {
        let mut workflows = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.between_pages(self.n8n.workflows(instance, cursor.as_ref())).await?;
            workflows.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        // n8n pages workflows by offset: one may stand on two pages when others come and go.
        let mut ids = HashSet::with_capacity(workflows.len());
        workflows.retain(|workflow| ids.insert(workflow.id.clone()));
        let scope = TenantScope::client(self.client);
        Ok(self.store.save_workflows(scope, self.client, &workflows, self.clock.now()).await?)
    }

    async fn with_status(
        &self,
        instance: &Instance,
        state: CollectionState,
        status: Status,
        seen: &mut HashSet<ExecutionId>,
    ) -> Result<(), Halt> {
        let mut query = ExecutionQuery { status: Some(status), cursor: None };
        let mut lowest = None;
        loop {
            let page = self.between_pages(self.n8n.executions(instance, &query)).await?;
            lowest = Some(descending(&page, lowest)?);
            seen.extend(page.items.iter().map(|execution| execution.id));
            self.store_page(state, page.items, None).await?;
            query.cursor = page.next;
            if query.cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn list(
        &self,
        instance: &Instance,
        state: CollectionState,
        seen: &mut HashSet<ExecutionId>,
    ) -> Result<Option<ExecutionId>, Halt> {
        let floor = state.complete_to.map(|ExecutionId(id)| ExecutionId(id - OVERLAP));
        let mut query = ExecutionQuery::default();
        let (mut newest, mut lowest) = (None, None);
        let mut progress = Progress { executions: 0, oldest: None };
        loop {
            let page = self.between_pages(self.n8n.executions(instance, &query)).await?;
            lowest = Some(descending(&page, lowest)?);
            newest = newest.or(page.items.first().map(|execution| execution.id));
            seen.extend(page.items.iter().map(|execution| execution.id));
            let enough = page.items.iter().all(|execution| floor.is_some_and(|floor| execution.id < floor));
            progress = further(progress, &page.items);
            let first_sync = state.complete_to.is_none().then_some(progress);
            self.store_page(state, page.items, first_sync).await?;
            query.cursor = page.next;
            if query.cursor.is_none() || enough {
                return Ok(newest);
            }
        }
    }

    async fn open(
        &self,
        instance: &Instance,
        state: CollectionState,
        seen: &HashSet<ExecutionId>,
    ) -> Result<(), Halt> {
        let scope = TenantScope::client(self.client);
        for open in self.store.open_executions(scope, self.client, OPEN_READS).await? {
            if seen.contains(&open.id) {
                continue;
            }
            match self.between_pages(self.n8n.execution(instance, open.id)).await? {
                Some(execution) => self.store_page(state, vec![execution], None).await?,
                None => self.store.miss_execution(scope, self.client, open.id, self.clock.now()).await?,
            }
        }
        Ok(())
    }

    async fn store_page(
        &self,
        state: CollectionState,
        executions: Vec<Execution>,
        progress: Option<Progress>,
    ) -> Result<(), Halt> {
        if executions.is_empty() {
            return Ok(());
        }
        let batch = Batch { epoch: state.epoch, executions, read_at: self.clock.now(), progress };
        let scope = TenantScope::client(self.client);
        match self.store.apply_executions(scope, self.client, batch).await? {
            Applied::Stored { .. } => Ok(()),
            Applied::Superseded => Err(Halt::Quiet),
        }
    }

    /// Asks n8n, unless the host stops first.
    async fn between_pages<T>(&self, request: impl Future<Output = Result<T, N8nError>>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Quiet),
            answer = request => Ok(answer?),
        }
    }
}

/// The lowest id of a page, which must continue below the one before: a cursor that starts again at the top would never end.
fn descending(page: &N8nPage<Execution>, before: Option<i64>) -> Result<i64, N8nError> {
    let mut lowest = before.unwrap_or(i64::MAX);
    for execution in &page.items {
        if execution.id.0 >= lowest {
            return Err(N8nError {
                status: ConnectionStatus::NotN8n,
                message: "The pages of executions do not follow each other as n8n's do.".to_owned(),
                source: None,
            });
        }
        lowest = execution.id.0;
    }
    Ok(lowest)
}

fn further(progress: Progress, executions: &[Execution]) -> Progress {
    let oldest = executions.iter().filter_map(|execution| execution.started_at).min();
    let oldest: Option<Timestamp> = progress.oldest.into_iter().chain(oldest).min();
    Progress { executions: progress.executions + i64::try_from(executions.len()).unwrap_or(0), oldest }
}
