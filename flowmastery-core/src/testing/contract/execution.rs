//! The contract of [`crate::store::ExecutionStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        client::Progress,
        execution::{Execution, Status},
        freshness::ConnectionStatus,
        rollup::Range,
        workflow::{Workflow, WorkflowId, WorkflowRecord, WorkflowStatus},
    },
    store::{Applied, Batch, CollectionOutcome, Failure, OpenExecution, Store},
};

async fn workflows_of(store: &Arc<dyn Store>, client: ClientId) -> Vec<WorkflowRecord> {
    snapshot_of(store, client, Vec::new()).await.workflows
}

async fn open_ids(store: &Arc<dyn Store>, client: ClientId) -> Vec<(i64, i16)> {
    let open = store.open_executions(ALL, client, 100).await.unwrap();
    open.into_iter().map(|OpenExecution { id, misses }| (id.0, misses)).collect()
}

async fn client_without_n8n_is_not_collected(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    assert_eq!(store.begin_collection(ALL, acme, minute(0)).await.unwrap(), None);
    let applied =
        store.apply_executions(ALL, acme, batch(0, vec![execution(1, Status::Success, minute(0))])).await;
    assert_eq!(applied.unwrap(), Applied::Superseded);
    assert_eq!(version_of(&store, acme).await, 0);
}

async fn batch_of_another_epoch_is_not_stored(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let epoch = store.begin_collection(ALL, acme, minute(0)).await.unwrap().unwrap().epoch;
    for other in [epoch - 1, epoch + 1] {
        let batch = batch(other, vec![execution(1, Status::Success, minute(0))]);
        assert_eq!(store.apply_executions(ALL, acme, batch).await.unwrap(), Applied::Superseded);
    }
    assert_eq!(tally_of(&store, acme, everything()).await.total(), 0);
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
    assert_eq!(
        store.begin_collection(ALL, acme, minute(0)).await.unwrap().unwrap().newest,
        Some(ExecutionId(1007))
    );
}

async fn racing_batches_count_each_execution_once(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs: Vec<_> = (1..=50).map(|id| execution(id, Status::Success, minute(id))).collect();
    let race = |store: Arc<dyn Store>, runs: Vec<Execution>| async move { apply(&store, acme, runs).await };
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
        Execution { workflow_id: WorkflowId::from("other"), ..run.clone() },
    ] {
        assert_eq!(apply(&store, acme, vec![other]).await, 1);
        assert_eq!(apply(&store, acme, vec![run.clone()]).await, 1);
    }
    assert_eq!(tally_of(&store, acme, everything()).await.total(), 1);
}

async fn queued_execution_counts_in_the_quarter_hour_of_its_reading(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let queued = Execution { started_at: None, ..execution(1, Status::New, minute(0)) };
    let read = |at: Timestamp| Batch { read_at: at, ..batch(0, vec![queued.clone()]) };
    store.apply_executions(ALL, acme, read(minute(32))).await.unwrap();
    assert_eq!(
        store.apply_executions(ALL, acme, read(minute(99))).await.unwrap(),
        Applied::Stored { changed: 0 }
    );
    assert_eq!(tally_of(&store, acme, range(30, 45)).await.unfinished(), 1);
    apply(&store, acme, vec![execution(1, Status::Success, minute(50))]).await;
    assert_eq!(tally_of(&store, acme, range(30, 45)).await.total(), 0);
    assert_eq!(tally_of(&store, acme, range(45, 60)).await.successful(), 1);
}

async fn unfinished_executions_are_listed_oldest_first(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs = (1..=8).rev().map(|id| execution(id, Status::ALL[id as usize - 1], minute(id))).collect();
    apply(&store, acme, runs).await;
    assert_eq!(open_ids(&store, acme).await, [(1, 0), (2, 0), (3, 0)]);
    assert_eq!(store.open_executions(ALL, acme, 2).await.unwrap().len(), 2);
    store
        .set_instance(ALL, acme, Some(&instance("https://other.example.com")), minute(9))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(open_ids(&store, acme).await, []);
}

async fn third_miss_in_a_row_counts_as_unknown(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let running = execution(1, Status::Running, minute(0));
    apply(&store, acme, vec![running.clone()]).await;
    let miss = async || store.miss_execution(ALL, acme, ExecutionId(1), minute(60)).await.unwrap();
    miss().await;
    miss().await;
    assert_eq!(open_ids(&store, acme).await, [(1, 2)]);
    assert_eq!(apply(&store, acme, vec![running]).await, 0);
    assert_eq!(open_ids(&store, acme).await, [(1, 0)]);
    let version = version_of(&store, acme).await;
    miss().await;
    miss().await;
    assert_eq!(version_of(&store, acme).await, version);
    miss().await;
    assert_eq!(open_ids(&store, acme).await, []);
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.total(), tally.count(Status::Unknown), tally.failed()), (1, 1, 0));
    assert!(version_of(&store, acme).await > version);
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    assert_eq!(tally_of(&store, acme, everything()).await.successful(), 1);
}

