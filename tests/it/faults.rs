//! What readers are told when an n8n is not well: the last known numbers and why they are not newer, never a zero.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flowmastery_core::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{client::SealedInstance, instance::InstanceUrl, outbound::OutboundPolicy},
    n8n::{HttpN8n, HttpN8nConfig, HttpN8nLimits},
    secret::Sealed,
};
use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, World},
};
use n8n_simulator::{FakeN8n, Fault, Run};
use serde_json::{Value, json};

const COUNTS: &[&str] = &[
    "total_workflows",
    "active_workflows",
    "total_executions",
    "successful_executions",
    "failed_executions",
    "canceled_executions",
    "unfinished_executions",
    "success_rate",
    "avg_execution_time",
    "p50_execution_time",
    "time_saved_hours",
    "last_updated",
];

/// A world whose only client has an n8n with two executions; the admin's token, the n8n.
async fn world() -> (World, String, FakeN8n) {
    world_with(HttpN8nLimits::default()).await
}

async fn world_with(limits: HttpN8nLimits) -> (World, String, FakeN8n) {
    let mut config = HttpN8nConfig::new(OutboundPolicy::development());
    config.limits = limits;
    let http = Arc::new(HttpN8n::new(config).unwrap());
    let world = World::with(Backend::Sqlite.store().await, |builder| builder.n8n(http)).await;
    let admin = world.sign_in(ADMIN).await;
    world.client(&admin, "Acme Corp").await;
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Any");
    n8n.state().add(Run::ended(&workflow, "success", instant("2026-03-10T11:00:00.000Z"), 1000));
    n8n.state().add(Run::ended(&workflow, "error", instant("2026-03-10T11:01:00.000Z"), 1000));
    (world, admin, n8n)
}

async fn metrics(world: &World, admin: &str) -> Value {
    world.get("/api/v1/metrics/client/1", admin).await.expect(200)
}

/// Nothing was collected before the fault: every number is null.
async fn is_unknown_before_the_first_success(fault: Fault, status: &str) {
    let (world, admin, n8n) = world().await;
    n8n.state().set_fault(fault);
    let connected = world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    assert_eq!(connected["connection"]["status"], status);
    world.collect(1).await;
    let metrics = metrics(&world, &admin).await;
    for count in COUNTS {
        assert_eq!(metrics[count], Value::Null, "{count} of {metrics}");
    }
    assert_eq!(metrics["freshness"]["status"], status);
    assert_eq!(metrics["freshness"]["last_success_at"], Value::Null);
    let all = world.get("/api/v1/metrics/all", &admin).await.expect(200);
    assert_eq!((&all["clients_without_data"], &all["total_executions"]), (&json!(1), &Value::Null));
}

/// Something was collected before the fault: the numbers stay, and the reason is said.
async fn keeps_the_last_numbers(fault: Fault, status: &str) {
    keeps_the_last_numbers_of(world().await, fault, status).await;
}

async fn keeps_the_last_numbers_of(
    (world, admin, n8n): (World, String, FakeN8n),
    fault: Fault,
    status: &str,
) {
    world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    let good = metrics(&world, &admin).await;
    assert_eq!((&good["total_executions"], &good["freshness"]["status"]), (&json!(2), &json!("live")));
    n8n.state().set_fault(fault);
    world.collect(1).await;
    let mut stale = metrics(&world, &admin).await;
    assert_eq!(stale["freshness"]["status"], status);
    assert_eq!(stale["freshness"]["last_success_at"], good["freshness"]["last_success_at"]);
    let message = stale["freshness"]["message"].as_str().unwrap();
    assert!(message.contains("2026-03-10T12:07:00.000Z"), "{message}");
    stale["freshness"] = good["freshness"].clone();
    assert_eq!(stale, good);
    n8n.state().set_fault(Fault::None);
    world.collect(1).await;
    assert_eq!(metrics(&world, &admin).await, good, "it recovers without a restart");
}

macro_rules! faults {
    ($($name:ident: $fault:expr => $status:literal;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn is_unknown_before_the_first_success() {
                super::is_unknown_before_the_first_success($fault, $status).await;
            }

            #[tokio::test]
            async fn keeps_the_last_numbers() {
                super::keeps_the_last_numbers($fault, $status).await;
            }
        }
    )*};
}

faults! {
    an_n8n_that_answers_500: Fault::Status500 => "unreachable";
    an_n8n_that_closes_the_connection: Fault::Closed => "unreachable";
    an_n8n_that_answers_403: Fault::Forbidden => "missing_scope";
    an_n8n_that_is_starting_up: Fault::Html200 => "not_n8n";
    an_n8n_whose_api_is_switched_off: Fault::Html404 => "not_n8n";
    an_n8n_that_sends_truncated_json: Fault::Truncated => "not_n8n";
    an_n8n_that_sends_endless_json: Fault::Endless => "not_n8n";
}

