//! The contract of [`crate::n8n::N8nApi`].
//!
//! A case fills an n8n, or what stands in for one, through an [`N8nFixture`], and reads it through the port. Versions of n8n differ; what one may
//! or may not do is said by [`Abilities`].
//!
//! ```no_run
//! use std::sync::{Arc, Mutex};
//!
//! use async_trait::async_trait;
//! use flowmastery_core::{
//!     model::client::Instance,
//!     n8n::N8nApi,
//!     testing::contract::n8n_api::{Abilities, Held, N8nFixture},
//! };
//!
//! struct Fixture {
//!     api: Arc<dyn N8nApi>,
//!     instance: Instance,
//!     rows: Arc<Mutex<Held>>,
//! }
//!
//! #[async_trait]
//! impl N8nFixture for Fixture {
//!     fn api(&self) -> &dyn N8nApi {
//!         self.api.as_ref()
//!     }
//!
//!     fn instance(&self) -> Instance {
//!         self.instance.clone()
//!     }
//!
//!     fn abilities(&self) -> Abilities {
//!         Abilities::N8N_2
//!     }
//!
//!     async fn hold(&self, held: Held) {
//!         *self.rows.lock().unwrap() = held;
//!     }
//! }
//!
//! async fn on_fresh_n8n(case: impl AsyncFnOnce(Arc<dyn N8nFixture>)) {
//!     let (api, instance, rows) = my_n8n();
//!     case(Arc::new(Fixture { api, instance, rows })).await;
//! }
//!
//! flowmastery_core::n8n_api_contract!(on_fresh_n8n);
//! # fn my_n8n() -> (Arc<dyn N8nApi>, Instance, Arc<Mutex<Held>>) { unimplemented!() }
//! # fn main() {}
//! ```

use std::{error::Error as StdError, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::suite;
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{
        client::Instance,
        execution::{Execution, Status},
        freshness::ConnectionStatus,
        instance::InstanceUrl,
        rollup::Range,
        workflow::{Workflow, WorkflowId},
    },
    n8n::{ExecutionQuery, Insights, N8nApi, N8nError, N8nPage},
};

/// A way to an n8n, and that n8n, which is empty at first.
#[async_trait]
pub trait N8nFixture: Send + Sync {
    /// The way.
    fn api(&self) -> &dyn N8nApi;

    /// Where the n8n is, with the key that it takes.
    fn instance(&self) -> Instance;

    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// Puts these rows into it, and no others.
    async fn hold(&self, held: Held);
}

/// What versions of n8n differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Those that wait are listed by their status.
    pub lists_waiting: bool,
    /// Lists can begin at a start. Where they cannot, they are refused or whole.
    pub filters_by_start: bool,
    /// It sums up a span itself.
    pub tells_insights: bool,
}

impl Abilities {
    /// Those of n8n 1.
    pub const N8N_1: Self = Self { lists_waiting: false, filters_by_start: false, tells_insights: false };
    /// Those of n8n 2.
    pub const N8N_2: Self = Self { lists_waiting: true, filters_by_start: true, tells_insights: true };
}

/// What an n8n has.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// In any order.
    pub workflows: Vec<Workflow>,
    /// Oldest first, so that the last one has the highest id.
    pub executions: Vec<Execution>,
}

/// The most rows of a page.
const PAGE_ROWS: usize = 250;
/// No list here has more pages.
const MOST_PAGES: usize = 10;

/// So many seconds after the cases' first execution.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_389_462_123 + seconds * 1000)
}

/// An execution by a webhook that started `id` seconds after the first.
fn execution(id: i64, status: Status) -> Execution {
    let ended = !matches!(status, Status::New | Status::Running);
    Execution {
        id: ExecutionId(id),
        workflow_id: WorkflowId::from("vDa5dbRFGyYBAsUj"),
        status,
        mode: "webhook".into(),
        started_at: (status != Status::New).then(|| at(id)),
        stopped_at: ended.then(|| at(id + 1)),
        retry_of: None,
        retry_success_id: None,
    }
}

fn holding(executions: Vec<Execution>) -> Held {
    let workflow = Workflow {
        id: WorkflowId::from("vDa5dbRFGyYBAsUj"),
        name: "Orders".to_owned(),
        active: true,
        archived: false,
    };
    Held { workflows: vec![workflow], executions }
}

fn by_status(status: Status) -> ExecutionQuery {
    ExecutionQuery { status: Some(status), ..ExecutionQuery::default() }
}

