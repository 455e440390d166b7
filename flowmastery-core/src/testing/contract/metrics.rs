//! The contract of [`crate::store::MetricsStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        execution::{Class, Execution, Status},
        period::PeriodQuery,
        series::{SeriesPlan, SeriesQuery},
        workflow::WorkflowId,
    },
    store::{MetricsQuery, Store},
};

async fn client_without_executions_has_empty_sums(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let snapshot = snapshot_of(&store, acme, vec![everything(), everything()]).await;
    assert_eq!((snapshot.client_id, snapshot.name.as_str(), snapshot.configured), (acme, "acme", false));
    assert_eq!((snapshot.oldest_bucket, snapshot.workflows.len()), (None, 0));
    assert_eq!(snapshot.tallies.len(), 2);
    assert!(snapshot.tallies.iter().all(|tallies| tallies.is_empty()));
}

async fn ranges_are_half_open_and_summed_on_their_own(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs = [0, 14, 15, 29, 30].into_iter().enumerate();
    let runs = runs.map(|(id, at)| execution(id as i64, Status::Success, minute(at))).collect();
    apply(&store, acme, runs).await;
    let snapshot =
        snapshot_of(&store, acme, vec![range(0, 15), range(15, 30), range(0, 45), range(45, 60)]).await;
    let totals: Vec<i64> =
        snapshot.tallies.iter().map(|tallies| tallies.values().map(|tally| tally.total()).sum()).collect();
    assert_eq!(totals, [2, 2, 5, 0]);
    assert!(snapshot.configured);
}

async fn names_of_workflows_may_hold_any_character(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let turn = begin(&store, acme).await.turn;
    store.save_workflows(ALL, turn, &[workflow("w", "a\0b\u{1f600}")], minute(1)).await.unwrap();
    let snapshot = snapshot_of(&store, acme, Vec::new()).await;
    assert_eq!(snapshot.workflows[0].name, "a\u{fffd}b\u{1f600}", "only NUL is replaced");
}

async fn sums_are_kept_apart_by_workflow(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let other =
        |id| Execution { workflow_id: WorkflowId::from("v"), ..execution(id, Status::Error, minute(0)) };
    apply(&store, acme, vec![execution(1, Status::Success, minute(0)), other(2), other(3)]).await;
    let snapshot = snapshot_of(&store, acme, vec![everything()]).await;
    let total = |id: &str| snapshot.tallies[0].get(&WorkflowId::from(id)).map(|tally| tally.total());
    assert_eq!((total("w"), total("v"), total("x")), (Some(1), Some(2), None));
    let ids: Vec<_> = snapshot.workflows.iter().map(|workflow| workflow.id.as_str()).collect();
    assert_eq!(ids, ["v", "w"]);
}

async fn only_the_classes_asked_for_count(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let run = |id, mode: &str| Execution { mode: mode.into(), ..execution(id, Status::Success, minute(0)) };
    apply(&store, acme, vec![run(1, "webhook"), run(2, "manual"), run(3, "manual"), run(4, "cli")]).await;
    let count = async |classes: &[Class]| {
        let query = MetricsQuery { ranges: vec![everything()], classes: classes.to_vec() };
        let snapshots = store.snapshots(ALL, Some(acme), &query).await.unwrap();
        snapshots[0].tallies[0].values().map(|tally| tally.total()).sum::<i64>()
    };
    assert_eq!(count(&[Class::Production]).await, 1);
    assert_eq!(count(&[Class::Production, Class::Manual]).await, 3);
    assert_eq!(count(&Class::ALL).await, 4);
    assert_eq!(count(&[]).await, 0);
}

async fn oldest_bucket_is_known(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(
        &store,
        acme,
        vec![execution(1, Status::Success, minute(50)), execution(2, Status::Success, minute(20))],
    )
    .await;
    assert_eq!(snapshot_of(&store, acme, Vec::new()).await.oldest_bucket, Some(minute(15)));
}

