//! The contract of [`crate::store::ExecutionStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    id::{ClientId, ExecutionId},
    model::{
        client::Progress,
        execution::{Execution, Status},
        freshness::ConnectionStatus,
        rollup::Range,
        workflow::{Workflow, WorkflowRecord, WorkflowStatus},
    },
    store::{Applied, Batch, CollectionOutcome, Due, Failure, Pruned, Store, Turn, Walk},
};

async fn workflows_of(store: &Arc<dyn Store>, client: ClientId) -> Vec<WorkflowRecord> {
    snapshot_of(store, client, Vec::new()).await.workflows
}

async fn open_ids(store: &Arc<dyn Store>, client: ClientId) -> Vec<i64> {
    let open = store.open_executions(ALL, client, 100).await.unwrap();
    open.into_iter().map(|(id, _)| id.0).collect()
}

async fn client_without_n8n_is_not_collected(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    assert_eq!(begin_at(&store, acme, minute(0)).await, None);
    let applied = store
        .apply_executions(ALL, first_turn(acme), batch(vec![execution(1, Status::Success, minute(0))]))
        .await;
    assert_eq!(applied.unwrap(), Applied::Superseded);
    assert_eq!(version_of(&store, acme).await, 0);
}

async fn nothing_is_stored_after_the_turn(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let same = instance("https://acme.example.com");
    let old = begin(&store, acme).await.turn;
    let between = begin(&store, acme).await.turn;
    store.set_instance(ALL, acme, Some(&same), minute(1)).await.unwrap().unwrap();
    for turn in [old, between, Turn { number: between.number + 2, ..between }] {
        let late = batch(vec![execution(1, Status::Running, minute(0))]);
        assert_eq!(store.apply_executions(ALL, turn, late).await.unwrap(), Applied::Superseded);
        assert_eq!(identify(&store, turn, &[execution(1, Status::Running, minute(0))]).await, None);
        store.save_workflows(ALL, turn, &[workflow("w", "Late")], minute(2)).await.unwrap();
        finish(&store, turn, &CollectionOutcome::Complete(None), minute(2)).await;
        let failure = Failure { status: ConnectionStatus::AuthFailed, message: "The old key.".to_owned() };
        finish(&store, turn, &CollectionOutcome::Failed(failure), minute(2)).await;
    }
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.data_version, record.failure, record.last_success_at), (0, None, None));
    assert_eq!(due(&store, ALL, minute(0), Due::Sound).await, [acme], "the new configuration is due at once");
    apply(&store, acme, vec![execution(1, Status::Running, minute(0))]).await;
    for _ in 0..3 {
        store.miss_execution(ALL, old, ExecutionId(1), minute(3)).await.unwrap();
    }
    assert_eq!(open_ids(&store, acme).await, [1]);
}

async fn reading_executions_again_changes_nothing(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs = vec![
        execution(5, Status::Success, minute(0)),
        execution(1007, Status::Error, minute(20)),
        execution(12, Status::Running, minute(40)),
    ];
    assert_eq!(apply(&store, acme, runs.clone()).await, 3);
    let (version, tally) = (version_of(&store, acme).await, tally_of(&store, acme, everything()).await);
    assert_eq!((tally.successful(), tally.failed(), tally.unfinished()), (1, 1, 1));
    assert_eq!((tally.duration_sum_millis(), tally.sketch().count()), (4000, 2));
    assert_eq!(apply(&store, acme, runs).await, 0);
    assert_eq!(version_of(&store, acme).await, version);
    assert_eq!(tally_of(&store, acme, everything()).await, tally);
}

async fn racing_batches_count_each_execution_once(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs: Vec<_> = (1..=50).map(|id| execution(id, Status::Success, minute(id))).collect();
    let turn = begin(&store, acme).await.turn;
    let race = |store: Arc<dyn Store>, runs: Vec<Execution>| async move {
        match store.apply_executions(ALL, turn, batch(runs)).await.unwrap() {
            Applied::Stored { changed } => changed,
            other => panic!("{other:?}"),
        }
    };
    let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(race(store.clone(), runs.clone()))).collect();
    let mut changed = 0;
    for task in tasks {
        changed += task.await.unwrap();
    }
    assert_eq!((changed, tally_of(&store, acme, everything()).await.total()), (50, 50));
}

async fn two_clients_have_an_execution_of_the_same_id(store: Arc<dyn Store>) {
    let (acme, globex) = (configured(&store, "acme").await, configured(&store, "globex").await);
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    apply(&store, globex, vec![execution(1, Status::Error, minute(0))]).await;
    assert_eq!(tally_of(&store, acme, everything()).await.successful(), 1);
    assert_eq!(tally_of(&store, acme, everything()).await.failed(), 0);
    assert_eq!(tally_of(&store, globex, everything()).await.failed(), 1);
}

