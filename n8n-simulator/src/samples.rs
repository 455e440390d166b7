//! Every answer of a real n8n that was kept, asked for again here: status, content type, and the body field by field.
//!
//! `scripts/condense` makes the samples. A server is given the rows that a sample shows, and filling where the sample says that there
//! are more. Rows of executions must then be equal in every field; elsewhere the fields must be the same, and each value of the same
//! type and, for text, in the same format.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use flowmastery_core::clock::Timestamp;
use serde_json::Value;

use crate::{
    Dialect, Fault, InProcessN8n, Run, SimulatedN8n, State,
    answer::{Answer, Asked},
    n8n::Reply,
};

const SAMPLES: [(Dialect, &str); 2] = [
    (Dialect::V1, include_str!("../samples/v1.123.81.json")),
    (Dialect::V2, include_str!("../samples/v2.41.1.json")),
];

/// What holds the customer's own, of which only the presence is compared; `scripts/condense` empties most of it.
const OPAQUE: [&str; 7] =
    ["data", "workflowData", "customData", "nodes", "connections", "settings", "staticData"];

/// The fields of a row of executions.
const FIELDS: [&str; 10] = [
    "id",
    "finished",
    "mode",
    "retryOf",
    "retrySuccessId",
    "status",
    "startedAt",
    "stoppedAt",
    "workflowId",
    "waitTill",
];

/// The most characters of a text that a sample keeps.
const TEXT: usize = 200;

#[tokio::test]
async fn every_kept_answer_of_a_real_n8n_is_given_here_too() {
    for (dialect, samples) in SAMPLES {
        let samples: BTreeMap<String, Value> = serde_json::from_str(samples).unwrap();
        assert!(samples.len() > 40);
        for (name, sample) in samples {
            let n8n = InProcessN8n::new().add_instance(dialect);
            prepare(&mut n8n.state(), &name, &sample);
            let answer = ask(&n8n, &name, sample["path"].as_str().unwrap(), &sample).await;
            let what = format!("{dialect:?} {name}");
            assert_eq!(sample["status"], answer.status, "{what}");
            assert_eq!(sample["content_type"], answer.content_type, "{what}");
            compare(&what, &sample["body"], &String::from_utf8(answer.body).unwrap());
        }
    }
}

async fn ask(n8n: &SimulatedN8n, name: &str, target: &str, sample: &Value) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let right = n8n.key();
    let key = match name {
        "error-missing-key" => "",
        "error-wrong-key" | "error-expired-key" => "another",
        _ => &right,
    };
    let method = sample["method"].as_str().unwrap();
    match n8n.meet(&Asked { method, path, query, key: key.as_bytes() }).await {
        Reply::Answer(answer) => answer,
        reply => panic!("{name}: {reply:?}"),
    }
}

/// Gives a server what the sample shows.
fn prepare(state: &mut State, name: &str, sample: &Value) {
    let path = sample["path"].as_str().unwrap();
    let body = &sample["body"];
    let rows: Vec<&Value> = body["data"].as_array().map_or_else(Vec::new, |rows| rows.iter().collect());
    if path.starts_with("/api/v1/executions/") && body["id"].is_string() {
        state.add_as(number(&body["id"]), run(body));
    } else if path.starts_with("/api/v1/executions") {
        for row in &rows {
            state.add_as(number(&row["id"]), run(row));
        }
        if body["nextCursor"].is_string() {
            let last = rows.last().unwrap();
            for id in (number(&last["id"]) - 260..number(&last["id"])).rev() {
                state.add_as(id, run(last));
            }
        }
    } else if path.starts_with("/api/v1/workflows") {
        let rows = if body["id"].is_string() { vec![body] } else { rows };
        for row in &rows {
            workflow(state, row);
        }
        for number in 0..if body["nextCursor"].is_string() { 5 } else { 0 } {
            state.add_workflow_as(&format!("zzzzzzzzzzzzzzz{number}"), "Filling");
        }
    }
    match name {
        "executions-status-waiting-after-restart" => state.restart(),
        "error-public-api-disabled" => state.set_fault(Fault::Html404),
        "metrics-prometheus" => state.quirks_mut().metrics = true,
        "scope-tag-only-key-on-executions" => state.quirks_mut().scopes = Some(vec!["tag:list".to_owned()]),
        "scope-monitor-key-on-users" => {
            let scopes = ["workflow:list", "workflow:read", "execution:list", "execution:read", "tag:list"];
            state.quirks_mut().scopes = Some(scopes.map(str::to_owned).to_vec());
        }
        _ => {}
    }
}