async fn every_client_comes_by_id_with_its_own_numbers(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for (index, name) in ["acme", "globex", "initech"].into_iter().enumerate() {
        let id = configured(&store, name).await;
        let runs = (0..=index as i64).map(|run| execution(run, Status::Success, minute(run * 60))).collect();
        apply(&store, id, runs).await;
        ids.push(id);
    }
    let empty = client(&store, "empty").await;
    let query = MetricsQuery { ranges: vec![everything()], classes: Class::ALL.to_vec() };
    let seen = async || {
        let snapshots = store.snapshots(ALL, None, &query).await.unwrap();
        let total = |snapshot: &crate::store::ClientSnapshot| {
            snapshot.tallies[0].values().map(|tally| tally.total()).sum::<i64>()
        };
        snapshots.iter().map(|snapshot| (snapshot.client_id, total(snapshot))).collect::<Vec<_>>()
    };
    assert_eq!(seen().await, [(ids[0], 1), (ids[1], 2), (ids[2], 3), (empty, 0)]);
    store.delete_client(ALL, ids[1], minute(1)).await.unwrap();
    assert_eq!(seen().await, [(ids[0], 1), (ids[2], 3), (empty, 0)]);
    assert!(store.snapshots(ALL, Some(ids[1]), &query).await.unwrap().is_empty());
    assert!(store.snapshots(ALL, Some(ClientId(999)), &query).await.unwrap().is_empty());
}

/// A series of production runs by the hour.
fn hours(from: i64, to: i64) -> SeriesPlan {
    let (from, to) = (minute(from).to_string(), minute(to).to_string());
    let period = PeriodQuery::parse(None, (Some(&from), Some(&to)), None, None);
    SeriesQuery::parse(Some("hour"), period).unwrap().at(minute(0))
}

/// Whether a series is known, with the start and the total of each point.
async fn points_of(
    store: &Arc<dyn Store>,
    client: Option<ClientId>,
    plan: &SeriesPlan,
) -> (bool, Vec<(Timestamp, i64)>) {
    let series = store.series(ALL, client, plan).await.unwrap().unwrap();
    let points = series.points.unwrap();
    (series.known, points.iter().map(|(start, tally)| (*start, tally.total())).collect())
}

async fn points_of_a_series_are_half_open_and_summed_on_their_own(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let runs = [0, 59, 60, 119, 180, 194, 195].into_iter().enumerate();
    let mut runs: Vec<_> = runs.map(|(id, at)| execution(id as i64, Status::Success, minute(at))).collect();
    runs.push(Execution { workflow_id: WorkflowId::from("v"), ..execution(8, Status::Error, minute(61)) });
    runs.push(Execution { mode: "manual".into(), ..execution(9, Status::Error, minute(61)) });
    apply(&store, acme, runs).await;
    complete(&store, acme, Some(9), minute(200)).await;
    let (known, points) = points_of(&store, Some(acme), &hours(0, 195)).await;
    assert!(known);
    assert_eq!(points, [(minute(0), 2), (minute(60), 3), (minute(120), 0), (minute(180), 2)]);
    let (_, points) = points_of(&store, Some(acme), &hours(45, 75)).await;
    assert_eq!(points, [(minute(45), 1), (minute(60), 2)], "quarter hours at the ends");
}

async fn a_series_is_not_known_before_the_first_collection(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, vec![execution(1, Status::Success, minute(0))]).await;
    for client in [Some(acme), None] {
        let (known, points) = points_of(&store, client, &hours(0, 60)).await;
        assert_eq!((known, points), (false, vec![(minute(0), 0)]));
    }
    complete(&store, acme, Some(1), minute(1)).await;
    for client in [Some(acme), None] {
        let (known, points) = points_of(&store, client, &hours(0, 60)).await;
        assert_eq!((known, points), (true, vec![(minute(0), 1)]));
    }
}

async fn a_series_over_all_clients_sums_those_that_are_known(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for name in ["acme", "globex", "initech"] {
        let id = configured(&store, name).await;
        apply(&store, id, vec![execution(1, Status::Success, minute(60))]).await;
        ids.push(id);
    }
    let all = async || points_of(&store, None, &hours(60, 120)).await;
    complete(&store, ids[0], Some(1), minute(2)).await;
    complete(&store, ids[1], Some(1), minute(2)).await;
    assert_eq!(all().await, (true, vec![(minute(60), 2)]));
    store.delete_client(ALL, ids[1], minute(3)).await.unwrap();
    assert_eq!(all().await, (true, vec![(minute(60), 1)]));
    let plan = hours(60, 120);
    assert!(store.series(ALL, Some(ids[1]), &plan).await.unwrap().is_none());
    assert!(store.series(ALL, Some(ClientId(999)), &plan).await.unwrap().is_none());
}