async fn miss_of_an_ended_or_unknown_execution_changes_nothing(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    let version = version_of(&store, acme).await;
    for id in [1, 2] {
        for _ in 0..4 {
            store.miss_execution(ALL, acme, ExecutionId(id), minute(60)).await.unwrap();
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
    store.save_workflows(ALL, acme, &listed, minute(1)).await.unwrap();
    let version = version_of(&store, acme).await;
    store.save_workflows(ALL, acme, &listed, minute(2)).await.unwrap();
    assert_eq!(version_of(&store, acme).await, version);
    let stored = workflows_of(&store, acme).await;
    let states: Vec<_> = stored.iter().map(|stored| (stored.name.as_str(), stored.status)).collect();
    use WorkflowStatus::{Active, Archived, Deleted, Inactive};
    assert_eq!(states, [("First", Active), ("Second", Inactive), ("Third", Archived)]);
    assert!(stored.iter().all(|stored| stored.time_saved_per_execution_minutes == 30));
    store.save_workflows(ALL, acme, &[workflow("b", "Renamed")], minute(3)).await.unwrap();
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
    store.save_workflows(ALL, acme, &[workflow("w", "Named")], minute(10)).await.unwrap();
    apply(&store, acme, vec![execution(3, Status::Success, minute(5))]).await;
    let stored = workflows_of(&store, acme).await;
    assert_eq!((stored[0].name.as_str(), stored[0].last_execution), ("Named", Some(minute(9))));
    assert_eq!(stored[0].status, WorkflowStatus::Active);
}

async fn success_is_noted_and_clears_the_failure(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let failure = Failure { status: ConnectionStatus::Unreachable, message: "No answer.".to_owned() };
    let failed = CollectionOutcome::Failed(failure.clone());
    store.finish_collection(ALL, acme, &failed, minute(1)).await.unwrap();
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.failure, record.last_success_at), (Some(failure), None));
    complete(&store, acme, Some(7), minute(2)).await;
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.failure, record.last_success_at), (None, Some(minute(2))));
    let state = store.begin_collection(ALL, acme, minute(0)).await.unwrap().unwrap();
    assert_eq!(state.complete_to, Some(ExecutionId(7)));
}

async fn first_success_is_a_change_of_the_numbers_and_later_ones_are_not(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    complete(&store, acme, None, minute(1)).await;
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.data_version, record.changed_at), (1, Some(minute(1))));
    complete(&store, acme, None, minute(2)).await;
    assert_eq!(version_of(&store, acme).await, 1);
}

async fn end_of_a_collection_of_another_epoch_is_ignored(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let before = store.begin_collection(ALL, acme, minute(0)).await.unwrap().unwrap();
    let other = CollectionOutcome::Complete { epoch: before.epoch + 1, newest: Some(ExecutionId(7)) };
    store.finish_collection(ALL, acme, &other, minute(2)).await.unwrap();
    assert_eq!(store.begin_collection(ALL, acme, minute(0)).await.unwrap(), Some(before));
    assert_eq!(store.find_client(ALL, acme).await.unwrap().unwrap().collection.last_success_at, None);
}

async fn progress_is_shown_until_the_back_fill_is_complete(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let progress = Progress { executions: 1, oldest: Some(minute(0)) };
    let first =
        Batch { progress: Some(progress), ..batch(0, vec![execution(1, Status::Success, minute(0))]) };
    store.apply_executions(ALL, acme, first).await.unwrap();
    let shown = async || store.find_client(ALL, acme).await.unwrap().unwrap().collection.progress;
    assert_eq!(shown().await, Some(progress));
    complete(&store, acme, Some(1), minute(1)).await;
    assert_eq!(shown().await, None);
}

async fn time_of_the_last_change_is_known(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let read = |id, at| Batch { read_at: at, ..batch(0, vec![execution(id, Status::Success, minute(0))]) };
    store.apply_executions(ALL, acme, read(1, minute(3))).await.unwrap();
    store.apply_executions(ALL, acme, read(1, minute(4))).await.unwrap();
    let record = store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    assert_eq!((record.changed_at, record.data_version), (Some(minute(3)), 1));
}

suite! { $ execution_contract in execution:
    client_without_n8n_is_not_collected,
    batch_of_another_epoch_is_not_stored,
    reading_executions_again_changes_nothing,
    racing_batches_count_each_execution_once,
    two_clients_have_an_execution_of_the_same_id,
    execution_that_ended_is_counted_anew,
    older_read_never_takes_back_what_has_ended,
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
    end_of_a_collection_of_another_epoch_is_ignored,
    progress_is_shown_until_the_back_fill_is_complete,
    time_of_the_last_change_is_known,
}
