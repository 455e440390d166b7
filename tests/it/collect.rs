//! Collections that meet changes: of the key, of the address, of what stands behind it, and lists that never end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use flowmastery_core::{
    Config, Flowmastery,
    access::{actor::Actor, scope::TenantScope},
    clock::{Clock, Timestamp},
    id::{ClientId, ExecutionId, UserId},
    model::{
        client::{ClientName, Instance, NewClient},
        execution::{Execution, Status},
        freshness::{ConnectionStatus, FreshnessStatus},
        outbound::OutboundPolicy,
        period::PeriodQuery,
        workflow::Workflow,
    },
    n8n::{ExecutionQuery, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution},
    service::{clients::InstanceConfig, collect::CollectionLimits},
    store::{Due, Term},
    sync::CollectionRequests,
};
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, World},
};
use n8n_simulator::{Dialect, FakeN8n, Fault, Run};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

both_backends! {
    a_new_configuration_does_not_wait_for_the_old_collection,
    the_same_n8n_at_another_address_counts_nothing_twice,
    a_reset_n8n_is_counted_beside_what_it_was_before,
    a_client_that_moves_to_another_n8n_keeps_its_numbers,
    what_n8n_pruned_before_it_was_read_is_said_as_a_gap,
    a_wait_that_n8n_1_hides_is_found_and_followed,
    waits_that_n8n_1_hides_below_running_ones_are_found,
    a_long_back_fill_shows_recent_numbers_and_goes_on_where_it_stopped,
    a_failing_n8n_is_asked_less_and_less_often,
    old_executions_leave_the_list_and_stay_in_the_numbers,
}

const HOUR_AGO: &str = "2026-03-10T11:00:00.000Z";

async fn world(backend: Backend) -> (World, String) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    world.client(&admin, "Acme Corp").await;
    (world, admin)
}

async fn n8n_with(runs: u32) -> FakeN8n {
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Any");
    for run in 0..runs {
        let start = Timestamp::parse(HOUR_AGO).unwrap().plus(Duration::from_millis(run.into()));
        n8n.state().add(Run::ended(&workflow, "success", start, 10));
    }
    n8n
}

async fn metrics(world: &World, admin: &str) -> Value {
    world.get("/api/v1/metrics/client/1", admin).await.expect(200)
}

async fn a_new_configuration_does_not_wait_for_the_old_collection(backend: Backend) {
    let (world, admin) = world(backend).await;
    let (hanging, healthy) = (n8n_with(1).await, n8n_with(7).await);
    world.configure_unheard(1, &hanging.url(), &hanging.key()).await;
    hanging.state().set_fault(Fault::Slow(Duration::from_secs(60)));
    let old = world.app.collector().clone();
    let old = tokio::spawn(async move {
        old.collect_now(ClientId(1), Duration::from_secs(60)).await;
    });
    while hanging.state().requests().is_empty() {
        tokio::task::yield_now().await;
    }
    world.configure(&admin, 1, &healthy.url(), &healthy.key()).await.expect(200);
    let read = tokio::time::timeout(Duration::from_secs(8), metrics(&world, &admin)).await.expect("in time");
    assert_eq!((&read["total_executions"], &read["freshness"]["status"]), (&json!(7), &json!("live")));
    tokio::time::timeout(Duration::from_secs(8), old).await.expect("the old one ended").unwrap();
    assert_eq!(metrics(&world, &admin).await, read, "and left no trace");
}

async fn the_same_n8n_at_another_address_counts_nothing_twice(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = n8n_with(300).await;
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    assert_eq!(metrics(&world, &admin).await["total_executions"], 300);
    let renamed = n8n.url().replace("127.0.0.1", "localhost");
    for url in ["http://localhost:1", renamed.as_str(), "http://localhost:1", n8n.url().as_str()] {
        world.configure(&admin, 1, url, &n8n.key()).await.expect(200);
        world.collect(1).await;
        assert_eq!(metrics(&world, &admin).await["total_executions"], 300, "{url}");
    }
    assert_eq!(metrics(&world, &admin).await["freshness"]["status"], "live");
}

