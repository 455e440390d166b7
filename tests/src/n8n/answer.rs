//! What n8n answers to a request: routes, parameters, cursors and rows of both dialects.

use base64::{Engine, engine::general_purpose::STANDARD};
use flowmastery_core::clock::Timestamp;
use http::{Method, Request};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    Dialect,
    state::{Run, State, WorkflowRow},
};

/// Where the public API lies.
pub(super) const API: &str = "/api/v1";

const MAX_LIMIT: i64 = 250;
const DEFAULT_LIMIT: i64 = 100;

/// An answer before it is sent.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Answer {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json; charset=utf-8", body: body.to_string() }
    }

    pub(super) fn refusal(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "message": message }))
    }

    pub(super) fn html(status: u16, text: &str) -> Self {
        let body =
            format!("<!DOCTYPE html>\n<html lang=\"en\">\n<body>\n<pre>{text}</pre>\n</body>\n</html>\n");
        Self { status, content_type: "text/html; charset=utf-8", body }
    }

    pub(super) fn cannot_get(path: &str) -> Self {
        Self::html(404, &format!("Cannot GET {path}"))
    }
}

pub(super) fn unauthorized(dialect: Dialect) -> Answer {
    Answer::refusal(401, if dialect == Dialect::V1 { "unauthorized" } else { "Unauthorized" })
}

/// The proper answer.
pub(super) fn answer<B>(state: &State, request: &Request<B>) -> Answer {
    let path = request.uri().path();
    let Some(resource) = path.strip_prefix(API).and_then(|rest| rest.strip_prefix('/')) else {
        return Answer::cannot_get(path);
    };
    let (list, id) = resource.split_once('/').map_or((resource, None), |(list, id)| (list, Some(id)));
    if !matches!((list, id), ("executions", _) | ("workflows", None)) {
        return Answer::refusal(404, "not found");
    }
    if request.method() != Method::GET {
        return Answer::refusal(405, &format!("{} method not allowed", request.method()));
    }
    let key = request.headers().get("x-n8n-api-key").map(http::HeaderValue::as_bytes).unwrap_or_default();
    if key.is_empty() && state.dialect == Dialect::V1 {
        return Answer::refusal(401, "'X-N8N-API-KEY' header required");
    }
    if key != state.key.as_bytes() {
        return unauthorized(state.dialect);
    }
    let query = request.uri().query().unwrap_or_default();
    let answer = match id {
        Some(id) => execution(state, id),
        None if list == "executions" => executions(state, query),
        None => workflows(state, query),
    };
    match answer {
        Ok(body) => Answer::json(200, &body),
        Err(refusal) => refusal,
    }
}

fn bad(message: impl AsRef<str>) -> Answer {
    Answer::refusal(400, message.as_ref())
}

/// The parameters of a list.
struct Params {
    values: Vec<(String, String)>,
    /// 0 and less stand for all rows.
    limit: i64,
    cursor: Option<Value>,
}