/// Every row of a list of executions, with the bounds of its pages checked.
async fn listed(n8n: &dyn N8nFixture, mut query: ExecutionQuery) -> Result<Vec<Execution>, N8nError> {
    let mut rows = Vec::new();
    for _ in 0..MOST_PAGES {
        let N8nPage { items, next } = n8n.api().executions(&n8n.instance(), &query).await?;
        assert!(items.len() <= PAGE_ROWS, "a page has {} rows", items.len());
        rows.extend(items);
        query.cursor = next;
        if query.cursor.is_none() {
            return Ok(rows);
        }
    }
    panic!("the list does not end");
}

async fn ids(n8n: &dyn N8nFixture, query: ExecutionQuery) -> Vec<i64> {
    listed(n8n, query).await.unwrap().iter().map(|execution| execution.id.0).collect()
}

async fn an_empty_n8n_is_good_and_lists_nothing(n8n: Arc<dyn N8nFixture>) {
    let (api, instance) = (n8n.api(), n8n.instance());
    api.test(&instance).await.unwrap();
    let nothing = N8nPage { items: Vec::new(), next: None };
    assert_eq!(api.executions(&instance, &ExecutionQuery::default()).await.unwrap(), nothing);
    assert_eq!(api.workflows(&instance, None).await.unwrap().items, []);
    assert_eq!(api.execution(&instance, ExecutionId(1)).await.unwrap(), None);
}

async fn executions_come_newest_first_in_pages_of_250_at_most(n8n: Arc<dyn N8nFixture>) {
    for count in [250, 600] {
        n8n.hold(holding((1..=count).map(|id| execution(id, Status::Success)).collect())).await;
        let expected: Vec<i64> = (1..=count).rev().collect();
        assert_eq!(ids(&*n8n, ExecutionQuery::default()).await, expected);
    }
}

async fn executions_are_as_n8n_has_them(n8n: Arc<dyn N8nFixture>) {
    let manual = |execution: Execution| Execution { mode: "manual".into(), ..execution };
    let held = vec![
        Execution { retry_success_id: Some(ExecutionId(3)), ..execution(1, Status::Error) },
        manual(execution(2, Status::Success)),
        Execution { mode: "retry".into(), retry_of: Some(ExecutionId(1)), ..execution(3, Status::Success) },
        execution(4, Status::Crashed),
        Execution { mode: "trigger".into(), ..execution(5, Status::Canceled) },
        execution(6, Status::New),
    ];
    n8n.hold(holding(held.clone())).await;
    let mut listed = listed(&*n8n, ExecutionQuery::default()).await.unwrap();
    listed.reverse();
    assert_eq!(listed, held);
}

async fn those_that_run_are_listed_by_their_status_on_every_page(n8n: Arc<dyn N8nFixture>) {
    let status = |id| if id % 2 == 0 { Status::Running } else { Status::Success };
    n8n.hold(holding((1..=600).map(|id| execution(id, status(id))).collect())).await;
    let expected: Vec<i64> = (1..=300).map(|id| id * 2).rev().collect();
    assert_eq!(ids(&*n8n, by_status(Status::Running)).await, expected);
    let plain = ids(&*n8n, ExecutionQuery::default()).await;
    let ended: Vec<i64> = plain.into_iter().filter(|id| id % 2 == 1).collect();
    assert_eq!(ended, (1..=600).filter(|id| id % 2 == 1).rev().collect::<Vec<i64>>());
}

async fn those_that_wait_are_listed_by_their_status_where_n8n_does(n8n: Arc<dyn N8nFixture>) {
    let waiting = execution(2, Status::Waiting);
    let held = vec![execution(1, Status::Success), waiting.clone(), execution(3, Status::Running)];
    n8n.hold(holding(held)).await;
    let expected = if n8n.abilities().lists_waiting { vec![waiting.clone()] } else { Vec::new() };
    assert_eq!(listed(&*n8n, by_status(Status::Waiting)).await.unwrap(), expected);
    let found = n8n.api().execution(&n8n.instance(), ExecutionId(2)).await.unwrap().unwrap();
    assert_eq!(found.execution, waiting);
}

async fn a_list_begins_at_a_start_on_every_page_where_n8n_can(n8n: Arc<dyn N8nFixture>) {
    n8n.hold(holding((1..=600).map(|id| execution(id, Status::Success)).collect())).await;
    let query = ExecutionQuery { started_after: Some(at(301)), ..ExecutionQuery::default() };
    let listed = listed(&*n8n, query).await;
    if let Ok(rows) = &listed {
        let first = if n8n.abilities().filters_by_start { 301 } else { 1 };
        let expected: Vec<i64> = (first..=600).rev().collect();
        assert_eq!(rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), expected);
    } else {
        assert!(!n8n.abilities().filters_by_start, "{listed:?}");
    }
}

