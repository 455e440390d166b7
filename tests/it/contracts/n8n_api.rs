//! The contract of ways to n8n, over HTTP and without it, on both versions of n8n; and ways that break it, one rule each.

use std::sync::Arc;

use async_trait::async_trait;
use flowmastery_core::{
    id::ExecutionId,
    model::{
        client::Instance, execution::Execution, freshness::ConnectionStatus, outbound::OutboundPolicy,
        rollup::Range, workflow::Workflow,
    },
    n8n::{
        ExecutionQuery, HttpN8n, HttpN8nConfig, Insights, N8nApi, N8nCursor, N8nError, N8nPage,
        SingleExecution,
    },
    testing::contract::n8n_api::{Abilities, Held, N8nFixture, cases},
};
use n8n_simulator::{Dialect, FakeN8n, InProcessN8n, Run, SimulatedN8n};
use secrecy::ExposeSecret;

use super::fails;

/// A simulated n8n, and a way to it.
struct Fixture {
    api: Arc<dyn N8nApi>,
    n8n: SimulatedN8n,
}

#[async_trait]
impl N8nFixture for Fixture {
    fn api(&self) -> &dyn N8nApi {
        self.api.as_ref()
    }

    fn instance(&self) -> Instance {
        self.n8n.instance()
    }

    fn abilities(&self) -> Abilities {
        match self.n8n.state().dialect() {
            Dialect::V1 => Abilities::N8N_1,
            Dialect::V2 => Abilities::N8N_2,
        }
    }

    async fn hold(&self, held: Held) {
        let mut state = self.n8n.state();
        state.reset();
        for Workflow { id, name, active, archived } in held.workflows {
            state.add_workflow_as(id.as_str(), &name);
            if archived {
                state.archive_workflow(id.as_str());
            }
            state.set_active(id.as_str(), active);
        }
        for row in held.executions {
            let run = Run {
                created_at: row.started_at,
                started_at: row.started_at,
                stopped_at: row.stopped_at,
                retry_of: row.retry_of.map(|id| id.0),
                retry_success_id: row.retry_success_id.map(|id| id.0),
                ..Run::queued(row.workflow_id.as_str()).with_status(row.status.as_str()).with_mode(&row.mode)
            };
            state.add_as(row.id.0, run);
        }
    }
}

macro_rules! over_http {
    ($($version:ident: $dialect:expr),+ $(,)?) => {
        $(mod $version {
            use super::*;

            async fn on_fresh_n8n(case: impl AsyncFnOnce(Arc<dyn N8nFixture>)) {
                let server = FakeN8n::start_as($dialect).await;
                let api = HttpN8n::new(HttpN8nConfig::new(OutboundPolicy::development()));
                case(Arc::new(Fixture { api: Arc::new(api.unwrap()), n8n: (*server).clone() })).await;
            }

            flowmastery_core::n8n_api_contract!(on_fresh_n8n);
        })+
    };
}

over_http! { http_to_n8n_1: Dialect::V1, http_to_n8n_2: Dialect::V2 }

mod in_process {
    use super::*;

    async fn on_fresh_n8n(case: impl AsyncFnOnce(Arc<dyn N8nFixture>)) {
        case(faulty(Fault::Nothing)).await;
    }

    flowmastery_core::n8n_api_contract!(on_fresh_n8n);
}

/// What a way to n8n does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    ListsOldestFirst,
    ListsAllAtOnce,
    ListsTheFirstPageOnly,
    NeverEnds,
    ForgetsTheFilterAfterAPage,
    ForgetsTheStart,
    TakesRunningForWaiting,
    TakesWhatIsMissingForAnError,
    CutsNames,
    TakesEveryKey,
    RepeatsTheKey,
    TakesARefusalForSilence,
    MakesUpInsights,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    good: InProcessN8n,
    right_key: Instance,
}

/// A simulated n8n 2, and a way to it that does something wrong.
fn faulty(fault: Fault) -> Arc<dyn N8nFixture> {
    let good = InProcessN8n::new();
    let n8n = good.add_instance(Dialect::V2);
    let right_key = n8n.instance();
    Arc::new(Fixture { api: Arc::new(Faulty { fault, good, right_key }), n8n })
}

impl Faulty {
    fn instance(&self, given: &Instance) -> Instance {
        let takes_any = self.fault == Fault::TakesEveryKey && given.url == self.right_key.url;
        if takes_any { self.right_key.clone() } else { given.clone() }
    }

