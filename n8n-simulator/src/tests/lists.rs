//! What lists show, with each quirk, and that their indices never hide a row.

use serde_json::Value;

use super::*;
use crate::{
    Begin, InProcessN8n, Pruning, SimulatedN8n, State,
    answer::{Asked, answer},
    random::Random,
};

fn later(minutes: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(60 * minutes))
}

fn server(dialect: Dialect) -> SimulatedN8n {
    InProcessN8n::new().add_instance(dialect)
}

fn get(state: &State, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let answer = answer(state, &Asked { method: "GET", path, query, key: state.key.as_bytes() });
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// The ids of a list, following its cursor.
fn ids(state: &State, query: &str) -> Vec<i64> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = get(state, &format!("/api/v1/executions?{query}{cursor}"));
        assert_eq!(status, 200, "{page}");
        let id = |row: &Value| row["id"].as_str().unwrap().parse::<i64>().unwrap();
        found.extend(page["data"].as_array().unwrap().iter().map(id));
        let Some(next) = page["nextCursor"].as_str() else { return found };
        cursor = format!("&cursor={}", next.replace('=', "%3D"));
    }
}

#[test]
fn a_run_shows_up_once_it_has_ended_below_ids_already_seen() {
    for dialect in [Dialect::V1, Dialect::V2] {
        let n8n = server(dialect);
        let mut state = n8n.state();
        let late = state.begin(Begin { workflow: "w", mode: "webhook", created_at: NOON, started_at: NOON });
        let not_yet_committed = state.reserve_id();
        let newest = state.add(Run::ended("w", "success", NOON, 16));
        assert_eq!(ids(&state, "limit=250"), [newest]);
        assert_eq!(ids(&state, "status=running"), [late]);
        state.end(late, "success", later(1));
        assert_eq!(ids(&state, "limit=250"), [newest, late]);
        state.add_as(not_yet_committed, Run::ended("w", "error", NOON, 16));
        assert_eq!(ids(&state, "limit=250"), [newest, not_yet_committed, late]);
        state.quirks_mut().running_hidden = false;
        let listed = state.add(Run::running("w", NOON));
        assert_eq!(ids(&state, "limit=250").first(), Some(&listed), "queue mode");
    }
}

#[test]
fn times_filter_inclusively_and_hide_what_has_not_started() {
    let n8n = server(Dialect::V2);
    let mut state = n8n.state();
    for minute in 0..4 {
        state.add(Run::ended("w", "success", later(minute), 16));
    }
    state.add(Run::queued("w"));
    let (first, second) = (later(1).to_string(), later(2).to_string());
    assert_eq!(ids(&state, &format!("startedAfter={second}")), [4, 3]);
    assert_eq!(ids(&state, &format!("startedBefore={first}")), [2, 1]);
    assert_eq!(ids(&state, &format!("startedAfter={first}&startedBefore={second}&limit=1")), [3, 2]);
    let offset = second.replace('Z', "%2B00:00");
    assert_eq!(ids(&state, &format!("startedAfter={offset}")), [4, 3]);
    let date = second.split_once('T').unwrap().0.to_owned();
    let (status, refusal) = get(&state, &format!("/api/v1/executions?startedAfter={date}"));
    assert_eq!(
        (status, refusal["message"].as_str()),
        (400, Some("request/query/startedAfter Invalid datetime"))
    );
    state.quirks_mut().time_filters = false;
    assert_eq!(ids(&state, &format!("startedAfter={date}")).len(), 5, "an older n8n 2 ignores it");
    state.set_dialect(Dialect::V1);
    assert_eq!(get(&state, &format!("/api/v1/executions?startedAfter={second}")).0, 400);
}

#[test]
fn ids_can_be_numbers() {
    let n8n = server(Dialect::V1);
    let mut state = n8n.state();
    state.add(Run::ended("w", "success", NOON, 16).with_retry_of(7));
    assert_eq!(get(&state, "/api/v1/executions/1").1["retryOf"], "7");
    state.quirks_mut().number_ids = true;
    let row = &get(&state, "/api/v1/executions").1["data"][0];
    assert_eq!((&row["id"], &row["retryOf"], &row["retrySuccessId"]), (&1.into(), &7.into(), &Value::Null));
}

#[test]
fn errors_include_crashes_on_n8n_1_only() {
    for (dialect, errors) in [(Dialect::V1, vec![2, 1]), (Dialect::V2, vec![1])] {
        let n8n = server(dialect);
        let mut state = n8n.state();
        state.add(Run::ended("w", "error", NOON, 16));
        state.add(Run::running("w", NOON));
        state.restart();
        assert_eq!(ids(&state, "status=error"), errors);
    }
}

