//! `flowmastery import` as an operator runs it: a dry run on nothing, the import itself, and what is left to do.

use std::sync::Arc;

use serde_json::json;

use super::harness::{PASSWORD, Place, SECRET};
use crate::import::python::{BCRYPT, Python, SEALED, SECRET_KEY, uuid};

async fn python() -> Python {
    let python = Python::new(false).await;
    python.client(10, "Acme", Some(("https://n8n.acme.invalid", SEALED[0]))).await;
    python.user(1, "boss@agency.com", ("admin", 0), BCRYPT).await;
    python.workflow(40, 10, "wfA", 30).await;
    let start = flowmastery_core::clock::Timestamp::parse("2026-03-09T08:00:00Z").unwrap();
    python.execution("1", (10, 40), "success", (start, 1000)).await;
    python
}

/// Runs the command; its exit status and all that it said.
async fn import(
    place: &Arc<Place>,
    args: &[&str],
    settings: &[(&str, &str)],
    input: &str,
) -> (Option<i32>, String) {
    let owned = |text: &&str| (*text).to_owned();
    let args: Vec<String> = ["import"].iter().chain(args).map(owned).collect();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    let (place, input) = (place.clone(), input.to_owned());
    let run = move || {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        place.run(&args, &settings, &input)
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    for secret in [SECRET_KEY, SEALED[0], BCRYPT, "n8n_api_test_key", SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
    (output.status.code(), text)
}

/// The cells of a row of the table.
fn row(text: &str, name: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_makes_no_file_and_an_import_signs_people_in() {
    let (python, place) = (python().await, Arc::new(Place::new()));
    let url = python.url();
    let from = ["--from", url.as_str()];
    let key = [("PYTHON_SECRET_KEY", SECRET_KEY)];
    let (code, text) = import(&place, &from, &key, "").await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("dry run") && text.contains("to import"), "{text}");
    assert_eq!(row(&text, "executions"), ["1", "1", "0", "0"]);
    assert!(!place.path("flowmastery.db").exists() && !place.path("flowmastery.key").exists());

    let apply = ["--from", url.as_str(), "--apply"];
    let (code, text) = import(&place, &apply, &[], "").await;
    assert_eq!(code, Some(1), "the key is left to do: {text}");
    assert!(text.contains(&format!("key of client {}", uuid(10))), "{text}");
    assert_eq!(row(&text, "n8n keys"), ["1", "0", "0", "1"]);
    let with_key = [&apply[..], &["--secret-key", "-"]].concat();
    let (code, text) = import(&place, &with_key, &[], &format!("{SECRET_KEY}\n")).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        (row(&text, "n8n keys"), row(&text, "users")),
        (
            vec!["1".into(), "1".into(), "0".into(), "0".into()],
            vec!["1".into(), "0".into(), "1".into(), "0".into()]
        )
    );
    let (code, text) = import(&place, &from, &key, "").await;
    assert_eq!(
        (code, row(&text, "clients")),
        (Some(0), vec!["1".into(), "0".into(), "1".into(), "0".into()]),
        "{text}"
    );

    let signed_in = tokio::task::spawn_blocking(move || {
        let server = place.serve(&[]);
        let body = json!({ "email": "boss@agency.com", "password": PASSWORD });
        server.request("POST /api/v1/auth/login", Some(&body))
    });
    let (status, answer) = signed_in.await.unwrap();
    assert_eq!((status, &answer["user"]["role"]), (200, &json!("admin")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_begin_says_why() {
    let place = Arc::new(Place::new());
    let (code, text) = import(&place, &[], &[], "").await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("PYTHON_DATABASE_URL") && text.contains("--from"), "{text}");
    let nowhere = [("PYTHON_DATABASE_URL", "postgres://user:hunter2@127.0.0.1:1/none")];
    let (code, text) = import(&place, &["--apply"], &nowhere, "").await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("Python FlowMastery cannot be read") && !text.contains("hunter2"), "{text}");
    assert!(!place.path("flowmastery.db").exists(), "the source comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_leaves_an_older_schema_as_it_is() {
    let (python, place) = (python().await, Arc::new(Place::new()));
    for args in [&["migrate", "up"][..], &["migrate", "down"]] {
        assert!(place.run(args, &[], "").status.success());
    }
    let url = python.url();
    let (code, text) = import(&place, &["--from", &url], &[], "").await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("flowmastery migrate up"), "{text}");
}
