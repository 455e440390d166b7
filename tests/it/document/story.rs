//! A short story in which each operation is asked once, with what was sent and answered: the examples of the document.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    clock::{Clock, Timestamp},
    model::instance::InstanceUrl,
    testing::entropy::SeededEntropy,
};
use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, PASSWORD, World},
};
use flowmastery_tower::PeerAddress;
use http::{Request, header};
use n8n_simulator::{Dialect, InProcessN8n, Run, SimulatedN8n};
use serde_json::{Map, Value, json};

use super::operations;

const N8N: &str = "https://n8n.acme.com";

/// The document as a host at the root gives it.
pub(super) async fn document() -> Value {
    let world = World::new(Backend::Sqlite.store().await).await;
    world.get("/openapi.json", "").await.json()
}

/// A world in which an n8n has run two workflows for a week.
struct Story {
    world: World,
    n8n: SimulatedN8n,
    document: Value,
    told: Map<String, Value>,
    problems: Map<String, Value>,
}

/// The same without how long parts took to answer, which is another every time.
fn timeless(mut answer: Value) -> Value {
    let parts = answer.as_object_mut().into_iter().flat_map(|parts| parts.values_mut());
    for part in parts.filter(|part| part.get("latency_ms").is_some_and(Value::is_number)) {
        part["latency_ms"] = json!(0.4);
    }
    answer
}

/// What was sent and answered, by operation; and a problem of each kind.
pub(super) async fn told() -> Value {
    let mut story = Story::begin().await;
    let admin = story.sign_in(ADMIN).await;
    story.clients(&admin).await;
    let carl = story.people(&admin).await;
    story.numbers(&admin, &carl).await;
    story.problems(&admin, &carl).await;
    story.ends(&admin, &carl).await;
    json!({ "operations": story.told, "problems": story.problems })
}

impl Story {
    async fn begin() -> Self {
        let servers = InProcessN8n::new();
        let n8n = servers.add_instance(Dialect::V2);
        servers.alias(&InstanceUrl::parse(N8N).unwrap(), &n8n);
        let entropy = Arc::new(SeededEntropy::new(6));
        let store = Backend::Sqlite.store().await;
        let world = World::with(store, |builder| builder.entropy(entropy).n8n(Arc::new(servers))).await;
        let story = Self { world, n8n, document: document().await, told: Map::new(), problems: Map::new() };
        story.run_workflows();
        story
    }

    /// Two workflows over a week: one fails now and then, one takes long.
    fn run_workflows(&self) {
        let now = self.world.clock.now();
        let mut n8n = self.n8n.state();
        let (orders, report) = (n8n.add_workflow("Orders to invoices"), n8n.add_workflow("Weekly report"));
        let at =
            |hours: u64| Timestamp::from_millis(now.as_millis() - i64::try_from(hours).unwrap() * 3_600_000);
        for hours in (1..=168).rev() {
            let status = if hours % 23 == 0 { "error" } else { "success" };
            n8n.add(Run::ended(&orders, status, at(hours), 1200 + 10 * u32::try_from(hours).unwrap()));
            if hours % 84 == 0 {
                n8n.add(Run::ended(&report, "success", at(hours), 65_000));
            }
        }
    }

