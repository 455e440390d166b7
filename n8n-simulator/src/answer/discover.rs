//! What lies beside the lists: `GET /discover` of n8n 2, and what is outside the public API.

use serde_json::json;

use super::{Answer, Asked};
use crate::{quirks::Dialect, state::State};

/// Resources, their scopes and their paths, as far as they are simulated.
const ENDPOINTS: [(&str, &str, &str); 8] = [
    ("execution", "execution:list", "/executions"),
    ("execution", "execution:read", "/executions/{executionId}"),
    ("workflow", "workflow:list", "/workflows"),
    ("workflow", "workflow:read", "/workflows/{id}"),
    ("tag", "tag:list", "/tags"),
    ("user", "user:list", "/users"),
    ("credential", "credential:list", "/credentials"),
    ("insights", "insights:read", "/insights/summary"),
];

/// "`GET /discover` (2.x) lists the key's scopes and endpoints". No capture says in what shape: only its status is to be relied on.
pub(super) fn discover(state: &State) -> Answer {
    let has = |scope: &str| {
        state.quirks().scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|known| known == scope))
    };
    let open = || ENDPOINTS.iter().filter(|(_, scope, _)| has(scope));
    let scopes: Vec<&str> = open().map(|(_, scope, _)| *scope).collect();
    let endpoints: Vec<_> = open()
        .map(|(resource, scope, path)| {
            json!({ "resource": resource, "scope": scope, "method": "GET", "path": format!("{}{path}", super::API) })
        })
        .collect();
    Answer::json(200, &json!({ "data": { "scopes": scopes, "endpoints": endpoints } }))
}

/// What is not under `/api/v1/`.
pub(super) fn outside(state: &State, asked: &Asked<'_>) -> Answer {
    match asked.path {
        "/healthz" | "/healthz/readiness" => Answer::json(200, &json!({ "status": "ok" })),
        "/metrics" if state.quirks().metrics => metrics(state),
        path => Answer::cannot(asked.method, path),
    }
}

/// "prefix n8n_: process/node metrics, `n8n_version_info{version=...}`, `n8n_active_workflow_count`, `n8n_instance_role_leader`".
fn metrics(state: &State) -> Answer {
    let (version, major, minor, patch) = match state.dialect {
        Dialect::V1 => ("v1.123.81", 1, 123, 81),
        Dialect::V2 => ("v2.41.1", 2, 41, 1),
    };
    let active = state.workflows().values().filter(|row| row.active).count();
    let text = format!(
        "# HELP n8n_version_info n8n version info.\n# TYPE n8n_version_info gauge\n\
         n8n_version_info{{version=\"{version}\",major=\"{major}\",minor=\"{minor}\",patch=\"{patch}\"}} 1\n\n\
         # HELP n8n_instance_role_leader Whether this main instance is the leader (1) or not (0).\n\
         # TYPE n8n_instance_role_leader gauge\nn8n_instance_role_leader 1\n\n\
         # HELP n8n_active_workflow_count Total number of active workflows.\n\
         # TYPE n8n_active_workflow_count gauge\nn8n_active_workflow_count {active}\n"
    );
    Answer { status: 200, content_type: "text/plain; charset=utf-8; version=0.0.4", body: text.into_bytes() }
}