async fn a_single_execution_is_found_whatever_its_status_and_one_that_n8n_lacks_is_none(
    n8n: Arc<dyn N8nFixture>,
) {
    let statuses = [Status::Success, Status::Error, Status::Running, Status::New, Status::Waiting];
    let held: Vec<_> = (1..).zip(statuses).map(|(id, status)| execution(id, status)).collect();
    n8n.hold(holding(held.clone())).await;
    let (api, instance) = (n8n.api(), n8n.instance());
    for execution in held {
        let found = api.execution(&instance, execution.id).await.unwrap().unwrap();
        assert_eq!(found.execution, execution);
        // It is by this that another life of a database is told.
        let again = api.execution(&instance, execution.id).await.unwrap().unwrap();
        assert_eq!(again.created_at, found.created_at);
    }
    for unknown in [6, 2_147_483_647] {
        assert_eq!(api.execution(&instance, ExecutionId(unknown)).await.unwrap(), None, "{unknown}");
    }
}

async fn workflows_are_listed_in_pages_with_their_state(n8n: Arc<dyn N8nFixture>) {
    let workflow = |number: usize| Workflow {
        id: WorkflowId::from(format!("workflow{number:08}").as_str()),
        name: format!("Größe \"{number}\""),
        active: number.is_multiple_of(3),
        archived: number % 3 == 1,
    };
    let held: Vec<_> = (0..600).map(workflow).collect();
    n8n.hold(Held { workflows: held.clone(), executions: Vec::new() }).await;
    let (mut rows, mut cursor) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = n8n.api().workflows(&n8n.instance(), cursor.as_ref()).await.unwrap();
        assert!(page.items.len() <= PAGE_ROWS, "a page has {} rows", page.items.len());
        rows.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(rows, held);
}

async fn a_key_that_n8n_does_not_take_is_said_and_not_repeated(n8n: Arc<dyn N8nFixture>) {
    n8n.hold(holding(vec![execution(1, Status::Success)])).await;
    let wrong = Instance { key: "a-wrong-key".into(), ..n8n.instance() };
    let api = n8n.api();
    let refusals = [
        api.test(&wrong).await.err(),
        api.workflows(&wrong, None).await.err(),
        api.executions(&wrong, &ExecutionQuery::default()).await.err(),
        api.execution(&wrong, ExecutionId(1)).await.err(),
        api.execution(&wrong, ExecutionId(7)).await.err(),
    ];
    for refusal in refusals {
        let error = refusal.expect("a refusal");
        assert_eq!(error.status, ConnectionStatus::AuthFailed, "{error:?}");
        let cause = error.source().map(|cause| format!("{cause} {cause:?}"));
        let told = format!("{error} {error:?} {cause:?}");
        assert!(!told.contains("a-wrong-key"), "{told}");
    }
    api.test(&n8n.instance()).await.unwrap();
}

async fn where_no_n8n_is_none_is_reached(n8n: Arc<dyn N8nFixture>) {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = InstanceUrl::parse(&format!("http://{address}")).unwrap();
    let error = n8n.api().test(&Instance { url, ..n8n.instance() }).await.unwrap_err();
    assert_eq!(error.status, ConnectionStatus::Unreachable, "{error:?}");
}

async fn what_n8n_sums_up_is_told_where_it_does(n8n: Arc<dyn N8nFixture>) {
    let early =
        Execution { started_at: Some(at(-500)), stopped_at: Some(at(-499)), ..execution(1, Status::Success) };
    let manual = Execution { mode: "manual".into(), ..execution(4, Status::Error) };
    let held = vec![
        early,
        execution(2, Status::Success),
        execution(3, Status::Error),
        manual,
        execution(5, Status::Success),
        execution(6, Status::Running),
    ];
    n8n.hold(holding(held)).await;
    let range = Range { from: at(-100), to: at(-100).plus(Duration::from_secs(24 * 3600)) };
    let told = n8n.api().insights(&n8n.instance(), range).await.unwrap();
    let expected = n8n.abilities().tells_insights.then_some(Insights { total: 3, failed: 1 });
    assert_eq!(told, expected);
}

suite! { $ n8n_api_contract in n8n_api of std::sync::Arc<dyn crate::testing::contract::n8n_api::N8nFixture>:
    an_empty_n8n_is_good_and_lists_nothing,
    executions_come_newest_first_in_pages_of_250_at_most,
    executions_are_as_n8n_has_them,
    those_that_run_are_listed_by_their_status_on_every_page,
    those_that_wait_are_listed_by_their_status_where_n8n_does,
    a_list_begins_at_a_start_on_every_page_where_n8n_can,
    a_single_execution_is_found_whatever_its_status_and_one_that_n8n_lacks_is_none,
    workflows_are_listed_in_pages_with_their_state,
    a_key_that_n8n_does_not_take_is_said_and_not_repeated,
    where_no_n8n_is_none_is_reached,
    what_n8n_sums_up_is_told_where_it_does,
}