#[tokio::test]
async fn a_key_that_n8n_refuses_is_not_saved() {
    let (world, admin, n8n) = world().await;
    let refused = world.configure(&admin, 1, &n8n.url(), "wrong").await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "n8n_api_key");
    let client = world.get("/api/v1/clients/1", &admin).await.expect(200);
    assert_eq!((&client["has_n8n_api_key"], &client["n8n_api_url"]), (&json!(false), &Value::Null));
    assert_eq!(metrics(&world, &admin).await["freshness"]["status"], "not_configured");
}

#[tokio::test]
async fn a_key_that_is_revoked_later_is_said_and_the_numbers_stay() {
    keeps_the_last_numbers(Fault::Unauthorized, "auth_failed").await;
}

#[tokio::test]
async fn an_n8n_that_becomes_slow_is_unreachable_and_the_numbers_stay() {
    let limits = HttpN8nLimits { total: Duration::from_secs(2), ..HttpN8nLimits::default() };
    let slow = Fault::Slow(Duration::from_secs(60));
    keeps_the_last_numbers_of(world_with(limits).await, slow, "unreachable").await;
}

#[tokio::test]
async fn the_test_of_a_slow_n8n_ends_after_ten_seconds_and_its_address_is_saved() {
    let (world, admin, n8n) = world().await;
    n8n.state().set_fault(Fault::Slow(Duration::from_secs(60)));
    let start = Instant::now();
    let connected = world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    let said = json!({ "status": "unreachable", "message": "n8n did not answer within 10 seconds." });
    assert_eq!((&connected["connection"], &connected["has_n8n_api_key"]), (&said, &json!(true)));
}

#[tokio::test]
async fn a_stored_key_that_does_not_open_is_said_by_the_test() {
    let (world, admin, n8n) = world().await;
    let key = Sealed::from_stored("v1:lost:AAAA".to_owned());
    let instance = SealedInstance { url: InstanceUrl::parse(&n8n.url()).unwrap(), key };
    let client = ClientId(1);
    let scope = TenantScope::client(client);
    world
        .store
        .set_instance(scope, client, Some(&instance), instant("2026-03-10T12:00:00.000Z"))
        .await
        .unwrap();
    let tested = world.post("/api/v1/clients/1/test-connection", &admin, Value::Null).await.expect(200);
    let said = json!({ "status": "auth_failed", "message": "A stored key cannot be opened; set it again." });
    assert_eq!(tested, said);
}

#[tokio::test]
async fn a_slow_first_collection_is_waited_for_ten_seconds_at_most() {
    let (world, admin, n8n) = world().await;
    world.configure_unheard(1, &n8n.url(), &n8n.key()).await;
    n8n.state().set_fault(Fault::Slow(Duration::from_secs(60)));
    let start = Instant::now();
    let metrics = metrics(&world, &admin).await;
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(metrics["freshness"]["status"], "collecting");
    assert_eq!(metrics["total_executions"], Value::Null);
}

#[tokio::test]
async fn one_hanging_client_does_not_delay_the_others() {
    let (world, admin, hanging) = world().await;
    world.configure_unheard(1, &hanging.url(), &hanging.key()).await;
    hanging.state().set_fault(Fault::Slow(Duration::from_secs(60)));
    a_healthy_client_is_collected_meanwhile(&world, &admin, &hanging).await;
}

#[tokio::test]
async fn as_many_failing_clients_as_there_are_slots_do_not_delay_the_others() {
    let (world, admin, hanging) = world().await;
    hanging.state().set_fault(Fault::Unauthorized);
    for client in 1..=16 {
        if client > 1 {
            world.client(&admin, "Failing").await;
        }
        world.configure_unheard(client, &hanging.url(), &hanging.key()).await;
        world.collect(client).await;
    }
    world.clock.advance(Duration::from_secs(61));
    hanging.state().clear_requests();
    hanging.state().set_fault(Fault::Slow(Duration::from_secs(60)));
    a_healthy_client_is_collected_meanwhile(&world, &admin, &hanging).await;
}

/// While the collector is busy with an n8n that hangs, it comes to another client by itself.
async fn a_healthy_client_is_collected_meanwhile(world: &World, admin: &str, hanging: &FakeN8n) {
    let stop = tokio_util::sync::CancellationToken::new();
    let collector = tokio::spawn(world.app.collector().clone().run(stop.clone()));
    while hanging.state().requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let healthy = FakeN8n::start().await;
    let workflow = healthy.state().add_workflow("Any");
    healthy.state().add(Run::ended(&workflow, "success", instant("2026-03-10T11:00:00.000Z"), 1000));
    let id = world.client(admin, "Healthy").await;
    world.configure_unheard(id, &healthy.url(), &healthy.key()).await;
    let path = format!("/api/v1/clients/{id}");
    let live = async {
        while world.get(&path, admin).await.expect(200)["sync"]["status"] != "live" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), live).await.expect("the collector came to it in time");
    let metrics = world.get(&format!("/api/v1/metrics/client/{id}"), admin).await.expect(200);
    assert_eq!(metrics["total_executions"], 1);
    stop.cancel();
    collector.await.unwrap();
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
