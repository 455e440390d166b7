//! One collection of one client: what is read from its n8n, in which order, and when it is enough.
//!
//! n8n shows an execution in its list only once it ended, with an id below ids that were seen before, so "stop at the first known id"
//! would lose long runs. A collection therefore reads, in this order: the workflows; what is running and waiting; the list from the
//! newest id down past an overlap below the newest id of the last collection; by id, what was unfinished and in none of them; and a part
//! of the walk over everything, where one is under way. Running comes before the list, so that one which ends in between is in the
//! list. Before the first execution is stored, it is made sure of which life of the instance they are; then every page is stored as it
//! comes. Ids that were in no list are asked for at the end, when the numbers are known to be fresh.

use std::{collections::HashSet, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{CollectionLimits, identify::Pages, progress::Said};
use crate::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    error::{Result, causes},
    id::{ClientId, ExecutionId},
    model::{
        client::Instance,
        collection::Failure,
        execution::{Execution, Status},
        freshness::ConnectionStatus,
        schedule::{Pace, after_failure, after_success},
        workflow::Workflow,
    },
    n8n::{ExecutionQuery, N8nApi, N8nError, N8nPage},
    secret::{Place, Vault},
    store::{Applied, Batch, CollectionOutcome, CollectionState, Finished, Store, Turn},
};

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
    /// The longest wait for the next one.
    pub(super) interval: Duration,
    pub(super) limits: CollectionLimits,
    pub(super) said: &'a Said,
    /// When this one began.
    pub(super) begun: Timestamp,
}

/// How a collection ended, for those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// How it went is noted, or there is nothing to collect from.
    Noted,
    /// It was interrupted, or is another host's: nothing is noted.
    Quiet,
}

/// Why a collection ended before its end.
pub(super) enum Halt {
    /// The host stops, the client is gone or was given another n8n, or it was not this host's turn to ask: nothing is wrong with n8n, and
    /// nothing is noted.
    Quiet,
    /// n8n was in the way.
    N8n(N8nError),
    /// We were.
    Own(crate::error::Error),
}

impl From<N8nError> for Halt {
    fn from(error: N8nError) -> Self {
        if error.is_n8ns { Self::N8n(error) } else { Self::Quiet }
    }
}

impl<E: Into<crate::error::Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Own(error.into())
    }
}

/// What a collection read.
struct Done {
    instance: Instance,
    state: CollectionState,
    newest: Option<ExecutionId>,
    /// What was in one of the lists.
    seen: HashSet<ExecutionId>,
    /// The newest that was unfinished.
    newest_open: Option<ExecutionId>,
}

