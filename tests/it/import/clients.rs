//! Clients that have something here already: an n8n of their own, or their name.

use async_trait::async_trait;
use flowmastery_core::{
    access::scope::TenantScope,
    clock::Timestamp,
    model::{
        client::{ClientName, NewClient},
        import::{
            ImportKind,
            source::{
                SourceClient, SourceExecution, SourceHistory, SourceInvitation, SourceUser, SourceWorkflow,
            },
        },
    },
    service::import::ImportRequest,
    store::{ImportSource, StoreResult, sql::PythonSource},
};
use flowmastery_tests::{backend::Backend, both_backends, world::ADMIN};
use http::Method;
use serde_json::json;
use tokio::sync::Mutex;

use super::{
    at,
    faults::assert_faults,
    python::{BCRYPT, Python, SEALED, uuid},
    target::{Target, applied, counts},
};

both_backends! {
    a_client_that_was_given_an_n8n_here_gets_no_history,
    a_client_that_is_given_an_n8n_during_its_history_is_named_with_the_rest_of_it,
    a_client_whose_name_another_one_has_here_is_left_out,
}

async fn a_client_that_was_given_an_n8n_here_gets_no_history(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", Some(("https://n8n.acme.com", SEALED[0]))).await;
    python.workflow(40, 10, "wfA", 30).await;
    python.execution("1", (10, 40), "success", (at(0), 1000)).await;
    // As an import leaves it that was killed before the history.
    let new = NewClient {
        name: ClientName::parse("Acme").unwrap(),
        created_by_admin_id: None,
        created_at: Timestamp::from_millis(0),
    };
    let client = target.world.store.import_client(&uuid(10), new).await.unwrap().unwrap();
    target.world.configure_unheard(client.0, "https://n8n.example.com", "a key").await;
    for _ in 0..2 {
        let report = target.import(&python).await;
        assert_faults(&report, &[(10, "before its executions were taken over")]);
        assert_eq!(counts(&report, ImportKind::Execution), [1, 0, 0, 1]);
        assert_eq!(counts(&report, ImportKind::Key), [1, 0, 1, 0]);
    }
    let instance = target.world.store.find_instance(TenantScope::client(client), client).await;
    assert_eq!(instance.unwrap().unwrap().url.as_str(), "https://n8n.example.com");
    assert!(target.rows().await["executions"].is_empty());
}

async fn a_client_that_is_given_an_n8n_during_its_history_is_named_with_the_rest_of_it(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", None).await;
    python.workflow(40, 10, "wfA", 30).await;
    for number in 1..=9 {
        python.execution(&number.to_string(), (10, 40), "success", (at(number), 1000)).await;
    }
    let meddler = Meddler { source: python.source().await, target: &target, batches: Mutex::new(0) };
    let request = ImportRequest { batch_rows: 2, ..applied() };
    let report = target.world.app.imports().from_python(&meddler, request).await.unwrap();
    assert_faults(&report, &[(10, "executions that were not taken over before are left out")]);
    assert_eq!(counts(&report, ImportKind::Execution), [9, 4, 0, 5]);
}

/// A source during whose third batch somebody configures the client here.
struct Meddler<'t> {
    source: PythonSource,
    target: &'t Target,
    batches: Mutex<u32>,
}

#[async_trait]
impl ImportSource for Meddler<'_> {
    async fn users(&self) -> StoreResult<Vec<SourceUser>> {
        self.source.users().await
    }

    async fn clients(&self) -> StoreResult<Vec<SourceClient>> {
        self.source.clients().await
    }

    async fn pending_invitations(&self) -> StoreResult<Vec<SourceInvitation>> {
        self.source.pending_invitations().await
    }

    async fn workflows(&self, client: &str) -> StoreResult<Vec<SourceWorkflow>> {
        self.source.workflows(client).await
    }

    async fn history(&self, client: &str) -> StoreResult<SourceHistory> {
        self.source.history(client).await
    }

    async fn open_history(&self, client: &str) -> StoreResult<()> {
        self.source.open_history(client).await
    }

    async fn more_executions(&self, rows: u32) -> StoreResult<Vec<SourceExecution>> {
        let mut batches = self.batches.lock().await;
        *batches += 1;
        if *batches == 3 {
            self.target.world.configure_unheard(1, "https://n8n.example.com", "a key").await;
        }
        self.source.more_executions(rows).await
    }
}

async fn a_client_whose_name_another_one_has_here_is_left_out(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    let admin = target.world.sign_in(ADMIN).await;
    let ours = target.world.client(&admin, "Acme").await;
    python.client(10, "Acme", None).await;
    python.client(20, "Beta", None).await;
    python.client(21, "Beta", None).await;
    python.user(1, "anna@acme.com", ("client", 10), BCRYPT).await;
    let rehearsed = target.run(&python, ImportRequest { apply: false, ..applied() }).await;
    let report = target.import(&python).await;
    assert_eq!((&rehearsed.remarks, &rehearsed.counts), (&report.remarks, &report.counts));
    assert_faults(&report, &[(10, "a client of this name is here"), (1, "its client is not there")]);
    assert_eq!(counts(&report, ImportKind::Client), [3, 2, 0, 1], "two there may have the same name");
    let renamed = json!({ "name": "Our own" });
    let path = format!("/api/v1/clients/{ours}");
    target.world.request(Method::PUT, &path, Some(&admin), Some(renamed)).await.expect(200);
    let report = target.import(&python).await;
    assert!(report.is_complete(), "{:?}", report.remarks);
    assert_eq!(counts(&report, ImportKind::Client), [3, 1, 2, 0]);
    assert_eq!(counts(&report, ImportKind::User), [1, 1, 0, 0]);
}
