//! The contract of [`crate::store::ListingStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    id::ClientId,
    model::{
        execution::{Class, Execution, Status},
        listing::{ListedExecution, ListingFilter, ListingPosition, ListingQuery},
        rollup::Range,
        workflow::{DEFAULT_TIME_SAVED_MINUTES, TimeSaved, WorkflowId},
    },
    page::PageRequest,
    store::{Applied, CollectionOutcome, Store},
};

/// No ids.
const NONE: [i64; 0] = [];

fn all_of(range: Range) -> ListingQuery {
    ListingQuery { range, classes: Class::ALL.to_vec(), filter: ListingFilter::default() }
}

async fn listed(store: &Arc<dyn Store>, client: ClientId, query: &ListingQuery) -> Vec<ListedExecution> {
    let page = store.list_executions(ALL, client, query, PageRequest::default()).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

async fn ids(store: &Arc<dyn Store>, client: ClientId, query: &ListingQuery) -> Vec<i64> {
    listed(store, client, query).await.iter().map(|execution| execution.id.0).collect()
}

/// Every page of so many.
async fn pages(store: &Arc<dyn Store>, client: ClientId, limit: i64) -> Vec<Vec<ListedExecution>> {
    let mut request = PageRequest::<ListingPosition>::new(Some(limit), None).unwrap();
    let mut pages = Vec::new();
    loop {
        let page = store.list_executions(ALL, client, &all_of(everything()), request).await.unwrap();
        pages.push(page.items);
        let Some(next) = page.next else { return pages };
        request = request.after(next);
    }
}

/// Collects from an n8n that lists these, whichever life of it that is.
async fn collect(store: &Arc<dyn Store>, client: ClientId, runs: Vec<Execution>) {
    let turn = begin(store, client).await.turn;
    identify(store, turn, &runs).await.unwrap();
    assert!(matches!(store.apply_executions(ALL, turn, batch(runs)).await.unwrap(), Applied::Stored { .. }));
    finish(store, turn, &CollectionOutcome::Complete(None), minute(9)).await;
}

fn runs(ids: impl IntoIterator<Item = i64>, shift: i64) -> Vec<Execution> {
    ids.into_iter().map(|id| execution(id, Status::Success, minute(id + shift))).collect()
}

async fn executions_come_by_quarter_hour_epoch_and_number_newest_first(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    // 2 started after 3, in the same quarter hour; 4 is counted an hour before.
    let at = [(1, 0), (2, 14), (3, 1), (4, -60), (5, 15)];
    let first = at.map(|(id, at)| execution(id, Status::Success, minute(at))).to_vec();
    collect(&store, acme, first).await;
    assert_eq!(ids(&store, acme, &all_of(everything())).await, [5, 3, 2, 1, 4]);
    collect(&store, acme, vec![execution(1, Status::Error, minute(3))]).await;
    let listed = listed(&store, acme, &all_of(everything())).await;
    let seen: Vec<_> = listed.iter().map(|execution| (execution.id.0, execution.status)).collect();
    let (old, new) = (Status::Success, Status::Error);
    assert_eq!(seen, [(5, old), (1, new), (3, old), (2, old), (1, old), (4, old)]);
}

async fn pages_lead_to_the_end_over_every_life_without_doubles(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    collect(&store, acme, runs(1..=20, 0)).await;
    collect(&store, acme, runs(1..=20, 3)).await;
    collect(&store, acme, [runs(1..=9, 3), runs(10..=15, 300)].concat()).await;
    let whole = listed(&store, acme, &all_of(everything())).await;
    assert_eq!(whole.len(), 46);
    let different: std::collections::HashSet<_> = whole.iter().map(|run| (run.id, run.started_at)).collect();
    assert_eq!(different.len(), 46);
    for limit in [1, 7, 23, 46] {
        let pages = pages(&store, acme, limit).await;
        assert!(pages.iter().all(|page| !page.is_empty() && page.len() <= limit as usize));
        assert_eq!(pages.concat(), whole, "{limit}");
    }
}

async fn what_comes_meanwhile_shifts_no_page(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, runs(1..=6, 0)).await;
    let first = PageRequest::<ListingPosition>::new(Some(3), None).unwrap();
    let query = all_of(everything());
    let page = store.list_executions(ALL, acme, &query, first).await.unwrap();
    apply(&store, acme, runs(7..=9, 0)).await;
    let second = store.list_executions(ALL, acme, &query, first.after(page.next.unwrap())).await.unwrap();
    let ids: Vec<_> = second.items.iter().map(|execution| execution.id.0).collect();
    assert_eq!((ids, second.next), (vec![3, 2, 1], None));
}

