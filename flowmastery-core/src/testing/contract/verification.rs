//! The contract of [`crate::store::VerificationStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    access::scope::TenantScope,
    id::{ClientId, ExecutionId},
    model::{
        execution::{Execution, Status},
        verification::{Fate, Reach},
    },
    store::{Kept, Recount, Store},
};

fn run(id: i64) -> Execution {
    execution(id, Status::Success, minute(id))
}

/// 300 ended executions, of which the older 200 age out where that is asked for.
async fn busy_client(store: &Arc<dyn Store>, ages: bool) -> ClientId {
    let acme = configured(store, "acme").await;
    apply(store, acme, (1..=300).map(run).collect()).await;
    complete(store, acme, Some(300), minute(301)).await;
    if ages {
        assert_eq!(store.age_out(ALL, acme, minute(9999), 1000).await.unwrap(), 200);
    }
    acme
}

async fn reach_is_known_after_the_first_success(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    assert!(store.reach(ALL, acme).await.unwrap().is_none());
    complete(&store, acme, Some(7), minute(3)).await;
    let Reach { last_success_at, complete_to, back_filled } = store.reach(ALL, acme).await.unwrap().unwrap();
    assert_eq!((last_success_at, complete_to, back_filled), (minute(3), ExecutionId(7), true));
}

async fn fates_are_told_in_the_order_of_the_list(store: Arc<dyn Store>) {
    let acme = busy_client(&store, true).await;
    let listed = [run(400), run(300), run(5), execution(6, Status::Success, minute(5000))];
    let fates = store.fates(ALL, acme, &listed).await.unwrap();
    assert_eq!(fates, [Fate::Missing, Fate::Kept(run(300)), Fate::AgedOut, Fate::Missing]);
}

async fn kept_executions_are_counted_by_database(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let backwards = Execution { stopped_at: Some(minute(0)), ..run(9) };
    let waiting = execution(10, Status::Waiting, minute(10));
    apply(&store, acme, vec![run(8), backwards, waiting.clone()]).await;
    let kept = store.count_kept(ALL, acme, minute(0)).await.unwrap();
    assert_eq!(kept, Kept { ended: 2, unfinished: 1, earlier: 0, negative: 1 });
    // A back-up in which 8 was the newest.
    let turn = begin(&store, acme).await.turn;
    let listed = [run(8), execution(9, Status::Error, minute(99))];
    identify(&store, turn, &listed).await.unwrap();
    store.apply_executions(ALL, turn, batch(listed.to_vec())).await.unwrap();
    let kept = store.count_kept(ALL, acme, minute(0)).await.unwrap();
    assert_eq!((kept.ended, kept.unfinished, kept.earlier), (2, 0, 2));
}

async fn rollups_are_counted_again_from_their_rows(store: Arc<dyn Store>) {
    let acme = busy_client(&store, false).await;
    let recount = store.recount(ALL, acme).await.unwrap();
    assert_eq!(recount, Recount { compared: 21, aged: 0, differing: Vec::new() });
    store.age_out(ALL, acme, minute(9999), 1000).await.unwrap();
    let recount = store.recount(ALL, acme).await.unwrap();
    assert_eq!((recount.compared, recount.aged, recount.differing), (7, 14, Vec::new()));
}

async fn modes_and_statuses_are_counted_in_a_span(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let manual = Execution { mode: "manual".into(), ..run(2) };
    apply(&store, acme, vec![run(1), manual, run(3), run(50)]).await;
    let mut counts = store.count_modes(ALL, acme, range(0, 15)).await.unwrap();
    counts.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("manual".to_owned(), Status::Success, 1), ("webhook".to_owned(), Status::Success, 2)];
    assert_eq!(counts, expected);
}

async fn another_client_is_not_verified(store: Arc<dyn Store>) {
    let acme = busy_client(&store, false).await;
    let scope = TenantScope::client(configured(&store, "globex").await);
    assert!(store.reach(scope, acme).await.unwrap().is_none());
    assert_eq!(store.fates(scope, acme, &[run(1)]).await.unwrap(), [Fate::Missing]);
    assert_eq!(store.count_kept(scope, acme, minute(0)).await.unwrap(), Kept::default());
    assert_eq!(store.recount(scope, acme).await.unwrap(), Recount::default());
    assert!(store.count_modes(scope, acme, everything()).await.unwrap().is_empty());
}

suite! { $ verification_contract in verification:
    reach_is_known_after_the_first_success,
    fates_are_told_in_the_order_of_the_list,
    kept_executions_are_counted_by_database,
    rollups_are_counted_again_from_their_rows,
    modes_and_statuses_are_counted_in_a_span,
    another_client_is_not_verified,
}
