//! The log of all that ever ran, through pruning, deletion, restarts, resets and restored back-ups.

use super::*;
use crate::{Begin, Gone, Pruning, State};

fn later(minutes: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(60 * minutes))
}

fn new_state() -> State {
    State::new(Dialect::V2, "key")
}

/// Id, life, status and fate of every run that ever was.
fn fates(state: &State) -> Vec<(i64, u32, &str, Option<Gone>)> {
    state.log().iter().map(|of| (of.id, of.life, of.run.status.as_str(), of.gone)).collect()
}

#[test]
fn the_log_tells_what_became_of_every_run() {
    let mut state = new_state();
    state.quirks_mut().pruning = Some(Pruning { max_age: Duration::from_secs(600), ..Pruning::default() });
    let (kept, gone) = (state.add_workflow("Kept"), state.add_workflow("Gone"));
    state.add(Run::ended(&kept, "success", later(0), 16));
    state.add(Run::ended(&kept, "error", later(15), 16));
    state.add(Run::running(&kept, later(0)));
    state.add(Run::ended(&gone, "success", later(15), 16));
    let deleted = state.add(Run::ended(&kept, "success", later(15), 16));
    state.delete(deleted);
    state.delete_workflow(&gone);
    assert_eq!(state.prune(later(20)), 1);
    state.save_successes(&kept, false);
    state.end(3, "success", later(21));
    state.reset();
    state.add(Run::queued("any"));
    let expected = [
        (1, 1, "success", Some(Gone::Pruned)),
        (2, 1, "error", Some(Gone::Reset)),
        (3, 1, "success", Some(Gone::Unsaved)),
        (4, 1, "success", Some(Gone::WorkflowDeleted)),
        (5, 1, "success", Some(Gone::Deleted)),
        (1, 2, "new", None),
    ];
    assert_eq!(fates(&state), expected);
    assert!(state.log().iter().enumerate().all(|(place, record)| record.serial == place));
}

#[test]
fn a_restored_back_up_takes_runs_back_and_gives_ids_again() {
    let mut state = new_state();
    let workflow = state.add_workflow("A");
    state.add(Run::ended(&workflow, "success", later(0), 16));
    let running = state.add(Run::running(&workflow, later(1)));
    let pruned = state.add(Run::ended(&workflow, "error", later(1), 16));
    let snapshot = state.backup();
    state.end(running, "success", later(2));
    state.delete(pruned);
    let lost = state.add(Run::ended(&workflow, "success", later(3), 16));
    let extra = state.add_workflow("Since");
    state.restore(&snapshot);
    let again = state.add(Run::queued(&workflow));
    assert_eq!((lost, again), (4, 4));
    let expected = [
        (1, 1, "success", None),
        (2, 1, "crashed", None),
        (3, 1, "error", None),
        (4, 1, "success", Some(Gone::Restored)),
        (4, 2, "new", None),
    ];
    assert_eq!(fates(&state), expected);
    let undone = state.log()[1].undone.as_ref().unwrap();
    assert_eq!((undone.status.as_str(), undone.stopped_at), ("success", Some(later(2))));
    assert!(state.log()[0].undone.is_none());
    assert!(!state.workflows().contains_key(&extra) && state.workflows().contains_key(&workflow));
    assert_ne!(state.add_workflow("Later"), extra, "a workflow's id is never given again");
}

#[test]
fn what_is_open_is_not_pruned_and_counts_towards_the_limit() {
    let mut state = new_state();
    state.quirks_mut().pruning = Some(Pruning { max_count: 3, ..Pruning::default() });
    for run in [
        Run::ended("w", "success", later(0), 1),
        Run::waiting("w", later(0), later(9)),
        Run::ended("w", "error", later(0), 1),
        Run::running("w", later(0)),
        Run::queued("w"),
        Run::ended("w", "canceled", later(0), 1),
    ] {
        state.add(run);
    }
    state.prune(later(1));
    let left: Vec<i64> = state.log().iter().filter(|run| run.gone.is_none()).map(|run| run.id).collect();
    assert_eq!(left, [2, 4, 5, 6]);
    state.prune(later(1_000_000));
    assert_eq!(state.rows(), 3);
}

#[test]
fn a_run_goes_through_its_states_with_the_times_of_its_version() {
    for (dialect, start) in [(Dialect::V1, later(70)), (Dialect::V2, later(1))] {
        let mut state = State::new(dialect, "key");
        let id =
            state.begin(Begin { workflow: "w", mode: "webhook", created_at: later(0), started_at: later(1) });
        assert!(!state.sleep(id, later(2), later(3)), "a wait of a minute stays in memory");
        assert_eq!(state.find(id).unwrap().run.status, "running");
        assert!(state.sleep(id, later(4), later(64)));
        let run = &state.find(id).unwrap().run;
        assert_eq!(
            (run.status.as_str(), run.stopped_at, run.wait_till),
            ("waiting", Some(later(4)), Some(later(64)))
        );
        state.resume(id, later(70));
        state.end(id, "error", later(71));
        let run = state.find(id).unwrap().run.clone();
        assert_eq!(
            (run.created_at, run.started_at, run.stopped_at),
            (Some(later(0)), Some(start), Some(later(71)))
        );
        let failed = state.retry(id, later(80), later(80)).unwrap();
        state.end(failed, "error", later(81));
        assert_eq!(state.find(id).unwrap().run.retry_success_id, None);
        for minute in [82, 84] {
            let retry = state.retry(id, later(minute), later(minute)).unwrap();
            state.end(retry, "success", later(minute + 1));
            assert_eq!(state.find(id).unwrap().run.retry_success_id, Some(retry));
            let run = &state.find(retry).unwrap().run;
            assert_eq!((run.mode.as_str(), run.retry_of), ("retry", Some(id)));
        }
        assert_eq!(state.find(id).unwrap().run.status, "error", "and stays so");
    }
}

#[test]
fn places_of_the_concurrency_limit_are_given_in_turn() {
    let mut state = new_state();
    state.quirks_mut().concurrency_limit = Some(2);
    let mut begin = |mode| {
        let id = state.begin(Begin { workflow: "w", mode, created_at: later(0), started_at: later(0) });
        state.find(id).unwrap().run.status.to_string()
    };
    let statuses = ["webhook", "trigger", "webhook", "trigger", "manual"].map(&mut begin);
    assert_eq!(statuses, ["running", "running", "new", "new", "running"]);
    assert_eq!(state.start_next(later(1)), None);
    state.end(1, "success", later(1));
    assert_eq!((state.start_next(later(1)), state.start_next(later(1))), (Some(3), None));
    assert_eq!(state.find(3).unwrap().run.started_at, Some(later(1)));
    state.restart();
    assert_eq!(state.start_next(later(2)), Some(4), "what waited for its turn goes on");
}