async fn a_reset_n8n_is_counted_beside_what_it_was_before(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = n8n_with(20).await;
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    assert_eq!(metrics(&world, &admin).await["total_executions"], 20);
    n8n.state().reset();
    world.collect(1).await;
    assert_eq!(metrics(&world, &admin).await["total_executions"], 20, "nothing ran since");
    let workflow = n8n.state().add_workflow("Anew");
    for minute in 1..=3 {
        let start = Timestamp::parse(HOUR_AGO).unwrap().plus(Duration::from_secs(60 * minute));
        n8n.state().add(Run::ended(&workflow, "error", start, 10));
    }
    for _ in 0..2 {
        world.collect(1).await;
        let read = metrics(&world, &admin).await;
        assert_eq!((&read["successful_executions"], &read["failed_executions"]), (&json!(20), &json!(3)));
    }
}

async fn a_client_that_moves_to_another_n8n_keeps_its_numbers(backend: Backend) {
    let (world, admin) = world(backend).await;
    let (old, new) = (n8n_with(20).await, FakeN8n::start().await);
    let workflow = new.state().add_workflow("Elsewhere");
    new.state().skip_ids(3);
    for _ in 0..5 {
        let later = Timestamp::parse(HOUR_AGO).unwrap().plus(Duration::from_secs(600));
        new.state().add(Run::ended(&workflow, "error", later, 10));
    }
    for (n8n, total) in [(&old, 20), (&new, 25), (&old, 25), (&new, 25)] {
        world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
        world.collect(1).await;
        let read = metrics(&world, &admin).await;
        assert_eq!(read["total_executions"], total, "{read}");
    }
}

async fn what_n8n_pruned_before_it_was_read_is_said_as_a_gap(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = n8n_with(5).await;
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    assert_eq!(metrics(&world, &admin).await["freshness"]["gaps"], json!([]));
    let workflow = n8n.state().workflows().keys().next().unwrap().clone();
    let at = |minute: u64| Timestamp::parse(HOUR_AGO).unwrap().plus(Duration::from_secs(60 * minute));
    for minute in 10..30 {
        n8n.state().add(Run::ended(&workflow, "success", at(minute), 10));
    }
    // Only the newest ten are left when they are read.
    for id in 1..=15 {
        n8n.state().delete(id);
    }
    world.collect(1).await;
    let read = metrics(&world, &admin).await;
    assert_eq!(read["total_executions"], 15);
    let gap = json!({ "from": at(0).plus(Duration::from_millis(4)).to_string(), "to": at(20).to_string() });
    assert_eq!(read["freshness"]["gaps"], json!([gap]));
    assert!(read["freshness"]["message"].as_str().unwrap().contains("removed executions"), "{read}");
}

async fn a_wait_that_n8n_1_hides_is_found_and_followed(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = FakeN8n::start_as(Dialect::V1).await;
    let workflow = n8n.state().add_workflow("Waits");
    let (start, later) = (Timestamp::parse(HOUR_AGO).unwrap(), Timestamp::parse("2026-03-10T13:00:00.000Z"));
    n8n.state().add(Run::ended(&workflow, "success", start, 10));
    let hidden = n8n.state().add(Run::waiting(&workflow, start, later.unwrap()));
    n8n.state().add(Run::ended(&workflow, "success", start, 10));
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    // The first collection lists what is there; ids that were in no list are asked for once that is stored.
    world.collect(1).await;
    world.collect(1).await;
    let read = metrics(&world, &admin).await;
    assert_eq!((&read["total_executions"], &read["unfinished_executions"]), (&json!(3), &json!(1)));
    n8n.state().end(hidden, "error", later.unwrap());
    world.collect(1).await;
    let read = metrics(&world, &admin).await;
    assert_eq!((&read["unfinished_executions"], &read["failed_executions"]), (&json!(0), &json!(1)));
    assert!(n8n.state().requests().iter().all(|request| !request.contains("includeData")));
}