    /// The method and the path of an operation, with what stands in its places.
    fn place(&self, id: &str, parameters: &[&str]) -> (String, String) {
        let paths = self.document["paths"].as_object().unwrap();
        let mut found = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
        });
        let (path, method, _) = found
            .find(|(_, _, operation)| operation["operationId"] == id)
            .unwrap_or_else(|| panic!("there is no operation {id}: {:?}", operations(&self.document).keys()));
        let mut parameters = parameters.iter();
        let parts = path.split('/').map(|part| match part.starts_with('{') {
            true => parameters.next().unwrap(),
            false => part,
        });
        (method.to_uppercase(), parts.collect::<Vec<_>>().join("/"))
    }

    /// Asks an operation.
    async fn send(&self, id: &str, parameters: &[&str], token: &str, body: Option<&Value>) -> (u16, Value) {
        let (id, query) = id.split_once('?').unwrap_or((id, ""));
        let (method, path) = self.place(id, parameters);
        let mut request = Request::builder()
            .method(method.as_str())
            .uri(format!("{path}?{query}"))
            .extension(PeerAddress("203.0.113.7".parse().unwrap()))
            .header("x-request-id", "4b1f0a52c7d94e55");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.world.send(request.body(body.into()).unwrap()).await;
        (answer.status.as_u16(), answer.json())
    }

    /// Asks an operation, which must be answered well, and tells it.
    async fn ask(&mut self, id: &str, parameters: &[&str], token: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.send(id, parameters, token, body.as_ref()).await;
        assert!((200..300).contains(&status), "{id}: {status} {answer}");
        let mut told = Map::new();
        if let Some(body) = body {
            told.insert("request".to_owned(), body);
        }
        if !answer.is_null() {
            told.insert("response".to_owned(), timeless(answer.clone()));
        }
        let id = id.split('?').next().unwrap();
        if !told.is_empty() {
            self.told.insert(id.to_owned(), told.into());
        }
        answer
    }

    async fn sign_in(&mut self, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.ask("post_auth_login", &[], "", Some(body)).await;
        let body = json!({ "refresh_token": answer["refresh_token"] });
        let answer = self.ask("post_auth_refresh", &[], "", Some(body)).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn clients(&mut self, admin: &str) {
        for id in ["get_about", "get_health", "get_health_live"] {
            self.ask(id, &[], "", None).await;
        }
        self.ask("post_clients", &[], admin, Some(json!({ "name": "Acme Corp" }))).await;
        self.ask("put_clients_client_id", &["1"], admin, Some(json!({ "name": "Acme Corporation" }))).await;
        let key = self.n8n.key();
        let body = json!({ "n8n_api_url": N8N, "n8n_api_key": key });
        self.ask("post_clients_client_id_n8n_config", &["1"], admin, Some(body)).await;
        self.ask("post_clients_client_id_test_connection", &["1"], admin, None).await;
        for _ in 0..3 {
            self.world.collect(1).await;
            self.world.clock.advance(Duration::from_secs(60));
        }
        self.ask("get_clients", &[], admin, None).await;
        self.ask("get_clients_client_id", &["1"], admin, None).await;
    }

    async fn people(&mut self, admin: &str) -> String {
        let invite = |email: &str| Some(json!({ "email": email, "role": "client", "client_id": 1 }));
        let token = |answer: &Value| {
            answer["accept_url"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned()
        };
        self.ask("post_auth_invitations", &[], admin, invite("carla@acme.com")).await;
        self.ask("get_auth_invitations", &[], admin, None).await;
        let again = self.ask("post_auth_invitations_invitation_id_resend", &["1"], admin, None).await;
        self.ask("get_auth_invitations_token", &[&token(&again)], "", None).await;
        let body = json!({ "token": token(&again), "password": PASSWORD });
        let accepted = self.ask("post_auth_invitations_accept", &[], "", Some(body)).await;
        let carla = accepted["access_token"].as_str().unwrap().to_owned();
        self.ask("get_auth_me", &[], &carla, None).await;
        self.ask("get_auth_sessions", &[], &carla, None).await;
        let body = json!({ "current_password": PASSWORD, "new_password": "another good password" });
        self.ask("put_auth_password", &[], &carla, Some(body)).await;
        self.ask("post_auth_password_reset", &[], "", Some(json!({ "email": "carla@acme.com" }))).await;
        // The token is in a mail, which goes to nobody here.
        let body = json!({ "token": token(&again), "password": "another good password" });
        let id = "post_auth_password_reset_confirm";
        assert_eq!(self.send(id, &[], "", Some(&body)).await.0, 404);
        self.told.insert(id.to_owned(), json!({ "request": body }));
        self.ask("get_users", &[], admin, None).await;
        self.ask("get_users_user_id", &["2"], admin, None).await;
        self.ask("patch_users_user_id", &["2"], admin, Some(json!({ "is_active": true }))).await;
        carla
    }

    async fn numbers(&mut self, admin: &str, carla: &str) {
        for id in ["get_metrics_all?period=7d", "get_metrics_all_timeseries?period=7d"] {
            self.ask(id, &[], admin, None).await;
        }
        for what in ["", "_workflows", "_timeseries", "_executions"] {
            let limit = if what == "_executions" { "&limit=2" } else { "" };
            let id = format!("get_metrics_client_client_id{what}?period=7d{limit}");
            self.ask(&id, &["1"], admin, None).await;
        }
        for what in ["metrics", "workflows", "timeseries", "executions"] {
            let limit = if what == "executions" { "&limit=2" } else { "" };
            self.ask(&format!("get_metrics_my_{what}?period=7d{limit}"), &[], carla, None).await;
        }
        let workflows = self.told["get_metrics_my_workflows"]["response"]["workflows"].clone();
        let workflow = workflows[0]["workflow_id"].as_str().unwrap().to_owned();
        let id = "patch_metrics_client_client_id_workflows_workflow_id";
        let body = json!({ "time_saved_per_execution_minutes": 12 });
        self.ask(id, &["1", &workflow], admin, Some(body)).await;
        self.ask("get_audit?limit=3", &[], admin, None).await;
    }

    /// A problem of each kind that callers can bring about.
    async fn problems(&mut self, admin: &str, carla: &str) {
        let name = json!({ "name": "" });
        let list = json!([]);
        let large = json!({ "name": "x".repeat(70_000) });
        let wrong = json!({ "email": ADMIN, "password": "not the password" });
        for (status, id, parameters, token, body) in [
            (400, "post_clients", vec![], admin, Some(&list)),
            (401, "get_auth_me", vec![], "", None),
            (403, "get_clients", vec![], carla, None),
            (404, "get_clients_client_id", vec!["99"], admin, None),
            (409, "delete_users_user_id", vec!["1"], admin, None),
            (413, "post_clients", vec![], admin, Some(&large)),
            (415, "post_clients", vec![], admin, None),
            (422, "post_clients", vec![], admin, Some(&name)),
        ] {
            let (answered, problem) = self.send(id, &parameters, token, body).await;
            assert_eq!(answered, status, "{problem}");
            self.problems.insert(status.to_string(), problem);
        }
        for _ in 0..10 {
            assert_eq!(self.send("post_auth_login", &[], "", Some(&wrong)).await.0, 401);
        }
        let (status, refused) = self.send("post_auth_login", &[], "", Some(&wrong)).await;
        assert_eq!(status, 429, "{refused}");
        self.problems.insert("429".to_owned(), refused);
        let body = json!({ "email": "late@acme.com", "role": "client", "client_id": 1 });
        let (_, late) = self.send("post_auth_invitations", &[], admin, Some(&body)).await;
        let token = late["accept_url"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned();
        let before = self.world.clock.now();
        self.world.clock.advance(Duration::from_secs(49 * 60 * 60));
        let accept = json!({ "token": token, "password": PASSWORD });
        let (status, gone) = self.send("post_auth_invitations_accept", &[], "", Some(&accept)).await;
        assert_eq!(status, 410, "{gone}");
        self.world.clock.set(before);
        self.problems.insert("410".to_owned(), gone);
    }

    /// What takes something away, and says nothing.
    async fn ends(&mut self, admin: &str, carla: &str) {
        // It goes on beside what is asked after it, so nothing is told of that.
        self.ask("post_clients_client_id_sync", &["1"], admin, None).await;
        self.ask("delete_auth_invitations_invitation_id", &["2"], admin, None).await;
        self.ask("delete_clients_client_id_n8n_config", &["1"], admin, None).await;
        self.ask("post_auth_logout", &[], carla, None).await;
        self.ask("delete_users_user_id", &["2"], admin, None).await;
        self.ask("delete_clients_client_id", &["1"], admin, None).await;
    }
}