    fn told<T>(&self, given: &Instance, answer: Result<T, N8nError>) -> Result<T, N8nError> {
        answer.map_err(|error| match (self.fault, error.status) {
            (Fault::RepeatsTheKey, ConnectionStatus::AuthFailed) => {
                N8nError::new(error.status, format!("n8n does not take {}", given.key.expose_secret()))
            }
            (Fault::TakesARefusalForSilence, _) => N8nError::new(ConnectionStatus::Unreachable, "no answer"),
            _ => error,
        })
    }

    async fn all(&self, instance: &Instance, query: &ExecutionQuery) -> Result<Vec<Execution>, N8nError> {
        let (mut query, mut rows) = (query.clone(), Vec::new());
        loop {
            let page = self.good.executions(instance, &query).await?;
            rows.extend(page.items);
            query.cursor = page.next;
            if query.cursor.is_none() {
                return Ok(rows);
            }
        }
    }
}

#[async_trait]
impl N8nApi for Faulty {
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError> {
        let mut page = self.told(instance, self.good.workflows(&self.instance(instance), cursor).await)?;
        if self.fault == Fault::CutsNames {
            page.items.iter_mut().for_each(|row| row.name.retain(|letter| letter.is_ascii()));
        }
        Ok(page)
    }

    async fn executions(
        &self,
        given: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError> {
        let (instance, mut asked) = (self.instance(given), query.clone());
        match self.fault {
            Fault::ListsAllAtOnce => {
                let items = self.all(&instance, query).await?;
                return Ok(N8nPage { items, next: None });
            }
            Fault::ForgetsTheFilterAfterAPage if asked.cursor.is_some() => asked.status = None,
            Fault::ForgetsTheStart => asked.started_after = None,
            Fault::TakesRunningForWaiting => asked.status = None,
            _ => {}
        }
        let mut page = self.told(given, self.good.executions(&instance, &asked).await)?;
        match self.fault {
            Fault::ListsOldestFirst => page.items.reverse(),
            Fault::ListsTheFirstPageOnly => page.next = None,
            Fault::NeverEnds => page.next = Some(N8nCursor("again".to_owned())),
            _ => {}
        }
        Ok(page)
    }

    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError> {
        let found = self.told(instance, self.good.execution(&self.instance(instance), id).await)?;
        if found.is_none() && self.fault == Fault::TakesWhatIsMissingForAnError {
            return Err(N8nError::new(ConnectionStatus::NotN8n, "not found"));
        }
        Ok(found)
    }

    async fn insights(&self, instance: &Instance, range: Range) -> Result<Option<Insights>, N8nError> {
        if self.fault == Fault::MakesUpInsights {
            return Ok(Some(Insights { total: 0, failed: 0 }));
        }
        self.good.insights(instance, range).await
    }

    async fn test(&self, instance: &Instance) -> Result<(), N8nError> {
        self.told(instance, self.good.test(&self.instance(instance)).await)
    }
}

#[tokio::test]
async fn a_way_to_n8n_that_lists_wrongly_is_caught() {
    use cases::*;
    for fault in
        [Fault::ListsOldestFirst, Fault::ListsAllAtOnce, Fault::ListsTheFirstPageOnly, Fault::NeverEnds]
    {
        assert!(
            fails(executions_come_newest_first_in_pages_of_250_at_most(faulty(fault))).await,
            "{fault:?}"
        );
    }
    let forgets = faulty(Fault::ForgetsTheFilterAfterAPage);
    assert!(fails(those_that_run_are_listed_by_their_status_on_every_page(forgets)).await);
    let start = faulty(Fault::ForgetsTheStart);
    assert!(fails(a_list_begins_at_a_start_on_every_page_where_n8n_can(start)).await);
    let running = faulty(Fault::TakesRunningForWaiting);
    assert!(fails(those_that_wait_are_listed_by_their_status_where_n8n_does(running)).await);
    assert!(fails(workflows_are_listed_in_pages_with_their_state(faulty(Fault::CutsNames))).await);
    assert!(fails(what_n8n_sums_up_is_told_where_it_does(faulty(Fault::MakesUpInsights))).await);
}

#[tokio::test]
async fn a_way_to_n8n_that_says_the_wrong_thing_of_a_failure_is_caught() {
    use cases::*;
    let missing = faulty(Fault::TakesWhatIsMissingForAnError);
    assert!(
        fails(a_single_execution_is_found_whatever_its_status_and_one_that_n8n_lacks_is_none(missing)).await
    );
    for fault in [Fault::TakesEveryKey, Fault::RepeatsTheKey, Fault::TakesARefusalForSilence] {
        assert!(
            fails(a_key_that_n8n_does_not_take_is_said_and_not_repeated(faulty(fault))).await,
            "{fault:?}"
        );
    }
}
