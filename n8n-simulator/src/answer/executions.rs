//! `GET /executions` and `GET /executions/{id}`: which rows.

use flowmastery_core::clock::Timestamp;
use serde::{Serialize, Serializer};

use super::{
    Answer, Answered, pages,
    params::Params,
    rows::{ListRow, SingleRow},
};
use crate::{quirks::Dialect, run::Record, state::State, table::Filter};

/// The largest id that an execution can have: n8n's column is a 32-bit integer.
const MAX_ID: i64 = 2_147_483_647;

#[derive(Serialize)]
struct Cursor {
    #[serde(rename = "lastId", serialize_with = "as_text")]
    last_id: i64,
    limit: i64,
}

fn as_text<S: Serializer>(id: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

pub(super) fn list(state: &State, query: &str) -> Answered {
    const KNOWN: [&str; 6] = ["includeData", "status", "workflowId", "projectId", "limit", "cursor"];
    let params = Params::of_list(state.dialect, query, &KNOWN)?;
    let with_data = params.boolean("includeData")?.unwrap_or(false);
    let status = status(state.dialect, &params)?;
    let statuses: &[&str] = match &status {
        None => &[],
        // "`error` there includes `crashed`" on 1.123, not on 2.41.
        Some("error") if state.dialect == Dialect::V1 => &["error", "crashed"],
        Some(status) => &[status],
    };
    let (started_after, started_before) = time_filters(state, &params)?;
    // "The cursor holds no filters": those of the query hold. A cursor of another list has no id, and starts at the top.
    let below = params.cursor_number("lastId").unwrap_or(i64::MAX);
    let workflow = params.get("workflowId");
    let filter = Filter { below, statuses, workflow, started_after, started_before };
    // No instance here has projects, so a project's list is empty: "Unknown workflowId/projectId -> 200 with empty data, not 404".
    let rows = if params.get("projectId").is_some() { 0 } else { params.rows() };
    let mut rest = state
        .table()
        .newest_first(state.log(), &filter)
        .filter(|record| status == Some("running") || !state.is_in_memory(record.id));
    let shown: Vec<&Record> = rest.by_ref().take(rows).collect();
    let last = shown.last().filter(|_| rest.next().is_some());
    let next = last.map(|last| Cursor { last_id: last.id, limit: params.limit });
    let rows = shown.into_iter().map(|record| ListRow::new(state, record, with_data));
    Ok(pages::page(rows.collect(), next))
}

/// The text of the refusal is n8n 1's; n8n 2's was not captured.
fn status(dialect: Dialect, params: &Params) -> Result<Option<&str>, Answer> {
    let known: &[&str] = match dialect {
        Dialect::V1 => &["canceled", "error", "running", "success", "waiting"],
        Dialect::V2 => &["canceled", "crashed", "error", "new", "running", "success", "unknown", "waiting"],
    };
    let status = params.get("status");
    if params.is_repeated("status") || status.is_some_and(|status| !known.contains(&status)) {
        let known = known.join(", ");
        return Err(Answer::bad(format!(
            "request/query/status must be equal to one of the allowed values: {known}"
        )));
    }
    Ok(status)
}

/// "adds `startedAfter`/`startedBefore` (inclusive; RFC 3339 date-time with Z or offset only; date-only -> 400; `startedAfter` hides
/// `new` rows since startedAt is null)".
fn time_filters(state: &State, params: &Params) -> Result<(Option<Timestamp>, Option<Timestamp>), Answer> {
    if !state.quirks().time_filters {
        return Ok((None, None));
    }
    Ok((params.instant("startedAfter")?, params.instant("startedBefore")?))
}

pub(super) fn find(state: &State, id: &str, query: &str) -> Answered {
    let params = Params::parse(state.dialect, query, &["includeData"])?;
    let with_data = params.boolean("includeData")?.unwrap_or(false);
    let id: i64 = match (state.dialect, id.parse()) {
        (Dialect::V1, Ok(id)) => id,
        (Dialect::V2, Ok(id @ 1..=MAX_ID)) => id,
        (Dialect::V1, Err(_)) => return Err(Answer::bad("request/params/id must be number")),
        (Dialect::V2, _) => {
            return Err(Answer::bad("request/params/executionId must be a positive integer"));
        }
    };
    let record = state.find(id).ok_or_else(Answer::not_found)?;
    Ok(Answer::json(200, &SingleRow::new(state, record, with_data)))
}