async fn execution_that_ended_is_counted_anew(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Running, minute(0))]).await;
    assert_eq!(apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await, 1);
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.total(), tally.successful(), tally.unfinished()), (1, 1, 0));
}

async fn older_read_never_takes_back_what_has_ended(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    assert_eq!(apply(&store, acme, vec![execution(1, Status::Running, minute(0))]).await, 0);
    assert_eq!(tally_of(&store, acme, everything()).await.successful(), 1);
}

async fn crashed_execution_may_turn_out_to_be_asleep(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Crashed, minute(0))]).await;
    assert_eq!(apply(&store, acme, vec![execution(1, Status::Waiting, minute(0))]).await, 1);
    assert_eq!(open_ids(&store, acme).await, [1]);
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.total(), tally.successful()), (1, 1));
}

async fn later_of_two_readings_in_one_batch_counts(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let both = vec![execution(1, Status::Running, minute(0)), execution(1, Status::Error, minute(0))];
    assert_eq!(apply(&store, acme, both).await, 1);
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.total(), tally.failed()), (1, 1));
}

async fn moved_start_moves_the_count_and_leaves_no_empty_row(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Waiting, minute(0))]).await;
    apply(&store, acme, vec![execution(1, Status::Success, minute(2 * 24 * 60 + 7))]).await;
    assert_eq!(tally_of(&store, acme, range(0, 15)).await.total(), 0);
    let snapshot = snapshot_of(&store, acme, vec![range(0, 24 * 60), everything()]).await;
    assert!(snapshot.tallies[0].is_empty());
    assert_eq!(snapshot.tallies[1].len(), 1);
    assert_eq!(snapshot.oldest_bucket, Some(minute(2 * 24 * 60)));
}

async fn every_width_holds_the_same_sums(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs: Vec<_> =
        (0..200).map(|id| execution(id, Status::ALL[(id % 8) as usize], minute(id * 7 - 300))).collect();
    apply(&store, acme, runs.clone()).await;
    let within = |range: Range| {
        let inside = |run: &&Execution| run.started_at.is_some_and(|at| range.from <= at && at < range.to);
        runs.iter().filter(inside).count() as i64
    };
    // Quarter hours only; hours; a day; and days with hours and quarter hours at both ends.
    for (from, to) in [(15, 45), (60, 240), (0, 24 * 60), (-4 * 60 - 45, 24 * 60 + 75)] {
        let tally = tally_of(&store, acme, range(from, to)).await;
        assert_eq!(tally.total(), within(range(from, to)), "{from} to {to}");
        let durations = tally.count(Status::Success) + tally.count(Status::Error);
        assert_eq!((tally.sketch().count(), tally.duration_sum_millis()), (durations, durations * 2000));
    }
}

async fn everything_about_an_execution_is_kept(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let run = Execution {
        mode: "retry".into(),
        retry_of: Some(ExecutionId(3)),
        retry_success_id: Some(ExecutionId(9)),
        stopped_at: Some(minute(1)),
        ..execution(4, Status::Error, minute(0))
    };
    assert_eq!(apply(&store, acme, vec![run.clone()]).await, 1);
    assert_eq!(apply(&store, acme, vec![run.clone()]).await, 0);
    for other in [
        Execution { mode: "manual".into(), ..run.clone() },
        Execution { retry_of: None, ..run.clone() },
        Execution { retry_success_id: None, ..run.clone() },
        Execution { stopped_at: None, ..run.clone() },
    ] {
        assert_eq!(apply(&store, acme, vec![other]).await, 1);
        assert_eq!(apply(&store, acme, vec![run.clone()]).await, 1);
    }
    assert_eq!(tally_of(&store, acme, everything()).await.total(), 1);
}

async fn queued_execution_counts_in_the_quarter_hour_of_its_reading(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let queued = Execution { started_at: None, ..execution(1, Status::New, minute(0)) };
    let turn = begin(&store, acme).await.turn;
    let read = async |at: i64| {
        let batch = Batch { read_at: minute(at), ..batch(vec![queued.clone()]) };
        store.apply_executions(ALL, turn, batch).await.unwrap()
    };
    assert_eq!(read(32).await, Applied::Stored { changed: 1 });
    assert_eq!(tally_of(&store, acme, range(30, 45)).await.unfinished(), 1);
    assert_eq!(read(44).await, Applied::Stored { changed: 0 });
    assert_eq!(read(99).await, Applied::Stored { changed: 1 });
    assert_eq!(tally_of(&store, acme, range(90, 105)).await.unfinished(), 1);
    apply(&store, acme, vec![execution(1, Status::Success, minute(50))]).await;
    assert_eq!(tally_of(&store, acme, everything()).await.total(), 1);
    assert_eq!(tally_of(&store, acme, range(45, 60)).await.successful(), 1);
}

