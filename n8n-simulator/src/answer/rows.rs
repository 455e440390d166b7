//! Rows of executions, with the fields of each version in n8n's order.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::{instant::Iso, quirks::Dialect, random::Random, run::Record, state::State};

/// An id, as text or as a number.
#[derive(Clone, Copy, Debug)]
struct Id {
    id: i64,
    as_number: bool,
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.as_number { serializer.serialize_i64(self.id) } else { serializer.collect_str(&self.id) }
    }
}

/// What a row starts with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    id: Id,
    finished: bool,
    mode: &'a str,
    retry_of: Option<Id>,
    retry_success_id: Option<Id>,
    status: &'a str,
}

impl<'a> Head<'a> {
    fn new(record: &'a Record, as_number: bool) -> Self {
        let (run, id) = (&record.run, |id| Id { id, as_number });
        Self {
            id: id(record.id),
            finished: run.status == "success",
            mode: &run.mode,
            retry_of: run.retry_of.map(id),
            retry_success_id: run.retry_success_id.map(id),
            status: &run.status,
        }
    }
}

/// "Row without data, exactly ten keys, in both versions". Not flattened out of [`Head`], which would cost a list most of its time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    id: Id,
    finished: bool,
    mode: &'a str,
    retry_of: Option<Id>,
    retry_success_id: Option<Id>,
    status: &'a str,
    started_at: Option<Iso>,
    stopped_at: Option<Iso>,
    workflow_id: &'a str,
    wait_till: Option<Iso>,
}

impl<'a> Row<'a> {
    fn new(record: &'a Record, as_number: bool) -> Self {
        let run = &record.run;
        let Head { id, finished, mode, retry_of, retry_success_id, status } = Head::new(record, as_number);
        Self {
            id,
            finished,
            mode,
            retry_of,
            retry_success_id,
            status,
            started_at: run.started_at.map(Iso),
            stopped_at: run.stopped_at.map(Iso),
            workflow_id: &run.workflow_id,
            wait_till: run.wait_till.map(Iso),
        }
    }
}

/// A row of the list; with `includeData` it has more.
pub(super) struct ListRow<'a> {
    row: Row<'a>,
    more: Option<(Option<ListMore>, Payload)>,
}

impl<'a> ListRow<'a> {
    pub(super) fn new(state: &State, record: &'a Record, with_data: bool) -> Self {
        let is_v2 = state.dialect == Dialect::V2;
        let more = || (is_v2.then(|| ListMore::new(record)), Payload::new(state, record));
        Self { row: Row::new(record, state.quirks().number_ids), more: with_data.then(more) }
    }
}

impl Serialize for ListRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WithPayload<'a> {
            #[serde(flatten)]
            row: &'a Row<'a>,
            #[serde(flatten)]
            more: &'a Option<ListMore>,
            #[serde(flatten)]
            payload: &'a Payload,
        }
        match &self.more {
            None => self.row.serialize(serializer),
            Some((more, payload)) => WithPayload { row: &self.row, more, payload }.serialize(serializer),
        }
    }
}

/// What n8n 2 adds to the rows of a list with payloads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListMore {
    stored_at: &'static str,
    json_size_bytes: u64,
    workflow_version_id: Option<String>,
}

impl ListMore {
    fn new(record: &Record) -> Self {
        let More { stored_at, json_size_bytes, workflow_version_id, .. } = More::new(record);
        Self { stored_at, json_size_bytes, workflow_version_id }
    }
}

/// The answer of `GET /executions/{id}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SingleRow<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    created_at: Option<Iso>,
    started_at: Option<Iso>,
    stopped_at: Option<Iso>,
    deleted_at: Option<Iso>,
    workflow_id: &'a str,
    wait_till: Option<Iso>,
    #[serde(flatten)]
    more: Option<More>,
    #[serde(flatten)]
    payload: Option<Payload>,
}

impl<'a> SingleRow<'a> {
    pub(super) fn new(state: &State, record: &'a Record, with_data: bool) -> Self {
        let run = &record.run;
        Self {
            head: Head::new(record, state.quirks().number_ids),
            created_at: run.created_at.map(Iso),
            started_at: run.started_at.map(Iso),
            stopped_at: run.stopped_at.map(Iso),
            deleted_at: None,
            workflow_id: &run.workflow_id,
            wait_till: run.wait_till.map(Iso),
            more: (state.dialect == Dialect::V2).then(|| More::new(record)),
            payload: with_data.then(|| Payload::new(state, record)),
        }
    }
}

/// What n8n 2 adds to a single one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct More {
    stored_at: &'static str,
    tracing_context: Option<Value>,
    deduplication_key: Option<String>,
    json_size_bytes: u64,
    binary_data_size_bytes: u64,
    workflow_version_id: Option<String>,
    used_private_credentials: bool,
}

impl More {
    fn new(record: &Record) -> Self {
        // Retries have none, as seen.
        let version = record.run.retry_of.is_none().then(|| version_of(&record.run.workflow_id));
        Self {
            stored_at: "db",
            tracing_context: None,
            deduplication_key: None,
            json_size_bytes: 3556,
            binary_data_size_bytes: 0,
            workflow_version_id: version,
            used_private_credentials: false,
        }
    }
}

/// The version of a workflow: the same as long as it is the same workflow.
pub(super) fn version_of(workflow: &str) -> String {
    let seed =
        workflow.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(257).wrapping_add(u64::from(byte)));
    Random::new(seed).uuid()
}

/// What `includeData=true` adds, as small as it can be: nothing reads it, but what it costs can be seen.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    data: Value,
    workflow_data: Value,
    custom_data: Value,
}

impl Payload {
    fn new(state: &State, record: &Record) -> Self {
        let error = (record.run.status == "error").then(|| json!({ "message": "as planned" }));
        let name = state.workflows().get(record.run.workflow_id.as_str()).map(|row| row.name.as_str());
        Self {
            data: json!({ "version": 1, "startData": {}, "resultData": { "error": error, "runData": {} } }),
            workflow_data: json!({ "id": record.run.workflow_id, "name": name, "nodes": [], "connections": {} }),
            custom_data: json!({}),
        }
    }
}