impl Pull<'_> {
    /// Collects in a turn, and notes how it went.
    ///
    /// # Errors
    /// When the store could not take it; what was in n8n's way is noted for readers instead.
    pub(super) async fn run(&self, turn: Turn) -> Result<End> {
        if self.stop.is_cancelled() {
            return Ok(End::Quiet);
        }
        let next = self.begun.plus(self.interval);
        let begun = self.store.begin_collection(self.scope(), turn, self.begun, next).await?;
        let Some(state) = begun else { return Ok(End::Quiet) };
        let failures = state.failures;
        match self.read(state.clone()).await {
            Ok(done) => {
                let wait =
                    if done.state.back_filled { self.wait(&state, done.newest) } else { Duration::ZERO };
                self.finish(turn, &CollectionOutcome::Complete(done.newest), wait).await?;
                self.afterwards(done).await?;
            }
            Err(Halt::Quiet) => return Ok(End::Quiet),
            Err(Halt::Own(error)) => return Err(error),
            Err(Halt::N8n(error)) => {
                let (status, cause) = (error.status.as_str(), causes(&error));
                tracing::warn!(
                    client.id = self.client.0, status, error = %error, cause,
                    "a collection failed: the client's metrics stay as they are; check its n8n_api_url and n8n_api_key"
                );
                let wait = after_failure(self.interval, failures + 1, error.retry_after);
                let failure = Failure { status: error.status, message: error.message };
                self.finish(turn, &CollectionOutcome::Failed(failure), wait).await?;
            }
        }
        Ok(End::Noted)
    }

    async fn finish(&self, turn: Turn, outcome: &CollectionOutcome, wait: Duration) -> Result<()> {
        let when = Finished { now: self.clock.now(), next_attempt: self.begun.plus(wait) };
        Ok(self.store.finish_collection(self.scope(), turn, outcome, when).await?)
    }

    /// How long the next collection can wait.
    fn wait(&self, before: &CollectionState, newest: Option<ExecutionId>) -> Duration {
        let (Some(newest), Some(known), Some(last)) = (newest, before.complete_to, before.last_success_at)
        else {
            return self.interval;
        };
        let pace = Pace { new: newest.0 - known.0, during: self.begun.since(last), kept: before.listed };
        after_success(self.interval, pace)
    }

    async fn read(&self, state: CollectionState) -> Result<Done, Halt> {
        let instance = self.instance().await?;
        self.workflows(&instance, state.turn).await?;
        let mut active = self.with_status(&instance, Status::Running).await?;
        let waiting = self.with_status(&instance, Status::Waiting).await?;
        // One that fell asleep between the two requests stands in both.
        active.retain(|run| waiting.iter().all(|asleep| asleep.id != run.id));
        active.extend(waiting);
        let first = self.page(&instance, &ExecutionQuery::default(), None).await?;
        let newest = first.items.first().map(|execution| execution.id);
        let mut pages = Pages::from([first]);
        let mut state = self.identify(&instance, state, (&active, &mut pages)).await?;
        let mut seen: HashSet<_> = active.iter().map(|execution| execution.id).collect();
        self.store_listed(&state, active).await?;
        let tail = self.list(&instance, &mut state, pages, &mut seen).await?;
        let newest_open = self.open(&instance, state.turn, &seen).await?;
        self.walk(&instance, &mut state, tail).await?;
        Ok(Done { instance, state, newest, seen, newest_open })
    }

    /// What needs no haste; what is in its way is in the way of the next collection, too, and said then.
    async fn afterwards(&self, done: Done) -> Result<()> {
        if !done.state.back_filled {
            return Ok(());
        }
        match self.probe(&done.instance, &done.state, (&done.seen, done.newest_open)).await {
            Err(Halt::Own(error)) => Err(error),
            Ok(()) | Err(Halt::Quiet | Halt::N8n(_)) => Ok(()),
        }
    }

    pub(super) fn scope(&self) -> TenantScope {
        TenantScope::client(self.client)
    }

    /// Whether half of the interval is over: what can wait then leaves the rest of it to the next collection.
    pub(super) fn is_late(&self) -> bool {
        self.clock.now().since(self.begun) >= self.interval / 2
    }

    /// Whether the next collection is due.
    pub(super) fn is_due_again(&self) -> bool {
        self.clock.now().since(self.begun) >= self.interval
    }

    async fn instance(&self) -> Result<Instance, Halt> {
        let sealed = self.store.find_instance(self.scope(), self.client).await?.ok_or(Halt::Quiet)?;
        let key = self
            .vault
            .open(Place::n8n_key(self.client), &sealed.key)
            .map_err(|error| N8nError::new(ConnectionStatus::AuthFailed, error.message()))?;
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
        Ok(self.store.save_workflows(self.scope(), turn, &workflows, self.clock.now()).await?)
    }

    /// What runs or waits, as far as n8n tells.
    async fn with_status(&self, instance: &Instance, status: Status) -> Result<Vec<Execution>, Halt> {
        let mut query = ExecutionQuery { status: Some(status), ..ExecutionQuery::default() };
        let (mut found, mut lowest) = (Vec::new(), None);
        loop {
            let page = match self.page(instance, &query, lowest).await {
                // An older n8n may not know the filter. Where it is something else, the plain list says so next.
                Err(Halt::N8n(error)) if error.status == ConnectionStatus::NotN8n => return Ok(found),
                page => page?,
            };
            lowest = lowest_of(&page.items).or(lowest);
            found.extend(page.items);
            query.cursor = page.next;
            if query.cursor.is_none() {
                return Ok(found);
            }
        }
    }

    /// Stores executions of the list.
    pub(super) async fn store_listed(
        &self,
        state: &CollectionState,
        executions: Vec<Execution>,
    ) -> Result<(), Halt> {
        if executions.is_empty() {
            return Ok(());
        }
        let batch = Batch { proven: state.proven.clone(), ..Batch::of(executions, self.clock.now()) };
        self.store_batch(state.turn, batch).await
    }

    /// Stores executions that were asked for by id.
    pub(super) async fn store_page(&self, turn: Turn, executions: Vec<Execution>) -> Result<(), Halt> {
        if executions.is_empty() {
            return Ok(());
        }
        self.store_batch(turn, Batch::of(executions, self.clock.now())).await
    }

    pub(super) async fn store_batch(&self, turn: Turn, batch: Batch) -> Result<(), Halt> {
        match self.store.apply_executions(self.scope(), turn, batch).await? {
            Applied::Stored { .. } => Ok(()),
            Applied::Superseded => Err(Halt::Quiet),
            Applied::Parted => Err(N8nError::new(
                ConnectionStatus::NotN8n,
                "n8n was reset or restored while its executions were read; they are read again.",
            )
            .into()),
        }
    }

    /// A page of executions, all below the lowest id of the page before.
    pub(super) async fn page(
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
    pub(super) async fn between_pages<T>(
        &self,
        request: impl Future<Output = Result<T, N8nError>>,
    ) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Quiet),
            answer = request => Ok(answer?),
        }
    }
}

/// The lowest id of a page.
pub(super) fn lowest_of(page: &[Execution]) -> Option<ExecutionId> {
    page.last().map(|execution| execution.id)
}

/// A list whose pages do not come to an end, as those of n8n do.
fn endless(what: &str) -> N8nError {
    let message = format!("The pages of {what} do not follow each other as n8n's do.");
    N8nError::new(ConnectionStatus::NotN8n, message)
}
