//! The contract of [`crate::store::ExecutionStore`] where n8n has another database than before, or the same one at another address.

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    id::{ClientId, ExecutionId},
    model::{
        epoch::{Evidence, Unclear},
        execution::{Execution, Status},
    },
    store::{Applied, Batch, CollectionOutcome, CollectionState, Store},
};

fn runs(ids: impl IntoIterator<Item = i64>, shift: i64) -> Vec<Execution> {
    ids.into_iter().map(|id| execution(id, Status::Success, minute(id + shift))).collect()
}

/// Collects from an n8n that lists these.
async fn collect(
    store: &Arc<dyn Store>,
    client: ClientId,
    listed: Vec<Execution>,
) -> (CollectionState, Applied) {
    let turn = begin(store, client).await.turn;
    let state = identify(store, turn, &listed).await.unwrap();
    let newest = listed.iter().map(|run| run.id).max();
    let applied = store.apply_executions(ALL, turn, batch(listed)).await.unwrap();
    let end = Batch { walk: Some(walked()), ..batch(Vec::new()) };
    store.apply_executions(ALL, turn, end).await.unwrap();
    finish(store, turn, &CollectionOutcome::Complete(newest), minute(9)).await;
    (state, applied)
}

async fn total(store: &Arc<dyn Store>, client: ClientId) -> i64 {
    tally_of(store, client, everything()).await.total()
}

async fn same_instance_at_another_address_counts_nothing_twice(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, runs(1..=3, 0)).await;
    for url in ["http://n8n.example.com", "https://acme.example.com"] {
        store.set_instance(ALL, acme, Some(&instance(url)), minute(5)).await.unwrap().unwrap();
        let begun = begin(&store, acme).await;
        assert_eq!((begun.identified, begun.complete_to, begun.back_filled), (false, None, false));
        let (state, applied) = collect(&store, acme, runs(1..=3, 0)).await;
        assert_eq!((state.identified, applied), (true, Applied::Stored { changed: 0 }));
        assert_eq!(total(&store, acme).await, 3);
    }
}

async fn address_that_never_answered_leaves_no_trace(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    collect(&store, acme, runs([1], 0)).await;
    for url in ["https://typo.example.com", "https://acme.example.com"] {
        store.set_instance(ALL, acme, Some(&instance(url)), minute(5)).await.unwrap().unwrap();
    }
    assert_eq!(collect(&store, acme, runs([1], 0)).await.1, Applied::Stored { changed: 0 });
    assert_eq!(total(&store, acme).await, 1);
}

async fn other_instances_are_told_apart_and_found_again(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let record = async || store.find_client(ALL, acme).await.unwrap().unwrap().collection;
    let collected = async |life: i64| {
        let (state, applied) = collect(&store, acme, runs(1..=2, life)).await;
        (state.complete_to, applied)
    };
    let all_new = Applied::Stored { changed: 2 };
    assert_eq!(collected(0).await, (None, all_new));
    assert_eq!(collected(0).await, (Some(ExecutionId(2)), Applied::Stored { changed: 0 }));
    assert_eq!(record().await.epoch_begun_at, None);
    assert_eq!(collected(30).await, (None, all_new), "reset at the same address");
    assert!(record().await.epoch_begun_at.is_some(), "which readers are told");
    assert_eq!(collected(0).await, (None, Applied::Stored { changed: 0 }), "the first one again");
    assert_eq!(collected(30).await, (None, Applied::Stored { changed: 0 }), "and the second");
    let other = instance("https://b.example.com");
    store.set_instance(ALL, acme, Some(&other), minute(10)).await.unwrap().unwrap();
    let (state, applied) = collect(&store, acme, runs([900], 60)).await;
    assert_eq!(state.complete_to, None);
    assert_eq!(applied, Applied::Stored { changed: 1 }, "what shares nothing with what is known is new");
    assert_eq!(total(&store, acme).await, 5);
}

async fn new_rows_alone_do_not_make_an_identified_instance_another_one(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    for ids in [1..=3, 500..=503] {
        collect(&store, acme, runs(ids, 0)).await;
    }
    let (state, applied) = collect(&store, acme, runs([2], 0)).await;
    assert_eq!((state.complete_to, applied), (Some(ExecutionId(503)), Applied::Stored { changed: 0 }));
}

async fn numbers_that_begin_again_are_of_a_new_life(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    collect(&store, acme, runs(100..=103, 0)).await;
    let (state, applied) = collect(&store, acme, runs(1..=2, 300)).await;
    assert_eq!((state.complete_to, applied), (None, Applied::Stored { changed: 2 }));
    assert_eq!(total(&store, acme).await, 6);
}