async fn waits_that_n8n_1_hides_below_running_ones_are_found(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = FakeN8n::start_as(Dialect::V1).await;
    let workflow = n8n.state().add_workflow("Waits");
    let start = Timestamp::parse(HOUR_AGO).unwrap();
    n8n.state().add(Run::ended(&workflow, "success", start, 10));
    for _ in 0..3 {
        n8n.state().add(Run::waiting(&workflow, start, start.plus(Duration::from_secs(7200))));
    }
    n8n.state().add(Run::running(&workflow, start));
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    world.collect(1).await;
    world.collect(1).await;
    let read = metrics(&world, &admin).await;
    assert_eq!((&read["total_executions"], &read["unfinished_executions"]), (&json!(5), &json!(4)));
}

async fn a_long_back_fill_shows_recent_numbers_and_goes_on_where_it_stopped(backend: Backend) {
    let limits = CollectionLimits { walk_pages: 1, ..CollectionLimits::default() };
    let world = World::with(backend.store().await, |builder| builder.collection_limits(limits)).await;
    let admin = world.sign_in(ADMIN).await;
    world.client(&admin, "Acme Corp").await;
    let n8n = n8n_with(900).await;
    world.configure_unheard(1, &n8n.url(), &n8n.key()).await;
    let mut seen = Vec::new();
    loop {
        n8n.state().clear_requests();
        world.collect(1).await;
        let read = metrics(&world, &admin).await;
        let pages = n8n.state().requests().iter().filter(|asked| asked.contains("cursor=")).count();
        let sync = world.get("/api/v1/clients/1", &admin).await.expect(200)["sync"].clone();
        let progress = sync["progress"]["executions"].clone();
        seen.push((read["total_executions"].clone(), read["freshness"]["status"].clone(), progress, pages));
        if read["freshness"]["status"] == "live" {
            break;
        }
    }
    // The first page with the one after it, and then a page of the walk each time; the newest are read again with it.
    let collecting = json!("collecting");
    let expected = [
        (json!(500), collecting.clone(), json!(500), 1),
        (json!(750), collecting, json!(750), 2),
        (json!(900), json!("live"), Value::Null, 3),
    ];
    assert_eq!(seen, expected);
}

async fn a_failing_n8n_is_asked_less_and_less_often(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = n8n_with(1).await;
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    assert_eq!(metrics(&world, &admin).await["total_executions"], 1);
    n8n.state().set_fault(Fault::Html404);
    let scope = TenantScope::client(ClientId(1));
    for minutes in [1, 2, 4, 8, 15, 15] {
        world.collect(1).await;
        let due = async |after: u64| {
            let at = world.clock.now().plus(Duration::from_secs(after));
            let leased =
                world.store.lease_due(scope, Term { now: at, until: at }, Due::Failing, 9).await.unwrap();
            for turn in &leased {
                world.store.give_back(scope, *turn, None).await.unwrap();
            }
            !leased.is_empty()
        };
        assert!(!due(minutes * 60 - 1).await && due(minutes * 60).await, "{minutes}");
    }
    n8n.state().set_fault(Fault::None);
    world.collect(1).await;
    assert_eq!(metrics(&world, &admin).await["freshness"]["status"], "live");
}

async fn old_executions_leave_the_list_and_stay_in_the_numbers(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = n8n_with(180).await;
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    world.collect(1).await;
    let read = async |token: &str| {
        let of_the_year = async |path: &str| {
            let path = format!("/api/v1/metrics/client/1{path}?from=2026-01-01&to=2027-01-01");
            world.get(&path, token).await.expect(200)
        };
        let listed = of_the_year("/executions").await.as_array().unwrap().len();
        (of_the_year("").await["total_executions"].clone(), listed)
    };
    assert_eq!(read(&admin).await, (json!(180), 100), "a page of them");
    world.clock.advance(Duration::from_secs(91 * 24 * 60 * 60));
    world.app.collector().sweep(&CancellationToken::new()).await.unwrap();
    world.collect(1).await;
    let admin = world.sign_in(ADMIN).await;
    assert_eq!(read(&admin).await, (json!(180), 100), "the newest hundred stay");
    assert_eq!(
        world
            .store
            .count_kept(
                TenantScope::client(ClientId(1)),
                ClientId(1),
                world.clock.now().minus(Duration::from_secs(200 * 24 * 60 * 60))
            )
            .await
            .unwrap()
            .ended,
        100
    );
}