async fn a_series_of_all_time_begins_with_the_oldest_bucket(store: Arc<dyn Store>) {
    let period = PeriodQuery::parse(Some("all"), (None, None), None, None);
    let plan = SeriesQuery::parse(Some("day"), period).unwrap().at(minute(3 * 24 * 60));
    assert_eq!(points_of(&store, None, &plan).await, (false, Vec::new()));
    let (acme, globex) = (configured(&store, "acme").await, configured(&store, "globex").await);
    let day = 24 * 60;
    apply(&store, acme, vec![execution(1, Status::Success, minute(2 * day + 600))]).await;
    apply(&store, globex, vec![execution(1, Status::Success, minute(day + 20))]).await;
    complete(&store, acme, Some(1), minute(2)).await;
    assert_eq!(points_of(&store, None, &plan).await.1, [(minute(2 * day), 1), (minute(3 * day), 0)]);
    complete(&store, globex, Some(1), minute(2)).await;
    let both = [(minute(day), 1), (minute(2 * day), 1), (minute(3 * day), 0)];
    assert_eq!(points_of(&store, None, &plan).await.1, both);
    assert_eq!(points_of(&store, Some(acme), &plan).await.1, both[1..].to_vec());
}

async fn days_are_counted_client_by_client(store: Arc<dyn Store>) {
    let (acme, globex) = (configured(&store, "acme").await, configured(&store, "globex").await);
    let empty = client(&store, "empty").await;
    let day = 24 * 60;
    let other = |id, at, status| Execution {
        workflow_id: WorkflowId::from("v"),
        ..execution(id, status, minute(at))
    };
    let manual = Execution { mode: "manual".into(), ..execution(5, Status::Error, minute(1)) };
    let runs = vec![
        execution(1, Status::Success, minute(0)),
        other(2, day - 1, Status::Error),
        other(3, day, Status::Crashed),
        execution(4, Status::Success, minute(2 * day)),
        manual,
    ];
    apply(&store, acme, runs).await;
    apply(&store, globex, vec![execution(1, Status::Canceled, minute(day + 5))]).await;
    let counts = async |scope, clients: &[ClientId], classes: &[Class]| {
        let counts = store.day_counts(scope, clients, range(0, 2 * day), classes).await.unwrap();
        counts.iter().map(|count| (count.client_id, count.day, count.total)).collect::<Vec<_>>()
    };
    let production = [Class::Production];
    let of_acme = [(acme, minute(0), 2), (acme, minute(day), 1)];
    let all = [of_acme[0], of_acme[1], (globex, minute(day), 1)];
    assert_eq!(counts(ALL, &[globex, empty, acme, acme, ClientId(999)], &production).await, all);
    assert_eq!(counts(ALL, &[acme], &Class::ALL).await[0], (acme, minute(0), 3));
    assert_eq!(counts(TenantScope::client(acme), &[acme, globex], &production).await, of_acme);
    assert_eq!(counts(ALL, &[], &production).await, []);
    assert_eq!(counts(ALL, &[acme], &[]).await, []);
    store.delete_client(ALL, acme, minute(1)).await.unwrap();
    assert_eq!(counts(ALL, &[acme, globex], &production).await, all[2..]);
}

async fn store_answers_a_ping(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
}

suite! { $ metrics_contract in metrics:
    client_without_executions_has_empty_sums,
    ranges_are_half_open_and_summed_on_their_own,
    names_of_workflows_may_hold_any_character,
    sums_are_kept_apart_by_workflow,
    only_the_classes_asked_for_count,
    oldest_bucket_is_known,
    every_client_comes_by_id_with_its_own_numbers,
    points_of_a_series_are_half_open_and_summed_on_their_own,
    a_series_is_not_known_before_the_first_collection,
    a_series_over_all_clients_sums_those_that_are_known,
    a_series_of_all_time_begins_with_the_oldest_bucket,
    days_are_counted_client_by_client,
    store_answers_a_ping,
}
