//! That FlowMastery works through the ports of this host: a mail goes out, and what an n8n once answered is counted.
#![cfg(test)] // tells clippy that helpers of tests are tests, too

use std::{path::Path, sync::Arc};

use flowmastery_core::{
    Config,
    model::{email::Email, password::Password},
    store::sql::SqlStore,
};
use flowmastery_tower::Api;
use http::Request;
use http_body_util::{BodyExt, Full};
use mail_parser::MessageParser;
use serde_json::{Value, json};
use tower::ServiceExt;

/// The JSON of a good answer.
async fn asked(api: &Api, method: &str, path: &str, token: &str, body: Option<Value>) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Content-Type", "application/json")
        .header("Authorization", format!("Bearer {token}"));
    let body = Full::<bytes::Bytes>::from(body.map(|body| body.to_string()).unwrap_or_default());
    let answer = api.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
    serde_json::from_slice(&bytes).unwrap()
}

/// Two good executions and a failed one.
fn record(directory: &Path) {
    let directory = directory.join("n8n/n8n.acme.com");
    std::fs::create_dir_all(&directory).unwrap();
    let workflow = json!({ "id": "w", "name": "Orders", "active": true, "isArchived": false });
    let execution = |id: i64, status: &str| {
        let at = "2026-11-22T23:22:02.200Z";
        json!({ "id": id, "workflowId": "w", "status": status, "mode": "webhook", "startedAt": at, "stoppedAt": at })
    };
    let executions = [execution(1, "success"), execution(2, "error"), execution(3, "success")];
    let list = |rows: &[Value]| json!({ "data": rows, "nextCursor": null }).to_string();
    std::fs::write(directory.join("workflows.json"), list(&[workflow])).unwrap();
    std::fs::write(directory.join("executions.json"), list(&executions)).unwrap();
    std::fs::write(directory.join("api-key"), "the-key\n").unwrap();
}

#[tokio::test]
async fn a_client_is_invited_by_a_file_and_sees_what_was_recorded() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("outbox")).unwrap();
    record(directory.path());
    let store = SqlStore::open("sqlite::memory:").await.unwrap();
    let config = Config::new("a signing secret for tests, long enough".into(), "https://agency.com");
    let flowmastery = own_ports::flowmastery(config, Arc::new(store), directory.path()).unwrap();
    let password = Password::choose("securepassword".into()).unwrap();
    flowmastery.users().create_admin(Email::parse("admin@agency.com").unwrap(), &password).await.unwrap();
    let api = Api::builder(flowmastery.clone()).build().unwrap();

    let body = json!({ "email": "admin@agency.com", "password": "securepassword" });
    let signed_in = asked(&api, "POST", "/api/v1/auth/login", "", Some(body)).await;
    let admin = signed_in["access_token"].as_str().unwrap();
    asked(&api, "POST", "/api/v1/clients/", admin, Some(json!({ "name": "Acme Corp" }))).await;
    let body = json!({ "n8n_api_url": "https://n8n.acme.com/api/v1", "n8n_api_key": "the-key" });
    asked(&api, "POST", "/api/v1/clients/1/n8n-config", admin, Some(body)).await;
    let body = json!({ "email": "client@acme.com", "role": "client", "client_id": 1 });
    asked(&api, "POST", "/api/v1/auth/invitations", admin, Some(body)).await;
    flowmastery.outbox().send_due().await.unwrap();

    let files: Vec<_> = std::fs::read_dir(directory.path().join("outbox")).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let bytes = std::fs::read(files[0].as_ref().unwrap().path()).unwrap();
    let mail = MessageParser::default().parse(&bytes).unwrap();
    let text = mail.body_text(0).unwrap();
    let (_, rest) = text.split_once("https://agency.com/accept-invitation?token=").unwrap();
    let body = json!({ "token": rest.split_whitespace().next().unwrap(), "password": "anotherpassword" });
    let accepted = asked(&api, "POST", "/api/v1/auth/invitations/accept", "", Some(body)).await;
    let client = accepted["access_token"].as_str().unwrap();
    let metrics = asked(&api, "GET", "/api/v1/metrics/my-metrics?period=all", client, None).await;
    assert_eq!(
        (&metrics["total_executions"], &metrics["failed_executions"]),
        (&json!(3), &json!(1)),
        "{metrics}"
    );
}
