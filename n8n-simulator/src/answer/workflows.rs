//! `GET /workflows` and `GET /workflows/{id}`: rows with all that real ones carry, in the order of their ids.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, Answered, pages, params::Params, rows::version_of};
use crate::{
    instant::Iso,
    quirks::Dialect,
    state::{State, WorkflowRow},
};

/// The owner's personal project, which everything is in.
pub(super) const PROJECT: &str = "3I11JhQQYtphqL0M";

pub(super) fn list(state: &State, query: &str) -> Answered {
    const KNOWN: [&str; 7] = ["active", "tags", "name", "projectId", "excludePinnedData", "limit", "cursor"];
    let params = Params::of_list(state.dialect, query, &KNOWN)?;
    let active = params.boolean("active")?;
    let without_pins = params.boolean("excludePinnedData")?.unwrap_or(false);
    let name = params.get("name").map(str::to_lowercase);
    // Nothing here has tags or a project other than the owner's.
    let is_empty = params.get("tags").is_some() || params.get("projectId").is_some_and(|id| id != PROJECT);
    let listed = state.workflows().iter().filter(|(_, row)| {
        !is_empty
            && active.is_none_or(|active| row.active == active)
            && name.as_ref().is_none_or(|name| row.name.to_lowercase().contains(name))
    });
    Ok(pages::by_offset(&params, listed, |(id, row)| Workflow {
        without_pins,
        ..Workflow::new(state, id, row)
    }))
}

pub(super) fn find(state: &State, id: &str) -> Answered {
    let row = state.workflows().get(id).ok_or_else(Answer::not_found)?;
    let mut body = json!(Workflow::new(state, id, row));
    let more = json!({
        "description": null,
        "versionCounter": 1,
    });
    extend(&mut body, more);
    if let Some(shared) = body.pointer_mut("/shared/0") {
        extend(shared, json!({ "project": project(state.dialect, row) }));
    }
    if state.dialect == Dialect::V1 {
        return Ok(Answer::json(200, &body));
    }
    extend(&mut body, json!({ "sourceWorkflowId": null }));
    if let Some(version) = body.pointer_mut("/activeVersion").filter(|version| version.is_object()) {
        let published = json!({ "id": 1, "workflowId": id, "versionId": version_of(id), "event": "activated",
            "userId": USER, "createdAt": Iso(row.created_at) });
        extend(version, json!({ "workflowPublishHistory": [published] }));
    }
    Ok(Answer::json(200, &body))
}

/// The owner.
pub(super) const USER: &str = "3c4faa76-932f-4328-a50f-cc34f9801d6d";

fn project(dialect: Dialect, row: &WorkflowRow) -> Value {
    let at = Iso(row.created_at);
    let mut project = json!({ "id": PROJECT, "name": "Olivia Owner <owner@example.test>", "type": "personal",
        "icon": null, "description": null, "createdAt": at, "updatedAt": at });
    let more = match dialect {
        Dialect::V1 => {
            json!({ "projectRelations": [{ "createdAt": at, "updatedAt": at, "userId": USER, "projectId": PROJECT,
            "user": { "createdAt": at, "updatedAt": at, "id": USER, "email": "owner@example.test", "firstName": "Olivia",
                "lastName": "Owner", "personalizationAnswers": null, "settings": { "userActivated": true },
                "disabled": false, "mfaEnabled": false, "lastActiveAt": "2026-11-22", "isPending": false } }] })
        }
        Dialect::V2 => json!({ "customTelemetryTags": [], "creatorId": USER }),
    };
    extend(&mut project, more);
    project
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

struct Workflow<'a> {
    dialect: Dialect,
    id: &'a str,
    row: &'a WorkflowRow,
    without_pins: bool,
}

impl Serialize for Workflow<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body().serialize(serializer)
    }
}

impl<'a> Workflow<'a> {
    fn new(state: &State, id: &'a str, row: &'a WorkflowRow) -> Self {
        Self { dialect: state.dialect, id, row, without_pins: false }
    }

    fn body(&self) -> Value {
        let Self { dialect, id, row, without_pins } = *self;
        let (created, updated) = (Iso(row.created_at), Iso(row.updated_at));
        let (nodes, version) = (nodes(id), version_of(id));
        let connections =
            json!({ "Webhook": { "main": [[{ "node": "NoOp", "type": "main", "index": 0 }]] } });
        let mut settings = json!({ "executionOrder": "v1" });
        if dialect == Dialect::V1 {
            extend(
                &mut settings,
                json!({ "callerPolicy": "workflowsFromSameOwner", "availableInMCP": false }),
            );
        }
        if !row.saves_successes {
            extend(&mut settings, json!({ "saveDataSuccessExecution": "none" }));
        }
        let mut active_version = row.active.then(|| {
            json!({ "createdAt": created, "updatedAt": created, "versionId": version, "workflowId": id,
                "nodes": nodes, "connections": connections, "authors": "Olivia Owner", "name": null, "description": null })
        });
        let mut body = json!({
            "updatedAt": updated, "createdAt": created, "id": id, "name": row.name, "active": row.active,
            "isArchived": row.archived, "nodes": nodes, "connections": connections, "settings": settings,
            "staticData": null, "meta": null, "versionId": version,
            "activeVersionId": row.active.then_some(&version), "triggerCount": i32::from(row.active),
            "shared": [{ "createdAt": created, "updatedAt": created, "role": "workflow:owner", "workflowId": id,
                "projectId": PROJECT }],
            "tags": [],
        });
        if !without_pins {
            extend(&mut body, json!({ "pinData": null }));
        }
        if dialect == Dialect::V2 {
            extend(&mut body, json!({ "nodeGroups": [] }));
            if let Some(version) = &mut active_version {
                extend(version, json!({ "nodeGroups": [], "autosaved": false }));
            }
        }
        extend(&mut body, json!({ "activeVersion": active_version }));
        body
    }
}

fn nodes(id: &str) -> Value {
    json!([
        { "id": "a1", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0],
            "parameters": { "path": id, "httpMethod": "POST", "responseMode": "onReceived", "options": {} }, "webhookId": id },
        { "id": "a2", "name": "NoOp", "type": "n8n-nodes-base.noOp", "typeVersion": 1, "position": [200, 0], "parameters": {} },
    ])
}
