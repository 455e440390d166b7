//! What follows an import: the first collection from the n8n that the history came from, or from another one.

use std::time::Duration;

use flowmastery_core::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    id::ClientId,
    model::import::ImportKind,
    service::import::ImportRequest,
};
use flowmastery_tests::{backend::Backend, both_backends, world::ADMIN};
use n8n_simulator::{Dialect, InProcessN8n, Run, SimulatedN8n};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    at,
    python::{Python, SEALED},
    target::{Target, applied, counts},
};

both_backends! {
    a_collection_counts_what_was_imported_once,
    a_key_that_is_entered_later_goes_on_with_the_history,
    an_n8n_that_was_reset_since_is_counted_beside_the_history,
    what_had_not_ended_is_read_again_and_what_is_gone_is_unknown,
    a_history_that_is_older_than_the_retention_stays_counted,
}

/// Runs of n8n, one a minute, that n8n still has or has pruned.
struct Scene {
    target: Target,
    python: Python,
    servers: InProcessN8n,
    n8n: SimulatedN8n,
    workflow: String,
}

impl Scene {
    async fn new(backend: Backend, key: &str) -> Self {
        let servers = InProcessN8n::new().with_page_rows(10);
        let n8n = servers.add_instance(Dialect::V2);
        let workflow = n8n.state().add_workflow("Any").to_string();
        let python = Python::new(false).await;
        python.client(10, "Acme", Some((&n8n.url(), key))).await;
        python.workflow(40, 10, &workflow, 30).await;
        let target = Target::with_n8n(backend, servers.clone()).await;
        Self { target, python, servers, n8n, workflow }
    }

    /// Runs that both have.
    async fn runs(&self, minutes: std::ops::Range<u64>) {
        for minute in minutes {
            let status = if minute % 4 == 0 { "error" } else { "success" };
            let id = self.n8n.state().add(Run::ended(&self.workflow, status, at(minute), 1000));
            self.python.execution(&id.to_string(), (10, 40), status, (at(minute), 1000)).await;
        }
    }

    async fn collect(&self) {
        for _ in 0..4 {
            self.target.world.collect(1).await;
            self.target.world.clock.advance(Duration::from_secs(60));
        }
    }

    async fn metrics(&self) -> Value {
        let world = &self.target.world;
        let admin = world.sign_in(ADMIN).await;
        let path = "/api/v1/metrics/client/1?from=2026-01-01&to=2027-01-01";
        world.get(path, &admin).await.expect(200)
    }

    async fn counted(&self) -> [i64; 4] {
        let metrics = self.metrics().await;
        ["total", "successful", "failed", "unfinished"]
            .map(|kind| metrics[format!("{kind}_executions")].as_i64().unwrap())
    }

    /// In how many lives of n8n there are executions.
    async fn epochs(&self) -> Vec<i64> {
        let rows = self.target.world.store.find_client(TenantScope::client(ClientId(1)), ClientId(1)).await;
        rows.unwrap().unwrap().collection.epoch_begun_at.map(Timestamp::as_millis).into_iter().collect()
    }
}

async fn a_collection_counts_what_was_imported_once(backend: Backend) {
    let scene = Scene::new(backend, SEALED[0]).await;
    scene.runs(0..40).await;
    for pruned in 1..=15 {
        scene.n8n.state().delete(pruned);
    }
    let report = scene.target.import(&scene.python).await;
    assert!(report.is_complete(), "{:?}", report.remarks);
    // What ran since the Python FlowMastery stopped.
    for minute in 40..60 {
        scene.n8n.state().add(Run::ended(&scene.workflow, "success", at(minute), 1000));
    }
    scene.collect().await;
    assert_eq!(scene.counted().await, [60, 50, 10, 0]);
    assert_eq!(scene.metrics().await["freshness"]["status"], "live");
    assert!(scene.epochs().await.is_empty(), "it is the same life");
    let before = scene.target.rows().await;
    scene.target.import(&scene.python).await;
    assert_eq!(scene.target.rows().await, before);
}

