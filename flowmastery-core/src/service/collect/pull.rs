//! One collection of one client: what is read from its n8n, in which order, and when it is enough.
//!
//! n8n shows an execution in its list only once it ended, with an id below ids that were seen before, so "stop at the first known id"
//! would lose long runs. A collection therefore reads, in this order: the workflows; what is running and waiting; the list from the
//! newest id down past an overlap below the newest id of the last complete collection; and by id, what was unfinished and in none of
//! them. Running comes before the list, so that one which ends in between is in the list. Before the first execution is stored, it is made
//! sure that they are of the instance that we know; then every page is stored as it comes.

use std::collections::HashSet;

use tokio_util::sync::CancellationToken;

use crate::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    error::{Result, causes},
    id::{ClientId, ExecutionId},
    model::{
        client::{Instance, Progress},
        collection::Failure,
        execution::{Execution, Status},
        freshness::ConnectionStatus,
        workflow::Workflow,
    },
    n8n::{ExecutionQuery, N8nApi, N8nError, N8nPage},
    secret::{Place, Vault},
    store::{Applied, Batch, CollectionOutcome, CollectionState, Store, Turn},
};

/// How many ids below the last complete collection are read again.
const OVERLAP: i64 = 1000;
/// How many unfinished executions are read by id in one collection.
const OPEN_READS: usize = 50;
/// How many unfinished executions are considered for that.
const OPEN_LISTED: u16 = 10_000;
/// The most workflows that an n8n may list: a server that never ends its list must not fill the memory.
const MAX_WORKFLOWS: usize = 100_000;

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
        if self.stop.is_cancelled() {
            return Ok(());
        }
        let scope = TenantScope::client(self.client);
        let begun = self.store.begin_collection(scope, self.client, self.clock.now()).await?;
        let Some(state) = begun else { return Ok(()) };
        let outcome = match self.read(state).await {
            Ok(newest) => CollectionOutcome::Complete(newest),
            Err(Halt::Quiet) => return Ok(()),
            Err(Halt::Own(error)) => return Err(error),
            Err(Halt::N8n(error)) => {
                let (status, cause) = (error.status.as_str(), causes(&error));
                tracing::warn!(
                    client.id = self.client.0, status, error = %error, cause,
                    "a collection failed: the client's metrics stay as they are; check its n8n_api_url and n8n_api_key"
                );
                CollectionOutcome::Failed(Failure { status: error.status, message: error.message })
            }
        };
        Ok(self.store.finish_collection(scope, state.turn, &outcome, self.clock.now()).await?)
    }

    async fn read(&self, state: CollectionState) -> Result<Option<ExecutionId>, Halt> {
        let instance = self.instance().await?;
        self.workflows(&instance, state.turn).await?;
        let mut active = self.with_status(&instance, Status::Running).await?;
        active.extend(self.with_status(&instance, Status::Waiting).await?);
        let first = self.page(&instance, &ExecutionQuery::default(), None).await?;
        let newest = first.items.first().map(|execution| execution.id);
        let state = self.identify(&instance, state, active.iter().chain(&first.items)).await?;
        let mut seen: HashSet<_> = active.iter().map(|execution| execution.id).collect();
        self.store_page(state.turn, active, None).await?;
        self.list(&instance, state, first, &mut seen).await?;
        self.open(&instance, state.turn, &seen).await?;
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

    async fn workflows(&self, instance: &Instance, turn: Turn) -> Result<(), Halt> {
        let (mut workflows, mut ids) = (Vec::new(), HashSet::new());
        let mut cursor = None;
        loop {
            let page = self.between_pages(self.n8n.workflows(instance, cursor.as_ref())).await?;
            let before = workflows.len();
            // n8n pages workflows by offset: one may stand on two pages when others come and go.
            workflows
                .extend(page.items.into_iter().filter(|workflow: &Workflow| ids.insert(workflow.id.clone())));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
            if workflows.len() == before || workflows.len() > MAX_WORKFLOWS {
                return Err(endless("workflows").into());
            }
        }
        let scope = TenantScope::client(self.client);
        Ok(self.store.save_workflows(scope, turn, &workflows, self.clock.now()).await?)
    }

    /// What runs or waits, as far as n8n tells.
    async fn with_status(&self, instance: &Instance, status: Status) -> Result<Vec<Execution>, Halt> {
        let mut query = ExecutionQuery { status: Some(status), cursor: None };
        let (mut found, mut lowest) = (Vec::new(), None);
        loop {
            let page = match self.page(instance, &query, lowest).await {
                // An older n8n may not know the filter. Where it is something else, the plain list says so next.
                Err(Halt::N8n(error)) if error.status == ConnectionStatus::NotN8n => return Ok(found),
                page => page?,
            };
            lowest = page.items.last().map(|execution| execution.id).or(lowest);
            found.extend(page.items);
            query.cursor = page.next;
            if query.cursor.is_none() {
                return Ok(found);
            }
        }
    }

    /// Makes sure whose executions these are, before any of them is stored.
    async fn identify(
        &self,
        instance: &Instance,
        state: CollectionState,
        read: impl Iterator<Item = &Execution> + Send,
    ) -> Result<CollectionState, Halt> {
        let mut seen: Vec<_> = read.cloned().collect();
        if let (false, Some(newest)) = (state.identified, state.newest)
            && seen.iter().all(|execution| execution.id > newest)
        {
            // So much ran since that the first page does not reach what is stored: ask for the newest of that.
            seen.extend(self.between_pages(self.n8n.execution(instance, newest)).await?);
        }
        if seen.is_empty() {
            return Ok(state);
        }
        let scope = TenantScope::client(self.client);
        self.store.identify(scope, state.turn, &seen).await?.ok_or(Halt::Quiet)
    }

    async fn list(
        &self,
        instance: &Instance,
        state: CollectionState,
        first: N8nPage<Execution>,
        seen: &mut HashSet<ExecutionId>,
    ) -> Result<(), Halt> {
        let floor = state.complete_to.map(|ExecutionId(id)| ExecutionId(id - OVERLAP));
        let mut progress = Progress { executions: 0, oldest: None };
        let mut page = first;
        loop {
            let lowest = page.items.last().map(|execution| execution.id);
            seen.extend(page.items.iter().map(|execution| execution.id));
            let enough = page.items.iter().all(|execution| floor.is_some_and(|floor| execution.id < floor));
            progress = further(progress, &page.items);
            let first_sync = state.complete_to.is_none().then_some(progress);
            self.store_page(state.turn, page.items, first_sync).await?;
            if page.next.is_none() || enough {
                return Ok(());
            }
            let query = ExecutionQuery { status: None, cursor: page.next };
            page = self.page(instance, &query, lowest).await?;
        }
    }

    /// Reads by id what was unfinished and in no list; of many, another part in each collection.
    async fn open(&self, instance: &Instance, turn: Turn, seen: &HashSet<ExecutionId>) -> Result<(), Halt> {
        let scope = TenantScope::client(self.client);
        let mut open = self.store.open_executions(scope, self.client, OPEN_LISTED).await?;
        open.retain(|id| !seen.contains(id));
        let parts = open.len().div_ceil(OPEN_READS).max(1);
        let part = usize::try_from(turn.number).unwrap_or(0) % parts;
        for id in open.into_iter().skip(part * OPEN_READS).take(OPEN_READS) {
            match self.between_pages(self.n8n.execution(instance, id)).await? {
                Some(execution) => self.store_page(turn, vec![execution], None).await?,
                None => self.store.miss_execution(scope, turn, id, self.clock.now()).await?,
            }
        }
        Ok(())
    }

    async fn store_page(
        &self,
        turn: Turn,
        executions: Vec<Execution>,
        progress: Option<Progress>,
    ) -> Result<(), Halt> {
        if executions.is_empty() {
            return Ok(());
        }
        let batch = Batch { executions, read_at: self.clock.now(), progress };
        match self.store.apply_executions(TenantScope::client(self.client), turn, batch).await? {
            Applied::Stored { .. } => Ok(()),
            Applied::Superseded => Err(Halt::Quiet),
        }
    }

    /// A page of executions, all below the lowest id of the page before.
    async fn page(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
        below: Option<ExecutionId>,
    ) -> Result<N8nPage<Execution>, Halt> {
        let page = self.between_pages(self.n8n.executions(instance, query)).await?;
        let mut lowest = below.unwrap_or(ExecutionId(i64::MAX));
        for execution in &page.items {
            if execution.id >= lowest {
                return Err(endless("executions").into());
            }
            lowest = execution.id;
        }
        if page.items.is_empty() && page.next.is_some() {
            return Err(endless("executions").into());
        }
        Ok(page)
    }

    /// Asks n8n, unless the host stops first or the client is configured anew.
    async fn between_pages<T>(&self, request: impl Future<Output = Result<T, N8nError>>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Quiet),
            answer = request => Ok(answer?),
        }
    }
}

/// A list whose pages do not come to an end, as those of n8n do.
fn endless(what: &str) -> N8nError {
    N8nError {
        status: ConnectionStatus::NotN8n,
        message: format!("The pages of {what} do not follow each other as n8n's do."),
        source: None,
    }
}

fn further(progress: Progress, executions: &[Execution]) -> Progress {
    let oldest = executions.iter().filter_map(|execution| execution.started_at).min();
    let oldest: Option<Timestamp> = progress.oldest.into_iter().chain(oldest).min();
    Progress { executions: progress.executions + i64::try_from(executions.len()).unwrap_or(0), oldest }
}
