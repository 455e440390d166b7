//! What a history is like, and that it is the same every time.

use super::*;
use crate::{
    Dialect, InProcessN8n, Pruning, Run,
    answer::{Asked, answer},
};

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn state(dialect: Dialect) -> State {
    State::new(dialect, "key")
}

fn runs(state: &State) -> Vec<(i64, Run)> {
    state.log().iter().map(|record| (record.id, record.run.clone())).collect()
}

#[test]
fn a_seed_gives_the_same_rows_in_one_step_or_in_many() {
    for dialect in [Dialect::V1, Dialect::V2] {
        let (mut once, mut stepwise) = (state(dialect), state(dialect));
        History::new(3, START, Plan::default()).advance(&mut once, START.plus(3 * DAY));
        let mut history = History::new(3, START, Plan::default());
        for hour in 1..=72 {
            history.advance(&mut stepwise, START.plus(hour * DAY / 24));
        }
        assert_eq!(runs(&once), runs(&stepwise));
        let mut other = state(dialect);
        History::new(4, START, Plan::default()).advance(&mut other, START.plus(3 * DAY));
        assert_ne!(runs(&once), runs(&other));
    }
}

#[test]
fn rates_statuses_modes_and_times_are_believable() {
    let mut state = state(Dialect::V1);
    let plan = Plan { crash_every: Some(DAY / 24), ..Plan::default() };
    History::new(1, START, plan).advance(&mut state, START.plus(20 * DAY));
    let runs: Vec<&Run> = state.log().iter().map(|record| &record.run).collect();
    assert!((35_000..50_000).contains(&runs.len()), "{}", runs.len());
    let share = |of: &dyn Fn(&Run) -> bool| runs.iter().filter(|run| of(run)).count() * 1000 / runs.len();
    assert!((20..120).contains(&share(&|run| run.status == "error")));
    assert!((1..10).contains(&share(&|run| run.status == "canceled")));
    assert!(runs.iter().any(|run| run.status == "crashed"));
    for mode in ["webhook", "trigger", "manual", "retry", "error", "integrated"] {
        assert!(runs.iter().any(|run| run.mode == mode), "{mode}");
    }
    assert!(runs.iter().any(|run| run.retry_success_id.is_some()));
    let moved = |run: &&&Run| {
        run.started_at
            .zip(run.created_at)
            .is_some_and(|(start, made)| start.since(made) > Duration::from_secs(65))
    };
    assert!(runs.iter().filter(moved).count() > 10, "n8n 1 moves the start of long waits");
    assert!(state.log().iter().any(|record| record.gone == Some(crate::Gone::Unsaved)));
}

#[test]
fn the_concurrency_limit_makes_runs_wait_their_turn() {
    let mut state = state(Dialect::V2);
    state.quirks_mut().concurrency_limit = Some(1);
    let plan = Plan { per_day: 40_000.0, median_millis: 2000.0, sleepers: 0.0, ..Plan::default() };
    History::new(1, START, plan).advance(&mut state, START.plus(DAY / 4));
    let queued = state.log().iter().filter(|record| record.run.status == "new").count();
    let late = |start: Timestamp, made| start.since(made) > Duration::from_secs(60);
    let waited = state.log().iter().filter(|record| {
        record.run.started_at.zip(record.run.created_at).is_some_and(|(start, made)| late(start, made))
    });
    assert!(queued > 10 && waited.count() > 100);
}

#[test]
fn pruning_keeps_the_newest_and_what_is_open() {
    let mut state = state(Dialect::V2);
    state.quirks_mut().pruning = Some(Pruning { max_age: 2 * DAY, max_count: 500, every: DAY / 24 });
    let mut history = History::new(1, START, Plan::default());
    history.advance(&mut state, START.plus(5 * DAY));
    // What came since the last look is still there.
    assert!((500..700).contains(&state.rows()), "{}", state.rows());
    let gone = |gone| state.log().iter().filter(|record| record.gone == gone).count();
    assert!(gone(Some(crate::Gone::Pruned)) > 5000);
    assert_eq!(gone(None), state.rows());
}

#[test]
fn a_history_goes_on_after_a_reset_and_a_restore() {
    let mut state = state(Dialect::V2);
    let mut history = History::new(1, START, Plan::default());
    history.advance(&mut state, START.plus(DAY));
    let snapshot = state.backup();
    let (ids, workflows) = (state.last_id(), state.workflows().len());
    history.advance(&mut state, START.plus(2 * DAY));
    state.restore(&snapshot);
    assert_eq!(state.last_id(), ids);
    history.advance(&mut state, START.plus(3 * DAY));
    assert!(state.last_id() > ids + 500);
    state.reset();
    history.advance(&mut state, START.plus(4 * DAY));
    assert!(state.last_id() > 500 && state.workflows().len() == workflows);
    assert_eq!(state.life(), 3);
    let lives: std::collections::BTreeSet<u32> = state.log().iter().map(|record| record.life).collect();
    assert_eq!(lives.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn half_a_million_executions_take_seconds_and_a_page_is_not_longer_for_them() {
    let api = InProcessN8n::new();
    let n8n = api.add_instance(Dialect::V2);
    let plan = Plan { per_day: 6000.0, ..Plan::default() };
    let mut history = History::new(1, START, plan);
    history.fill(&mut n8n.state(), 541_000);
    let ids = n8n.state().last_id();
    let workflow = n8n.state().add_workflow("Rare");
    assert!(ids >= 541_000);
    n8n.state().add_as(ids / 2, Run::ended(&workflow, "unheard of", START, 16));
    let now = history.now();
    let queries = [
        "limit=250".to_owned(),
        "status=error&limit=250".to_owned(),
        "status=canceled".to_owned(),
        "status=unknown".to_owned(),
        format!("workflowId={workflow}"),
        format!("startedAfter={now}"),
        format!("startedBefore={START}"),
        // {"lastId":"300000","limit":250}
        "cursor=eyJsYXN0SWQiOiIzMDAwMDAiLCJsaW1pdCI6MjUwfQ%3D%3D".to_owned(),
    ];
    let (key, begin) = (n8n.key(), std::time::Instant::now());
    for query in &queries {
        for _ in 0..20 {
            let asked = Asked { method: "GET", path: "/api/v1/executions", query, key: key.as_bytes() };
            assert_eq!(answer(&n8n.state(), &asked).status, 200, "{query}");
        }
    }
    // Each looks at 250 rows and some hundreds of blocks. Were it all rows, this would take minutes.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