async fn unfinished_executions_are_listed_oldest_first(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs = (1..=8).rev().map(|id| execution(id, Status::ALL[id as usize - 1], minute(id))).collect();
    apply(&store, acme, runs).await;
    assert_eq!(open_ids(&store, acme).await, [1, 2, 3]);
    assert_eq!(store.open_executions(ALL, acme, 2).await.unwrap().len(), 2);
    let turn = begin(&store, acme).await.turn;
    let another = execution(8, Status::Error, minute(99));
    identify(&store, turn, &[another]).await.unwrap();
    assert!(open_ids(&store, acme).await.is_empty(), "those of another instance are not asked of this one");
}

async fn third_miss_in_a_row_counts_as_unknown(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let running = execution(1, Status::Running, minute(0));
    apply(&store, acme, vec![running.clone()]).await;
    let miss = async || {
        let turn = begin(&store, acme).await.turn;
        store.miss_execution(ALL, turn, ExecutionId(1), minute(60)).await.unwrap();
    };
    miss().await;
    miss().await;
    assert_eq!(apply(&store, acme, vec![running]).await, 0, "seen again, so they are counted from the start");
    let version = version_of(&store, acme).await;
    miss().await;
    miss().await;
    assert_eq!(version_of(&store, acme).await, version);
    assert_eq!(open_ids(&store, acme).await, [1]);
    miss().await;
    assert!(open_ids(&store, acme).await.is_empty());
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.total(), tally.count(Status::Unknown), tally.failed()), (1, 1, 0));
    assert!(version_of(&store, acme).await > version);
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    assert_eq!(tally_of(&store, acme, everything()).await.successful(), 1);
}

async fn miss_of_an_ended_or_unknown_execution_changes_nothing(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    let (version, turn) = (version_of(&store, acme).await, begin(&store, acme).await.turn);
    for id in [1, 2] {
        for _ in 0..4 {
            store.miss_execution(ALL, turn, ExecutionId(id), minute(60)).await.unwrap();
        }
    }
    assert_eq!(tally_of(&store, acme, everything()).await.successful(), 1);
    assert_eq!(version_of(&store, acme).await, version);
}

async fn workflows_follow_the_list_of_n8n(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let archived = Workflow { archived: true, ..workflow("c", "Third") };
    let inactive = Workflow { active: false, ..workflow("b", "Second") };
    let listed = [workflow("a", "First"), inactive, archived];
    let turn = begin(&store, acme).await.turn;
    store.save_workflows(ALL, turn, &listed, minute(1)).await.unwrap();
    let version = version_of(&store, acme).await;
    store.save_workflows(ALL, turn, &listed, minute(2)).await.unwrap();
    assert_eq!(version_of(&store, acme).await, version);
    let stored = workflows_of(&store, acme).await;
    let states: Vec<_> = stored.iter().map(|stored| (stored.name.as_str(), stored.status)).collect();
    use WorkflowStatus::{Active, Archived, Deleted, Inactive};
    assert_eq!(states, [("First", Active), ("Second", Inactive), ("Third", Archived)]);
    assert!(stored.iter().all(|stored| stored.time_saved_per_execution_minutes == 30));
    store.save_workflows(ALL, turn, &[workflow("b", "Renamed")], minute(3)).await.unwrap();
    let stored = workflows_of(&store, acme).await;
    let states: Vec<_> = stored.iter().map(|stored| (stored.name.as_str(), stored.status)).collect();
    assert_eq!(states, [("First", Deleted), ("Renamed", Active), ("Third", Deleted)]);
    assert!(version_of(&store, acme).await > version);
}

async fn workflow_seen_only_in_executions_has_its_id_for_a_name(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(
        &store,
        acme,
        vec![execution(2, Status::Success, minute(9)), execution(1, Status::Success, minute(3))],
    )
    .await;
    let stored = workflows_of(&store, acme).await;
    assert_eq!((stored[0].name.as_str(), stored[0].last_execution), ("w", Some(minute(9))));
    let turn = begin(&store, acme).await.turn;
    store.save_workflows(ALL, turn, &[workflow("w", "Named")], minute(10)).await.unwrap();
    apply(&store, acme, vec![execution(3, Status::Success, minute(5))]).await;
    let stored = workflows_of(&store, acme).await;
    assert_eq!((stored[0].name.as_str(), stored[0].last_execution), ("Named", Some(minute(9))));
    assert_eq!(stored[0].status, WorkflowStatus::Active);
}