/// An n8n whose lists never end, in one way or another.
#[derive(Debug)]
struct Endless {
    workflows: bool,
    empty: bool,
    pages: AtomicI64,
}

impl Endless {
    fn next(&self) -> (i64, Option<N8nCursor>) {
        let page = self.pages.fetch_add(1, Ordering::Relaxed);
        assert!(page < 10_000, "it was read for ever");
        (page, Some(N8nCursor(format!("page {page}"))))
    }
}

#[async_trait]
impl N8nApi for Endless {
    async fn workflows(&self, _: &Instance, _: Option<&N8nCursor>) -> Result<N8nPage<Workflow>, N8nError> {
        if !self.workflows {
            return Ok(N8nPage { items: Vec::new(), next: None });
        }
        let (page, next) = self.next();
        let id = if self.empty { 0 } else { page };
        let workflow = Workflow {
            id: id.to_string().as_str().into(),
            name: "Any".to_owned(),
            active: true,
            archived: false,
        };
        // Some thousand a page, so that the bound is met soon.
        let more = (0..if self.empty { 0 } else { 2000 })
            .map(|n| Workflow { id: format!("{page}-{n}").as_str().into(), ..workflow.clone() });
        Ok(N8nPage { items: more.chain([workflow.clone()]).collect(), next })
    }

    async fn executions(&self, _: &Instance, _: &ExecutionQuery) -> Result<N8nPage<Execution>, N8nError> {
        let (_, next) = self.next();
        let run = Execution {
            id: ExecutionId(7),
            workflow_id: "w".into(),
            status: Status::Success,
            mode: "webhook".into(),
            started_at: None,
            stopped_at: None,
            retry_of: None,
            retry_success_id: None,
        };
        Ok(N8nPage { items: if self.empty { Vec::new() } else { vec![run] }, next })
    }

    async fn execution(&self, _: &Instance, _: ExecutionId) -> Result<Option<SingleExecution>, N8nError> {
        Ok(None)
    }

    async fn test(&self, _: &Instance) -> Result<(), N8nError> {
        Ok(())
    }
}

#[tokio::test]
async fn lists_that_never_end_are_not_n8n() {
    for (workflows, empty) in [(true, true), (true, false), (false, true), (false, false)] {
        let fresh = Backend::Sqlite.store().await;
        let mut config = Config::new("a signing secret for tests, long enough".into(), "https://agency.com");
        config.outbound = OutboundPolicy::development();
        let n8n = Arc::new(Endless { workflows, empty, pages: AtomicI64::new(0) });
        let app = Flowmastery::builder(config, fresh.store.clone()).n8n(n8n).build().unwrap();
        let admin = Actor::admin(UserId(1));
        let scope = fresh.store.create_client(None, new_client()).await.unwrap();
        let instance = InstanceConfig::parse("https://n8n.acme.com", "key".into()).unwrap();
        let connected = app.clients().configure(admin, scope.id, instance).await.unwrap();
        assert_eq!(connected.connection.status, ConnectionStatus::Ok);
        let read = app.metrics().client(admin, scope.id, &PeriodQuery::default()).await.unwrap();
        assert_eq!(read.freshness.status, FreshnessStatus::NotN8n, "{workflows} {empty}");
        assert_eq!(read.executions.total_executions, None);
    }
}

fn new_client() -> NewClient {
    NewClient {
        name: ClientName::parse("Acme Corp").unwrap(),
        created_by_admin_id: None,
        created_at: Timestamp::parse(HOUR_AGO).unwrap(),
    }
}