async fn a_list_holds_what_its_range_status_and_workflow_choose(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let other = Execution { workflow_id: "v".into(), ..execution(4, Status::Success, minute(14)) };
    let mine = [(1, Status::Success, 14), (2, Status::Error, 15), (3, Status::Running, 29)];
    let mut runs = mine.map(|(id, status, at)| execution(id, status, minute(at))).to_vec();
    runs.push(other);
    apply(&store, acme, runs).await;
    assert_eq!(ids(&store, acme, &all_of(range(0, 15))).await, [4, 1]);
    assert_eq!(ids(&store, acme, &all_of(range(15, 30))).await, [3, 2]);
    let chosen = async |status, workflow: Option<&str>| {
        let filter = ListingFilter { status, workflow_id: workflow.map(WorkflowId::from) };
        ids(&store, acme, &ListingQuery { filter, ..all_of(everything()) }).await
    };
    assert_eq!(chosen(Some(Status::Success), None).await, [4, 1]);
    assert_eq!(chosen(Some(Status::Running), None).await, [3]);
    assert_eq!(chosen(Some(Status::Unknown), None).await, NONE);
    assert_eq!(chosen(None, Some("w")).await, [3, 2, 1]);
    assert_eq!(chosen(Some(Status::Success), Some("v")).await, [4]);
    assert_eq!(chosen(None, Some("")).await, NONE);
}

async fn classes_choose_by_mode_as_they_count(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let modes = [
        "webhook",
        "trigger",
        "retry",
        "error",
        "chat",
        "agent",
        "Manual",
        "",
        "manual",
        "evaluation",
        "internal",
        "integrated",
        "cli",
    ];
    let run = |(id, mode): (usize, &&str)| Execution {
        mode: (*mode).into(),
        ..execution(id as i64, Status::Success, minute(0))
    };
    apply(&store, acme, modes.iter().enumerate().map(run).collect()).await;
    for classes in
        [&[][..], &[Class::Production], &[Class::Manual], &[Class::Production, Class::Other], &Class::ALL]
    {
        let query = ListingQuery { classes: classes.to_vec(), ..all_of(everything()) };
        let mut seen: Vec<_> =
            listed(&store, acme, &query).await.iter().map(|run| run.mode.to_string()).collect();
        let mut expected: Vec<_> =
            modes.into_iter().filter(|mode| classes.contains(&Class::of_mode(mode))).collect();
        seen.sort();
        expected.sort_unstable();
        assert_eq!(seen, expected, "{classes:?}");
    }
}

async fn an_execution_is_shown_with_its_name_and_time(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let crashed = execution(2, Status::Crashed, minute(0));
    let backwards = Execution { stopped_at: Some(minute(-1)), ..execution(3, Status::Success, minute(0)) };
    let queued = Execution { started_at: None, ..execution(4, Status::New, minute(0)) };
    let elsewhere = Execution { workflow_id: "v".into(), ..execution(5, Status::Error, minute(0)) };
    let runs = vec![execution(1, Status::Success, minute(0)), crashed, backwards, queued, elsewhere];
    apply(&store, acme, runs).await;
    let turn = begin(&store, acme).await.turn;
    store.save_workflows(ALL, turn, &[workflow("w", "Invoices")], minute(1)).await.unwrap();
    let query = all_of(range(-60, 100_000));
    let mut listed = listed(&store, acme, &query).await;
    listed.sort_by_key(|execution| execution.id);
    let times: Vec<_> = listed.iter().map(|execution| execution.execution_time).collect();
    assert_eq!(times, [Some(2.0), None, None, None, Some(2.0)]);
    let first = &listed[0];
    assert_eq!((first.workflow_name.as_str(), first.mode.as_str()), ("Invoices", "webhook"));
    assert_eq!((first.started_at, first.stopped_at.is_some()), (Some(minute(0)), true));
    assert_eq!((listed[3].started_at, listed[4].workflow_name.as_str()), (None, "v"));
}

async fn only_runs_that_n8n_has_are_linked(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let linked = async || {
        let listed = listed(&store, acme, &all_of(everything())).await;
        let linked = listed.iter().filter(|run| run.url.is_some());
        let mut linked: Vec<_> = linked.map(|run| (run.id.0, run.started_at.unwrap())).collect();
        linked.sort_unstable();
        linked
    };
    let shifted = |ids: std::ops::RangeInclusive<i64>, shift| ids.map(move |id| (id, minute(id + shift)));
    apply(&store, acme, runs(1..=9, 0)).await;
    assert_eq!(linked().await, [], "nobody knows yet whose they are");
    collect(&store, acme, runs(1..=9, 0)).await;
    assert_eq!(linked().await, shifted(1..=9, 0).collect::<Vec<_>>());
    let first = &listed(&store, acme, &all_of(everything())).await[0];
    assert_eq!(first.url.as_deref(), Some("https://acme.example.com/workflow/w/executions/9"));
    collect(&store, acme, [runs(1..=5, 0), runs(6..=7, 50)].concat()).await;
    let restored: Vec<_> = shifted(1..=5, 0).chain(shifted(6..=7, 50)).collect();
    assert_eq!(linked().await, restored, "what ran after the back-up was made is gone");
    collect(&store, acme, runs(1..=3, 100)).await;
    assert_eq!(linked().await, shifted(1..=3, 100).collect::<Vec<_>>(), "another database");
    store.set_instance(ALL, acme, Some(&instance("https://b.example.com")), minute(5)).await.unwrap();
    assert_eq!(linked().await, [], "another address, which may be another n8n");
    collect(&store, acme, runs(1..=3, 100)).await;
    assert_eq!(linked().await.len(), 3);
    store.set_instance(ALL, acme, None, minute(5)).await.unwrap();
    assert_eq!(linked().await, []);
}