async fn success_is_noted_and_clears_the_failure(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let failure = Failure { status: ConnectionStatus::Unreachable, message: "No answer.".to_owned() };
    let failed = CollectionOutcome::Failed(failure.clone());
    let turn = begin(&store, acme).await.turn;
    finish(&store, turn, &failed, minute(1)).await;
    let due = async |which| due(&store, ALL, minute(99), which).await;
    assert_eq!((due(Due::Failing).await, due(Due::Sound).await), (vec![acme], Vec::new()));
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.failure, record.last_success_at), (Some(failure), None));
    complete(&store, acme, Some(7), minute(2)).await;
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.failure, record.last_success_at), (None, Some(minute(2))));
    assert_eq!((due(Due::Failing).await, due(Due::Sound).await), (Vec::new(), vec![acme]));
    assert_eq!(begin(&store, acme).await.complete_to, Some(ExecutionId(7)));
}

async fn first_success_is_a_change_of_the_numbers_and_later_ones_are_not(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    complete(&store, acme, None, minute(1)).await;
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.data_version, record.changed_at), (1, Some(minute(1))));
    complete(&store, acme, None, minute(2)).await;
    assert_eq!(version_of(&store, acme).await, 1);
}

async fn walk_goes_on_where_it_stopped(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let turn = begin(&store, acme).await.turn;
    let walk = Walk { cursor: Some("next".to_owned()), below: ExecutionId(5), rows: 1 };
    let first = Batch {
        walk: Some(walk.clone()),
        complete_to: Some(ExecutionId(5)),
        ..batch(vec![execution(5, Status::Success, minute(0))])
    };
    store.apply_executions(ALL, turn, first).await.unwrap();
    let state = begin(&store, acme).await;
    assert_eq!((state.walk, state.complete_to, state.back_filled), (Some(walk), Some(ExecutionId(5)), false));
    let last = Batch { walk: Some(walked()), ..Batch::of(Vec::new(), minute(7)) };
    store.apply_executions(ALL, state.turn, last).await.unwrap();
    let state = begin(&store, acme).await;
    assert_eq!((state.walk, state.back_filled), (None, true));
    assert_eq!((state.walked_at, state.listed), (Some(minute(7)), None), "nothing shows that n8n forgets");
}

async fn failures_are_counted_until_a_success(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let failure = Failure { status: ConnectionStatus::Unreachable, message: "No answer.".to_owned() };
    for failures in 0..3 {
        let state = begin(&store, acme).await;
        assert_eq!(state.failures, failures);
        finish(&store, state.turn, &CollectionOutcome::Failed(failure.clone()), minute(1)).await;
    }
    complete(&store, acme, Some(1), minute(2)).await;
    assert_eq!(begin(&store, acme).await.failures, 0);
}

async fn unfinished_execution_that_n8n_does_not_confirm_for_a_week_is_unknown(store: Arc<dyn Store>) {
    const DAY: i64 = 24 * 60;
    let acme = configured(&store, "acme").await;
    let confirmed = execution(1, Status::Waiting, minute(0));
    let read = async |runs: Vec<Execution>, at: i64| {
        let turn = begin_at(&store, acme, minute(at)).await.unwrap().turn;
        store.apply_executions(ALL, turn, Batch::of(runs, minute(at))).await.unwrap();
        finish(&store, turn, &CollectionOutcome::Complete(Some(ExecutionId(2))), minute(at)).await;
    };
    read(vec![confirmed.clone(), execution(2, Status::Running, minute(0))], 0).await;
    for half_day in 1..=13 {
        read(vec![confirmed.clone()], half_day * DAY / 2 + 1).await;
    }
    assert_eq!(open_ids(&store, acme).await, [1, 2]);
    read(vec![confirmed], 7 * DAY + 2).await;
    assert_eq!(open_ids(&store, acme).await, [1]);
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.count(Status::Unknown), tally.count(Status::Waiting)), (1, 1));
    let turn = begin_at(&store, acme, minute(30 * DAY)).await.unwrap().turn;
    finish(&store, turn, &CollectionOutcome::Complete(Some(ExecutionId(2))), minute(30 * DAY)).await;
    assert_eq!(open_ids(&store, acme).await, [1], "after an outage it is asked for first");
}