impl Params {
    fn parse(dialect: Dialect, query: &str, known: &[&str]) -> Result<Self, Answer> {
        let values: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let unknown = values.iter().find(|(name, _)| !known.contains(&name.as_str()));
        if let (Dialect::V1, Some((name, _))) = (dialect, unknown) {
            return Err(bad(format!("Unknown query parameter '{name}'")));
        }
        let mut params = Self { values, limit: DEFAULT_LIMIT, cursor: None };
        if let Some(limit) = params.get("limit") {
            params.limit = limit_of(dialect, limit)?;
        }
        params.cursor = match params.get("cursor") {
            None => None,
            Some("") if dialect == Dialect::V1 => {
                return Err(bad("Empty value found for query parameter 'cursor'"));
            }
            Some("") => None,
            Some(cursor) => Some(decode_cursor(cursor).ok_or_else(|| bad("An invalid cursor was provided"))?),
        };
        if let Some(limit) = params.cursor_number("limit") {
            params.limit = if dialect == Dialect::V2 { limit.min(MAX_LIMIT) } else { limit };
        }
        Ok(params)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A number of the cursor, which n8n writes as one or as text.
    fn cursor_number(&self, name: &str) -> Option<i64> {
        let value = self.cursor.as_ref()?.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    fn rows(&self) -> usize {
        if self.limit <= 0 { usize::MAX } else { usize::try_from(self.limit).unwrap_or(usize::MAX) }
    }
}

fn limit_of(dialect: Dialect, text: &str) -> Result<i64, Answer> {
    let limit: Option<i64> = text.parse().ok();
    match (dialect, limit) {
        (Dialect::V1, None) => Err(bad("request/query/limit must be number")),
        (Dialect::V1, Some(limit)) if limit > MAX_LIMIT => Err(bad("request/query/limit must be <= 250")),
        (Dialect::V1, Some(limit)) => Ok(limit),
        (Dialect::V2, None) => Err(bad("request/query/limit Param `limit` must be a valid integer")),
        (Dialect::V2, Some(..=-1)) => {
            Err(bad("request/query/limit Param `limit` must be a non-negative integer"))
        }
        (Dialect::V2, Some(limit)) => Ok(limit.min(MAX_LIMIT)),
    }
}

fn decode_cursor(text: &str) -> Option<Value> {
    let decoded: Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    decoded.is_object().then_some(decoded)
}

fn page(rows: Vec<Value>, next: Option<Value>) -> Value {
    json!({ "data": rows, "nextCursor": next.map(|cursor| STANDARD.encode(cursor.to_string())) })
}

/// Whether a list with this status filter shows a row.
fn is_listed(state: &State, (id, run): (i64, &Run), status: Option<&str>) -> bool {
    let hidden = match run.status.as_str() {
        "running" => status != Some("running"),
        "waiting" => state.dialect == Dialect::V1 && id > state.forgotten_up_to,
        _ => false,
    };
    let matches = match status {
        None => true,
        Some("error") if state.dialect == Dialect::V1 => matches!(run.status.as_str(), "error" | "crashed"),
        Some(status) => run.status == status,
    };
    !hidden && matches
}

fn executions(state: &State, query: &str) -> Result<Value, Answer> {
    const KNOWN: [&str; 6] = ["includeData", "status", "workflowId", "projectId", "limit", "cursor"];
    let params = Params::parse(state.dialect, query, &KNOWN)?;
    let statuses: &[&str] = match state.dialect {
        Dialect::V1 => &["canceled", "error", "running", "success", "waiting"],
        Dialect::V2 => &["canceled", "crashed", "error", "new", "running", "success", "unknown", "waiting"],
    };
    let status = params.get("status");
    if status.is_some_and(|status| !statuses.contains(&status)) {
        let allowed = statuses.join(", ");
        return Err(bad(format!(
            "request/query/status must be equal to one of the allowed values: {allowed}"
        )));
    }
    let below = params.cursor_number("lastId").unwrap_or(i64::MAX);
    let of_workflow = |run: &Run| params.get("workflowId").is_none_or(|workflow| run.workflow_id == workflow);
    let mut rest = state
        .executions
        .range(..below)
        .rev()
        .filter(|(id, run)| is_listed(state, (**id, run), status) && of_workflow(run));
    let rows: Vec<(&i64, &Run)> = rest.by_ref().take(params.rows()).collect();
    let more = rest.next().is_some();
    let next = rows
        .last()
        .filter(|_| more)
        .map(|(id, _)| json!({ "lastId": id.to_string(), "limit": params.limit }));
    Ok(page(rows.into_iter().map(|(id, run)| execution_row(*id, run)).collect(), next))
}

fn execution(state: &State, id: &str) -> Result<Value, Answer> {
    let id: i64 = id.parse().map_err(|_| match state.dialect {
        Dialect::V1 => bad("request/params/id must be number"),
        Dialect::V2 => bad("request/params/executionId must be a positive integer"),
    })?;
    let run = state.executions.get(&id).ok_or_else(|| Answer::refusal(404, "Not Found"))?;
    let mut row = execution_row(id, run);
    let more = match state.dialect {
        Dialect::V1 => json!({ "createdAt": text(run.started_at), "deletedAt": null }),
        Dialect::V2 => json!({
            "createdAt": text(run.started_at), "deletedAt": null, "storedAt": "db", "tracingContext": null,
            "deduplicationKey": null, "jsonSizeBytes": 3556, "binaryDataSizeBytes": 0, "workflowVersionId": null,
            "usedPrivateCredentials": false,
        }),
    };
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    Ok(row)
}

fn execution_row(id: i64, run: &Run) -> Value {
    json!({
        "id": id.to_string(),
        "finished": run.status == "success",
        "mode": run.mode,
        "retryOf": run.retry_of.map(|id| id.to_string()),
        "retrySuccessId": run.retry_success_id.map(|id| id.to_string()),
        "status": run.status,
        "startedAt": text(run.started_at),
        "stoppedAt": text(run.stopped_at),
        "workflowId": run.workflow_id,
        "waitTill": text(run.wait_till),
    })
}

fn text(instant: Option<Timestamp>) -> Option<String> {
    instant.map(|instant| instant.to_string())
}

fn workflows(state: &State, query: &str) -> Result<Value, Answer> {
    const KNOWN: [&str; 7] = ["active", "tags", "name", "projectId", "excludePinnedData", "limit", "cursor"];
    let params = Params::parse(state.dialect, query, &KNOWN)?;
    let offset = params.cursor_number("offset").and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0);
    let active = params.get("active").map(|active| active == "true");
    let listed = |row: &WorkflowRow| active.is_none_or(|active| row.active == active);
    let mut rest = state.workflows.iter().filter(|(_, row)| listed(row)).skip(offset);
    let rows: Vec<Value> = rest.by_ref().take(params.rows()).map(|(id, row)| workflow_row(id, row)).collect();
    let more = rest.next().is_some();
    let next = more.then(|| json!({ "limit": params.limit, "offset": offset + rows.len() }));
    Ok(page(rows, next))
}

fn workflow_row(id: &str, row: &WorkflowRow) -> Value {
    let nodes = json!([{ "id": "a1", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2,
        "position": [0, 0], "parameters": { "path": id, "httpMethod": "POST" }, "webhookId": id }]);
    let version =
        row.active.then(|| json!({ "workflowId": id, "nodes": nodes, "connections": {}, "name": null }));
    json!({
        "updatedAt": "2026-11-22T23:17:42.987Z",
        "createdAt": "2026-11-22T23:17:42.987Z",
        "id": id,
        "name": row.name,
        "active": row.active,
        "isArchived": row.archived,
        "nodes": nodes,
        "connections": {},
        "settings": { "executionOrder": "v1" },
        "staticData": null,
        "meta": null,
        "pinData": null,
        "versionId": "bf2f7c9d-8696-45dd-b20e-5b9fb86fa473",
        "triggerCount": i32::from(row.active),
        "shared": [{ "role": "workflow:owner", "workflowId": id, "projectId": "3I11JhQQYtphqL0M" }],
        "activeVersion": version,
        "tags": [],
    })
}