async fn lists_and_workflows_of_a_deleted_client_are_gone(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, runs(1..=3, 0)).await;
    store.delete_client(ALL, acme, minute(1)).await.unwrap();
    let (id, saved) = (WorkflowId::from("w"), TimeSaved::of_minutes(5).unwrap());
    assert_eq!(ids(&store, acme, &all_of(everything())).await, NONE);
    assert_eq!(ids(&store, ClientId(999), &all_of(everything())).await, NONE);
    assert_eq!(store.find_workflow(ALL, acme, &id).await.unwrap(), None);
    assert!(!store.set_time_saved(ALL, (acme, &id), saved, minute(1)).await.unwrap());
}

/// The minutes of workflow `w`, the version of the numbers and when they changed.
async fn minutes_of(store: &Arc<dyn Store>, client: ClientId) -> (i64, i64, Option<crate::clock::Timestamp>) {
    let record = store.find_workflow(ALL, client, &"w".into()).await.unwrap().unwrap();
    let collection = store.find_client(ALL, client).await.unwrap().unwrap().collection;
    (record.time_saved_per_execution_minutes, collection.data_version, collection.changed_at)
}

async fn minutes_that_are_set_are_a_change_of_the_numbers(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, runs(1..=3, 0)).await;
    let (before, version, _) = minutes_of(&store, acme).await;
    assert_eq!(before, DEFAULT_TIME_SAVED_MINUTES);
    let set = async |workflow: &str, minutes, at| {
        let saved = TimeSaved::of_minutes(minutes).unwrap();
        store.set_time_saved(ALL, (acme, &workflow.into()), saved, minute(at)).await.unwrap()
    };
    assert!(set("w", 5, 70).await);
    let changed = (5, version + 1, Some(minute(70)));
    assert_eq!(minutes_of(&store, acme).await, changed);
    assert!(set("w", 5, 80).await, "it is there, though nothing changes");
    assert!(!set("v", 7, 80).await);
    assert_eq!(minutes_of(&store, acme).await, changed);
    assert!(set("w", 0, 90).await);
    assert_eq!(minutes_of(&store, acme).await, (0, version + 2, Some(minute(90))));
}

async fn minutes_that_are_set_stay_whatever_is_collected(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    apply(&store, acme, runs(1..=3, 0)).await;
    let turn = begin(&store, acme).await.turn;
    let saved = TimeSaved::of_minutes(5).unwrap();
    assert!(store.set_time_saved(ALL, (acme, &"w".into()), saved, minute(1)).await.unwrap());
    for listed in [vec![workflow("w", "renamed")], Vec::new(), vec![workflow("w", "back")]] {
        store.save_workflows(ALL, turn, &listed, minute(2)).await.unwrap();
        assert_eq!(minutes_of(&store, acme).await.0, 5);
    }
    let applied = store.apply_executions(ALL, turn, batch(runs(4..=5, 0))).await.unwrap();
    assert_eq!(applied, Applied::Stored { changed: 2 }, "the turn of the collection goes on");
    collect(&store, acme, runs(1..=2, 700)).await;
    let record = store.find_workflow(ALL, acme, &"w".into()).await.unwrap().unwrap();
    assert_eq!((record.time_saved_per_execution_minutes, record.name.as_str()), (5, "back"));
    assert_eq!(record.last_execution, Some(minute(702)));
}

suite! { $ listing_contract in listing:
    executions_come_by_quarter_hour_epoch_and_number_newest_first,
    pages_lead_to_the_end_over_every_life_without_doubles,
    what_comes_meanwhile_shifts_no_page,
    a_list_holds_what_its_range_status_and_workflow_choose,
    classes_choose_by_mode_as_they_count,
    an_execution_is_shown_with_its_name_and_time,
    only_runs_that_n8n_has_are_linked,
    lists_and_workflows_of_a_deleted_client_are_gone,
    minutes_that_are_set_are_a_change_of_the_numbers,
    minutes_that_are_set_stay_whatever_is_collected,
}