async fn ids_under_which_nothing_is_stored_are_found(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, [3, 4, 7, 2000].map(|id| execution(id, Status::Success, minute(0))).to_vec()).await;
    let missing = async |above, to| {
        let ids = store.missing_executions(ALL, acme, ExecutionId(above), ExecutionId(to)).await.unwrap();
        ids.into_iter().map(|id| id.0).collect::<Vec<_>>()
    };
    assert_eq!(missing(2, 8).await, [5, 6, 8]);
    assert_eq!(missing(3, 4).await, [0; 0]);
    let far = missing(0, 2000).await;
    assert_eq!((far.len(), far[0]), (999, 1001), "only so many are looked at");
    let turn = begin(&store, acme).await.turn;
    store.note_probed(ALL, turn, ExecutionId(8)).await.unwrap();
    assert_eq!(begin(&store, acme).await.probed_to, Some(ExecutionId(8)));
}

async fn what_n8n_pruned_before_it_was_read_is_a_gap(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs = [10, 20, 21, 40].map(|id| execution(id, Status::Success, minute(id)));
    apply(&store, acme, runs.to_vec()).await;
    let gaps = async || {
        let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
        record.gaps.iter().map(|gap| (gap.from, gap.to)).collect::<Vec<_>>()
    };
    let pruned = async |above, below| {
        let turn = begin(&store, acme).await.turn;
        let span = Pruned { above: ExecutionId(above), below: ExecutionId(below) };
        store.note_pruned(ALL, turn, span, minute(50)).await.unwrap();
    };
    pruned(20, 21).await;
    assert_eq!(gaps().await, [], "nothing lies between");
    pruned(10, 20).await;
    assert_eq!(gaps().await, [(minute(10), minute(20))]);
    pruned(21, 40).await;
    assert_eq!(gaps().await, [(minute(10), minute(20)), (minute(21), minute(40))]);
}

async fn progress_is_shown_until_the_back_fill_is_complete(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let progress = Progress { executions: 1, oldest: Some(minute(0)) };
    let first = Batch { progress: Some(progress), ..batch(vec![execution(1, Status::Success, minute(0))]) };
    let turn = begin(&store, acme).await.turn;
    store.apply_executions(ALL, turn, first).await.unwrap();
    let shown = async || {
        let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
        (record.progress, record.back_filled, record.last_attempt_at)
    };
    assert_eq!(shown().await, (Some(progress), false, Some(minute(0))));
    complete(&store, acme, Some(1), minute(1)).await;
    assert_eq!(shown().await, (None, true, Some(minute(1))));
}

async fn time_of_the_last_change_is_known(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let read = |id, at| Batch { read_at: at, ..batch(vec![execution(id, Status::Success, minute(0))]) };
    let turn = begin(&store, acme).await.turn;
    store.apply_executions(ALL, turn, read(1, minute(3))).await.unwrap();
    store.apply_executions(ALL, turn, read(1, minute(4))).await.unwrap();
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.changed_at, record.data_version), (Some(minute(3)), 1));
}

suite! { $ execution_contract in execution:
    client_without_n8n_is_not_collected,
    nothing_is_stored_after_the_turn,
    reading_executions_again_changes_nothing,
    racing_batches_count_each_execution_once,
    two_clients_have_an_execution_of_the_same_id,
    execution_that_ended_is_counted_anew,
    older_read_never_takes_back_what_has_ended,
    crashed_execution_may_turn_out_to_be_asleep,
    later_of_two_readings_in_one_batch_counts,
    moved_start_moves_the_count_and_leaves_no_empty_row,
    every_width_holds_the_same_sums,
    everything_about_an_execution_is_kept,
    queued_execution_counts_in_the_quarter_hour_of_its_reading,
    unfinished_executions_are_listed_oldest_first,
    third_miss_in_a_row_counts_as_unknown,
    miss_of_an_ended_or_unknown_execution_changes_nothing,
    workflows_follow_the_list_of_n8n,
    workflow_seen_only_in_executions_has_its_id_for_a_name,
    success_is_noted_and_clears_the_failure,
    first_success_is_a_change_of_the_numbers_and_later_ones_are_not,
    progress_is_shown_until_the_back_fill_is_complete,
    time_of_the_last_change_is_known,
    walk_goes_on_where_it_stopped,
    failures_are_counted_until_a_success,
    unfinished_execution_that_n8n_does_not_confirm_for_a_week_is_unknown,
    ids_under_which_nothing_is_stored_are_found,
    what_n8n_pruned_before_it_was_read_is_a_gap,
}