#[test]
fn a_cursor_holds_no_filter_and_its_limit_wins() {
    let n8n = server(Dialect::V2);
    let mut state = n8n.state();
    for number in 0..20 {
        state.add(Run::ended("w", if number % 2 == 0 { "error" } else { "success" }, NOON, 16));
    }
    let (_, page) = get(&state, "/api/v1/executions?status=error&limit=3");
    let cursor = page["nextCursor"].as_str().unwrap();
    let (_, page) = get(&state, &format!("/api/v1/executions?limit=9&cursor={cursor}"));
    let rows: Vec<&str> =
        page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(rows, ["14", "13", "12"]);
    // {"limit":5,"offset":5}, of another list
    let (_, page) = get(&state, "/api/v1/executions?cursor=eyJsaW1pdCI6NSwib2Zmc2V0Ijo1fQ%3D%3D");
    assert_eq!(page["data"][0]["id"], "20");
}

#[test]
fn insights_count_by_n8ns_own_definition() {
    let n8n = server(Dialect::V2);
    let mut state = n8n.state();
    let (workflow, unsaved) = (state.add_workflow("A"), state.add_workflow("B"));
    state.save_successes(&unsaved, false);
    for (status, mode) in [
        ("success", "webhook"),
        ("error", "trigger"),
        ("crashed", "retry"),
        ("success", "manual"),
        ("error", "integrated"),
        ("canceled", "webhook"),
    ] {
        state.add(Run::ended(&workflow, status, NOON, 100).with_mode(mode));
    }
    let id = state.add(Run::running(&unsaved, NOON));
    state.end(id, "success", later(1));
    state.add(Run::ended(&workflow, "success", NOON.minus(Duration::from_secs(8 * 86_400)), 100));
    let (_, summary) = get(&state, "/api/v1/insights/summary");
    let value = |name: &str| summary[name]["value"].clone();
    assert_eq!((value("total"), value("failed"), value("failureRate")), (4.into(), 2.into(), 0.5.into()));
    assert_eq!(value("averageRunTime"), Value::from(15_075));
    assert_eq!(get(&state, "/api/v1/discover").0, 200);
    state.set_dialect(Dialect::V1);
    assert_eq!(get(&state, "/api/v1/insights/summary").0, 404);
}

#[test]
fn lists_show_what_the_log_says_that_they_show() {
    for (seed, dialect) in [(1, Dialect::V1), (2, Dialect::V2), (3, Dialect::V1), (4, Dialect::V2)] {
        let n8n = server(dialect);
        let mut state = n8n.state();
        let mut random = Random::new(seed);
        state.quirks_mut().pruning =
            Some(Pruning { max_age: Duration::from_secs(7200), max_count: 900, every: Duration::ZERO });
        let mut snapshot = state.backup();
        for minute in 0..3000 {
            happen(&mut state, &mut random, later(minute));
            match random.below(400) {
                0 => snapshot = state.backup(),
                1 => state.restore(&snapshot),
                2 => state.restart(),
                3..=20 => drop(state.prune(later(minute))),
                _ => {}
            }
            if minute % 300 == 299 {
                compare(&state, later(minute - 60));
            }
        }
    }
}

fn happen(state: &mut State, random: &mut Random, at: Timestamp) {
    let workflow =
        ["a", "b", "rare"][if random.happens(0.01) { 2 } else { usize::from(random.happens(0.5)) }];
    state.begin(Begin { workflow, mode: "webhook", created_at: at, started_at: at });
    let any = state.last_id() - i64::try_from(random.below(20)).unwrap();
    match random.below(6) {
        0 => drop(state.sleep(any, at, at.plus(Duration::from_secs(3600)))),
        1 => state.resume(any, at),
        2 => state.end(any, "error", at),
        3 => drop(state.retry(any, at, at)),
        4 if random.happens(0.1) => state.delete(any),
        _ => state.end(any, "success", at),
    }
}

fn compare(state: &State, after: Timestamp) {
    let shows = |status: Option<&str>, holds: &dyn Fn(&Run) -> bool| -> Vec<i64> {
        let is_shown = |record: &&crate::Record| {
            record.gone.is_none()
                && (status == Some("running") || !state.is_in_memory(record.id))
                && status.is_none_or(|status| record.run.status == status)
                && holds(&record.run)
        };
        let mut ids: Vec<i64> = state.log().iter().filter(is_shown).map(|record| record.id).collect();
        ids.sort_unstable_by_key(|id| -id);
        ids
    };
    assert_eq!(ids(state, "limit=7"), shows(None, &|_| true));
    for status in ["running", "waiting", "success", "canceled"] {
        assert_eq!(ids(state, &format!("limit=50&status={status}")), shows(Some(status), &|_| true));
    }
    for workflow in ["a", "rare", "none"] {
        let of_it = |run: &Run| run.workflow_id == workflow;
        assert_eq!(ids(state, &format!("workflowId={workflow}")), shows(None, &of_it));
        let succeeded = ids(state, &format!("workflowId={workflow}&status=success"));
        assert_eq!(succeeded, shows(Some("success"), &of_it));
    }
    if state.dialect() == Dialect::V2 {
        let started = |run: &Run| run.started_at.is_some_and(|start| start >= after);
        assert_eq!(ids(state, &format!("startedAfter={after}")), shows(None, &started));
    }
}
