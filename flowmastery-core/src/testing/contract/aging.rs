//! The contract of retention: executions go when they are old, what they add up to stays, and none is counted again.

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    id::{ClientId, ExecutionId},
    model::{
        execution::{Execution, Status},
        rollup::Tally,
    },
    store::{Applied, Batch, Store},
};

const HOUR: i64 = 60;

/// 2,500 ended executions, one a minute.
async fn busy_client(store: &Arc<dyn Store>) -> (ClientId, Vec<Execution>) {
    let acme = configured(store, "acme").await;
    let runs: Vec<_> = (1..=2500).map(|id| execution(id, Status::Success, minute(id))).collect();
    apply(store, acme, runs.clone()).await;
    complete(store, acme, Some(2500), minute(2501)).await;
    (acme, runs)
}

async fn age_out(store: &Arc<dyn Store>, client: ClientId, before: i64) -> Vec<u64> {
    let mut gone = Vec::new();
    loop {
        gone.push(store.age_out(ALL, client, minute(before), 1000).await.unwrap());
        if gone.last() < Some(&1000) {
            return gone;
        }
    }
}

async fn sums(store: &Arc<dyn Store>, client: ClientId) -> Tally {
    tally_of(store, client, everything()).await
}

async fn old_executions_go_in_batches_and_stay_counted(store: Arc<dyn Store>) {
    let (acme, runs) = busy_client(&store).await;
    let (before, version) = (sums(&store, acme).await, version_of(&store, acme).await);
    assert_eq!(age_out(&store, acme, 25 * HOUR).await, [1000, 499], "1,499 started before the 25th hour");
    assert_eq!(age_out(&store, acme, 25 * HOUR).await, [0]);
    assert_eq!((sums(&store, acme).await, version_of(&store, acme).await), (before.clone(), version));
    let turn = begin(&store, acme).await.turn;
    let again = store.apply_executions(ALL, turn, batch(runs)).await.unwrap();
    assert_eq!(again, Applied::Stored { changed: 0 }, "n8n still lists them");
    assert_eq!(sums(&store, acme).await, before);
}

async fn newest_executions_stay_however_old(store: Arc<dyn Store>) {
    let (acme, runs) = busy_client(&store).await;
    assert_eq!(age_out(&store, acme, 999 * HOUR).await, [1000, 1000, 400]);
    let other = instance("https://moved.example.com");
    store.set_instance(ALL, acme, Some(&other), minute(9)).await.unwrap().unwrap();
    let turn = begin(&store, acme).await.turn;
    let state = identify(&store, turn, &runs[2300..]).await.unwrap();
    assert_eq!(state.aged_to, ExecutionId(2400), "it is known again by those that stayed");
    store.apply_executions(ALL, turn, batch(runs)).await.unwrap();
    assert_eq!(sums(&store, acme).await.total(), 2500);
}

async fn unfinished_executions_stay_and_go_once_they_ended(store: Arc<dyn Store>) {
    let (acme, _) = busy_client(&store).await;
    let waiting = execution(7, Status::Waiting, minute(7));
    let acme_waits = configured(&store, "waits").await;
    let runs =
        (1..=300).map(|id| execution(id, Status::Success, minute(id))).filter(|run| run.id != waiting.id);
    apply(&store, acme_waits, runs.chain([waiting.clone()]).collect()).await;
    complete(&store, acme_waits, Some(300), minute(301)).await;
    assert_eq!(age_out(&store, acme_waits, 999 * HOUR).await, [199]);
    let open = store.open_executions(ALL, acme_waits, 9).await.unwrap();
    assert_eq!(open, [(waiting.id, waiting.started_at)]);
    apply(&store, acme_waits, vec![execution(7, Status::Error, minute(7))]).await;
    let tally = sums(&store, acme_waits).await;
    assert_eq!((tally.total(), tally.failed(), tally.unfinished()), (300, 1, 0));
    assert_eq!(age_out(&store, acme_waits, 999 * HOUR).await, [1]);
    assert_eq!(sums(&store, acme).await.total(), 2500, "another client's are left alone");
}

async fn execution_that_never_started_is_not_counted_again(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let canceled =
        Execution { started_at: None, stopped_at: None, ..execution(7, Status::Canceled, minute(0)) };
    let read = async |runs: Vec<Execution>, at| {
        let turn = begin(&store, acme).await.turn;
        store.apply_executions(ALL, turn, Batch::of(runs, minute(at))).await.unwrap()
    };
    let runs = (1..=300).filter(|id| *id != 7).map(|id| execution(id, Status::Success, minute(id)));
    read(runs.chain([canceled.clone()]).collect(), 5).await;
    complete(&store, acme, Some(300), minute(301)).await;
    assert_eq!(age_out(&store, acme, 999 * HOUR).await, [200]);
    assert_eq!(read(vec![canceled], 3000).await, Applied::Stored { changed: 0 });
    assert_eq!(sums(&store, acme).await.total(), 300);
}

async fn nothing_goes_before_the_back_fill_is_complete(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let turn = begin(&store, acme).await.turn;
    let runs = (1..=200).map(|id| execution(id, Status::Success, minute(id))).collect();
    let first = Batch { complete_to: Some(ExecutionId(200)), ..batch(runs) };
    store.apply_executions(ALL, turn, first).await.unwrap();
    assert_eq!(age_out(&store, acme, 999 * HOUR).await, [0]);
    complete(&store, acme, Some(200), minute(1)).await;
    assert_eq!(age_out(&store, acme, 999 * HOUR).await, [100]);
}

async fn hidden_execution_that_starts_anew_below_the_old_ones_is_counted(store: Arc<dyn Store>) {
    let (acme, _) = busy_client(&store).await;
    age_out(&store, acme, 25 * HOUR).await;
    // n8n 1 hides what waits, and moves its start when it resumes.
    let late = execution(40_000, Status::Success, minute(2400));
    let late = Execution { id: ExecutionId(0), ..late };
    assert_eq!(apply(&store, acme, vec![late.clone()]).await, 1);
    assert_eq!(apply(&store, acme, vec![late]).await, 0);
    assert_eq!(sums(&store, acme).await.total(), 2501);
}

async fn reset_is_noticed_when_the_first_executions_are_gone(store: Arc<dyn Store>) {
    let (acme, _) = busy_client(&store).await;
    age_out(&store, acme, 25 * HOUR).await;
    let anew: Vec<_> = (1..=3).map(|id| execution(id, Status::Error, minute(id + 3000))).collect();
    let turn = begin(&store, acme).await.turn;
    assert_eq!(identify(&store, turn, &anew).await.unwrap().complete_to, None);
    store.apply_executions(ALL, turn, batch(anew)).await.unwrap();
    let tally = sums(&store, acme).await;
    assert_eq!((tally.successful(), tally.failed()), (2500, 3));
}

suite! { $ aging_contract in aging:
    old_executions_go_in_batches_and_stay_counted,
    newest_executions_stay_however_old,
    unfinished_executions_stay_and_go_once_they_ended,
    execution_that_never_started_is_not_counted_again,
    nothing_goes_before_the_back_fill_is_complete,
    hidden_execution_that_starts_anew_below_the_old_ones_is_counted,
    reset_is_noticed_when_the_first_executions_are_gone,
}