async fn restored_back_up_shares_what_ran_before_it_was_made(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    collect(&store, acme, runs(1..=100, 0)).await;
    // It goes on from 60; two runs have ended since.
    let restored = || [runs(1..=60, 0), runs(61..=62, 500)].concat();
    let (state, applied) = collect(&store, acme, restored()).await;
    assert_eq!((state.complete_to, state.back_filled), (Some(ExecutionId(60)), true));
    assert_eq!(applied, Applied::Stored { changed: 2 });
    assert_eq!(total(&store, acme).await, 102, "what ran before the accident stays counted");
    assert_eq!(collect(&store, acme, restored()).await.1, Applied::Stored { changed: 0 });
    // An older back-up, and then the database from before the accident.
    let older = [runs(1..=30, 0), runs(31..=33, 900)].concat();
    assert_eq!(collect(&store, acme, older.clone()).await.1, Applied::Stored { changed: 3 });
    assert_eq!(collect(&store, acme, older).await.1, Applied::Stored { changed: 0 });
    assert_eq!(collect(&store, acme, runs(1..=101, 0)).await.1, Applied::Stored { changed: 1 });
    assert_eq!(collect(&store, acme, restored()).await.1, Applied::Stored { changed: 0 });
    assert_eq!(total(&store, acme).await, 106);
}

async fn unfinished_execution_of_another_life_is_unknown(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let running = |id| execution(id, Status::Running, minute(id));
    collect(&store, acme, [runs(1..=3, 0), vec![running(4), running(9)]].concat()).await;
    collect(&store, acme, [runs(1..=3, 0), vec![running(4)], runs([5], 0)].concat()).await;
    let open = async || {
        let open = store.open_executions(ALL, acme, 9).await.unwrap();
        open.into_iter().map(|(id, _)| id.0).collect::<Vec<_>>()
    };
    assert_eq!(open().await, [4, 9]);
    collect(&store, acme, [runs(1..=3, 0), vec![running(4)], runs([5], 700)].concat()).await;
    assert_eq!(open().await, [4], "the other one is of the life that is over");
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.total(), tally.count(Status::Unknown)), (7, 1));
}

async fn runs_of_another_life_are_not_stored_over_what_is_known(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, runs(1..=5, 0)).await;
    let turn = begin(&store, acme).await.turn;
    let other = [runs(1..=3, 0), runs(4..=6, 800)].concat();
    assert_eq!(store.apply_executions(ALL, turn, batch(other)).await.unwrap(), Applied::Parted);
    assert_eq!(total(&store, acme).await, 5);
    // One that changed below one that did not is only strange.
    let strange = [runs([5], 0), runs([4], 800)].concat();
    assert_eq!(
        store.apply_executions(ALL, turn, batch(strange)).await.unwrap(),
        Applied::Stored { changed: 1 }
    );
    assert_eq!(total(&store, acme).await, 5);
}

async fn run_that_is_proven_takes_its_place_whatever_it_was(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, runs(1..=2, 0)).await;
    let turn = begin(&store, acme).await.turn;
    // The back-up was made while it waited, and it had resumed since.
    let waits = vec![execution(2, Status::Waiting, minute(1))];
    assert_eq!(store.apply_executions(ALL, turn, batch(waits.clone())).await.unwrap(), Applied::Parted);
    let proven = Batch { proven: vec![ExecutionId(2)], ..batch(waits) };
    assert_eq!(store.apply_executions(ALL, turn, proven).await.unwrap(), Applied::Stored { changed: 1 });
    let tally = tally_of(&store, acme, everything()).await;
    assert_eq!((tally.successful(), tally.unfinished()), (1, 1));
}

async fn wait_that_resumed_asks_when_it_was_created(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, [runs([1], 0), vec![execution(2, Status::Waiting, minute(2))]].concat()).await;
    let turn = begin(&store, acme).await.turn;
    let hearing = store.hear(ALL, turn, &[execution(2, Status::Success, minute(40))]).await.unwrap().unwrap();
    let (_, witness) = &hearing.witnesses[0];
    assert_eq!((witness.same, witness.other), (None, None));
    let unclear = Unclear { id: ExecutionId(2), first_start: minute(2), presumed: Evidence::Unclear };
    assert_eq!(witness.unclear, [unclear]);
}

suite! { $ lives_contract in lives:
    same_instance_at_another_address_counts_nothing_twice,
    address_that_never_answered_leaves_no_trace,
    other_instances_are_told_apart_and_found_again,
    new_rows_alone_do_not_make_an_identified_instance_another_one,
    numbers_that_begin_again_are_of_a_new_life,
    restored_back_up_shares_what_ran_before_it_was_made,
    unfinished_execution_of_another_life_is_unknown,
    runs_of_another_life_are_not_stored_over_what_is_known,
    run_that_is_proven_takes_its_place_whatever_it_was,
    wait_that_resumed_asks_when_it_was_created,
}