async fn a_key_that_is_entered_later_goes_on_with_the_history(backend: Backend) {
    let scene = Scene::new(backend, SEALED[1]).await;
    scene.runs(0..30).await;
    scene.target.run(&scene.python, ImportRequest { secret_key: None, ..applied() }).await;
    assert_eq!(scene.counted().await, [30, 22, 8, 0]);
    assert_eq!(scene.metrics().await["freshness"]["status"], "not_configured");
    let admin = scene.target.world.sign_in(ADMIN).await;
    scene.target.world.configure(&admin, 1, &scene.n8n.url(), &scene.n8n.key()).await.expect(200);
    scene.collect().await;
    assert_eq!(scene.counted().await, [30, 22, 8, 0]);
    assert!(scene.epochs().await.is_empty());
    let report = scene.target.import(&scene.python).await;
    assert_eq!(counts(&report, ImportKind::Key), [1, 0, 1, 0]);
}

async fn an_n8n_that_was_reset_since_is_counted_beside_the_history(backend: Backend) {
    let scene = Scene::new(backend, SEALED[0]).await;
    scene.runs(0..20).await;
    scene.target.import(&scene.python).await;
    scene.n8n.state().reset();
    let workflow = scene.n8n.state().add_workflow("Anew").to_string();
    for minute in 100..105 {
        scene.n8n.state().add(Run::ended(&workflow, "error", at(minute), 1000));
    }
    scene.collect().await;
    assert_eq!(scene.counted().await, [25, 15, 10, 0]);
    assert_eq!(scene.epochs().await.len(), 1);
    drop(scene.servers);
}

async fn what_had_not_ended_is_read_again_and_what_is_gone_is_unknown(backend: Backend) {
    let scene = Scene::new(backend, SEALED[0]).await;
    scene.runs(0..3).await;
    let ended = scene.n8n.state().add(Run::ended(&scene.workflow, "success", at(5), 1000));
    for (number, status) in [(ended, "running"), (5, "waiting"), (6, "running")] {
        scene.python.execution(&number.to_string(), (10, 40), status, (at(5), 0)).await;
    }
    scene
        .python
        .run("UPDATE workflow_executions SET stopped_at = NULL, finished_at = NULL WHERE status = 'running'")
        .await;
    scene.n8n.state().skip_ids(2);
    let report = scene.target.import(&scene.python).await;
    assert!(report.is_complete());
    assert_eq!(scene.target.world.clock.now(), Timestamp::parse(flowmastery_tests::world::NOW).unwrap());
    scene.collect().await;
    assert_eq!(scene.counted().await, [6, 3, 1, 2]);
    let admin = scene.target.world.sign_in(ADMIN).await;
    let lost = "/api/v1/metrics/client/1/executions?status=unknown&from=2026-01-01&to=2027-01-01";
    let lost = scene.target.world.get(lost, &admin).await.expect(200);
    assert_eq!(
        lost.as_array().unwrap().iter().map(|run| run["id"].clone()).collect::<Vec<_>>(),
        [json!(6), json!(5)]
    );
}

async fn a_history_that_is_older_than_the_retention_stays_counted(backend: Backend) {
    let scene = Scene::new(backend, SEALED[0]).await;
    // The Python FlowMastery never had this one.
    scene.n8n.state().add(Run::ended(&scene.workflow, "success", at(0), 1000));
    scene.runs(0..150).await;
    scene.target.world.clock.advance(Duration::from_secs(100 * 24 * 3600));
    scene.target.import(&scene.python).await;
    let sweep = async || scene.target.world.app.collector().sweep(&CancellationToken::new()).await.unwrap();
    sweep().await;
    assert_eq!(scene.target.rows().await["executions"].len(), 150, "n8n has not been read yet");
    scene.collect().await;
    sweep().await;
    assert_eq!(scene.target.rows().await["executions"].len(), 100, "the newest hundred stay");
    scene.collect().await;
    assert_eq!(scene.counted().await, [151, 113, 38, 0], "n8n still lists them, and they are counted once");
    assert!(scene.epochs().await.is_empty());
}