fn number(id: &Value) -> i64 {
    id.as_str().unwrap().parse().unwrap()
}

fn run(row: &Value) -> Run {
    let instant = |name: &str| row[name].as_str().map(|text| Timestamp::parse(text).unwrap());
    let id = |name: &str| row[name].as_str().map(|id| id.parse().unwrap());
    Run {
        workflow_id: row["workflowId"].as_str().unwrap().into(),
        status: row["status"].as_str().unwrap().into(),
        mode: row["mode"].as_str().unwrap().into(),
        created_at: instant("createdAt"),
        started_at: instant("startedAt"),
        stopped_at: instant("stoppedAt"),
        wait_till: instant("waitTill"),
        retry_of: id("retryOf"),
        retry_success_id: id("retrySuccessId"),
    }
}

fn workflow(state: &mut State, row: &Value) {
    let id = row["id"].as_str().unwrap();
    state.add_workflow_as(id, row["name"].as_str().unwrap());
    state.set_active(id, row["active"] == true);
    if row["isArchived"] == true {
        state.archive_workflow(id);
    }
}

fn compare(what: &str, sample: &Value, ours: &str) {
    let Ok(ours) = serde_json::from_str::<Value>(ours) else {
        // Prometheus' text has what a server has; a page is always the same.
        let start: String = ours.chars().take(TEXT).collect();
        assert!(*sample == start || what.ends_with("metrics-prometheus"), "{what}: {start}");
        return;
    };
    if sample["message"].is_string() {
        assert_eq!(ours, *sample, "{what}");
    }
    let rows = |body: &Value| body["data"].as_array().cloned().unwrap_or_default();
    for (row, own) in rows(sample).iter().zip(rows(&ours)) {
        if row.get("waitTill").is_some() {
            for name in FIELDS {
                assert_eq!(own[name], row[name], "{what}: {name} of {own}");
            }
        }
        same_shape(&format!("{what} row {}", row["id"]), row, &own);
    }
    assert!(rows(&ours).len() >= rows(sample).len().min(1), "{what}: {ours}");
    same_shape(what, &without_rows(sample), &without_rows(&ours));
}

fn without_rows(body: &Value) -> Value {
    let mut body = body.clone();
    if body["data"].is_array() {
        body["data"] = Value::Null;
    }
    if let Some(cursor) = body["nextCursor"].as_str() {
        body["nextCursor"] = serde_json::from_slice(&STANDARD.decode(cursor).unwrap()).unwrap();
    }
    body
}

fn same_shape(what: &str, sample: &Value, ours: &Value) {
    match (sample, ours) {
        (Value::Object(sample), Value::Object(ours)) => {
            let keys = |object: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                object.keys().cloned().collect()
            };
            assert_eq!(keys(ours), keys(sample), "{what}");
            for (name, part) in sample.iter().filter(|(name, _)| !OPAQUE.contains(&name.as_str())) {
                same_shape(&format!("{what}.{name}"), part, &ours[name]);
            }
        }
        (Value::Array(sample), Value::Array(ours)) => {
            // Which tags a workflow has is its own.
            for (part, own) in sample.iter().zip(ours) {
                same_shape(&format!("{what}[]"), part, own);
            }
        }
        _ => assert_eq!(format_of(ours), format_of(sample), "{what}: {ours} for {sample}"),
    }
}

/// The type of a value, and of a text its format.
fn format_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
        Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => "digits",
        Value::String(text) if is_like(text, "0000-00-00T00:00:00.000Z") => "date-time",
        Value::String(text) if is_like(text, "0000-00-00") => "date",
        Value::String(text) if is_like(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") => "UUID",
        Value::String(text) if text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            "id"
        }
        Value::String(_) => "text",
    }
}

/// Whether a text has digits where the pattern has zeros, hexadecimal digits where it has an `x`, and else what it has.
fn is_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(char, like)| match like {
            '0' => char.is_ascii_digit(),
            'x' => char.is_ascii_hexdigit(),
            _ => char == like,
        })
}
