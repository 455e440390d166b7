//! The contract of [`crate::store::ChangeStore`]: whatever readers see is in the feed when it changes, and nothing else is.

use std::{sync::Arc, time::Duration};

use super::{fixtures::*, suite};
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{
        client::{ClientName, Progress},
        execution::Status,
        freshness::ConnectionStatus,
        session::{Rotation, TokenHash},
        user::{Role, UserPatch},
        workflow::{TimeSaved, WorkflowId},
    },
    store::{
        Batch, Change, Changes, CollectionOutcome, Failure, FeedPosition, Finished, PasswordChange, Pruned,
        Store, Turn, UserRemoval,
    },
};

/// A reader that has read everything until now.
struct Reader {
    store: Arc<dyn Store>,
    position: FeedPosition,
}

impl Reader {
    async fn new(store: &Arc<dyn Store>) -> Self {
        let begun = store.read_changes(None).await.unwrap();
        assert!(!begun.complete && begun.changes.is_empty(), "{begun:?}");
        Self { store: store.clone(), position: begun.position }
    }

    async fn read(&mut self) -> Changes {
        let read = self.store.read_changes(Some(&self.position)).await.unwrap();
        self.position = read.position.clone();
        read
    }

    /// What changed since, each once.
    async fn changed(&mut self) -> Vec<Change> {
        let Changes { mut changes, complete, .. } = self.read().await;
        assert!(complete);
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    async fn sees(&mut self, change: Change, what: &str) {
        assert_eq!(self.changed().await, [change], "{what}");
    }

    async fn sees_nothing(&mut self, what: &str) {
        assert_eq!(self.changed().await, [], "{what}");
    }
}

async fn each_change_is_read_once(store: Arc<dyn Store>) {
    let (mut early, acme) = (Reader::new(&store).await, client(&store, "acme").await);
    let mut late = Reader::new(&store).await;
    early.sees(Change::Client(acme), "a new client").await;
    late.sees_nothing("it was there before").await;
    early.sees_nothing("it was read").await;
}

async fn changes_of_users_are_in_the_feed(store: Arc<dyn Store>) {
    let (anna, acme) = (admin(&store, "anna").await, client(&store, "acme").await);
    let (first, carl) = client_user(&store, acme, "carl").await;
    let mut reader = Reader::new(&store).await;
    let again =
        store.open_session(carl.id, &THEIRS.into(), session("again", minute(4))).await.unwrap().unwrap().0;
    reader.sees_nothing("a sign-in").await;
    let same = UserPatch { role: Some(Role::Client), is_active: Some(true) };
    store.update_user(ALL, carl.id, same, minute(5)).await.unwrap();
    reader.sees_nothing("a patch that changes nothing").await;
    store.replace_password_hash(carl.id, &"hash".into(), &"another".into()).await.unwrap();
    reader.sees(Change::User(carl.id), "another password").await;
    let promote = UserPatch { role: Some(Role::Admin), is_active: None };
    store.update_user(ALL, carl.id, promote, minute(6)).await.unwrap();
    let closed = [Change::User(carl.id), Change::Session(first), Change::Session(again)];
    assert_eq!(reader.changed().await, closed);
    let deactivate = UserPatch { role: None, is_active: Some(false) };
    store.update_user(ALL, anna.id, deactivate, minute(7)).await.unwrap();
    reader.sees(Change::User(anna.id), "a deactivation").await;
    let (session, dora) = client_user(&store, acme, "dora").await;
    let change = PasswordChange { verified: THEIRS.into(), new: "new".into(), keep: None };
    assert!(store.change_password(ALL, dora.id, change, minute(8)).await.unwrap());
    let ended = [Change::User(dora.id), Change::Session(session)];
    assert_eq!(reader.changed().await, ended, "a change of password");
    assert_eq!(store.delete_user(ALL, dora.id, minute(9)).await.unwrap(), UserRemoval::Removed);
    assert_eq!(reader.changed().await, ended, "a removal");
}

async fn ends_of_sessions_are_in_the_feed(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    let mut reader = Reader::new(&store).await;
    let (first, _) =
        store.open_session(anna.id, &hash_of("anna"), session("first", minute(1))).await.unwrap().unwrap();
    let (second, _) =
        store.open_session(anna.id, &hash_of("anna"), session("second", minute(1))).await.unwrap().unwrap();
    let rotate = |presented: &str, next: &str, at: i64| {
        let (store, presented) = (store.clone(), TokenHash::of(presented));
        let next = session(next, minute(at));
        async move { store.rotate_refresh(&presented, next).await.unwrap() }
    };
    assert!(matches!(rotate("first", "next", 2).await, Rotation::Rotated { .. }));
    assert!(matches!(rotate("next", "third", 3).await, Rotation::Rotated { .. }));
    reader.sees_nothing("sessions are opened and prolonged").await;
    store.close_session(ALL, anna.id, second, minute(4)).await.unwrap();
    reader.sees(Change::Session(second), "a sign-out").await;
    store.close_session(ALL, anna.id, second, minute(4)).await.unwrap();
    reader.sees_nothing("it was closed before").await;
    let own = store.open_session(anna.id, &hash_of("anna"), session("revoked", minute(4))).await.unwrap();
    let (third, _) = own.unwrap();
    assert!(store.close_session(ALL, anna.id, third, minute(4)).await.unwrap());
    reader.sees(Change::Session(third), "a revocation").await;
    assert!(matches!(rotate("first", "stolen", 5).await, Rotation::Replayed { .. }));
    reader.sees(Change::Session(first), "a replay").await;
    store.open_session(anna.id, &hash_of("anna"), session("new", minute(20_000))).await.unwrap().unwrap();
    let removed = [first, second, third].map(Change::Session);
    assert_eq!(reader.changed().await, removed, "removed");
}

async fn changes_of_clients_are_in_the_feed(store: Arc<dyn Store>) {
    let mut reader = Reader::new(&store).await;
    let acme = client(&store, "acme").await;
    reader.sees(Change::Client(acme), "a new one").await;
    let name = ClientName::parse("renamed").unwrap();
    for seen in [true, false] {
        store.rename_client(ALL, acme, &name, minute(1)).await.unwrap();
        assert_eq!(!reader.changed().await.is_empty(), seen, "a name, the second time the same");
    }
    store.set_instance(ALL, acme, Some(&instance("https://n8n.example.com")), minute(2)).await.unwrap();
    reader.sees(Change::Client(acme), "an n8n").await;
    store.set_instance(ALL, acme, None, minute(3)).await.unwrap();
    reader.sees(Change::Client(acme), "no n8n").await;
    let (session, carl) = client_user(&store, acme, "carl").await;
    reader.sees_nothing("a new user").await;
    store.delete_client(ALL, acme, minute(5)).await.unwrap();
    let gone = [Change::User(carl.id), Change::Session(session), Change::Client(acme)];
    assert_eq!(reader.changed().await, gone);
}

/// What a collection does to what readers see.
async fn changes_of_numbers_are_in_the_feed(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let mut reader = Reader::new(&store).await;
    let turn = begin_at(&store, acme, minute(1)).await.unwrap().turn;
    reader.sees(Change::Client(acme), "a collection begins").await;
    let runs = vec![execution(1, Status::Success, minute(0)), execution(5, Status::Running, minute(0))];
    identify(&store, turn, &runs).await.unwrap();
    reader.sees_nothing("the same epoch as before").await;
    for seen in [true, false] {
        store.apply_executions(ALL, turn, batch(runs.clone())).await.unwrap();
        assert_eq!(!reader.changed().await.is_empty(), seen, "executions, the second time the same");
    }
    let progress = Progress { executions: 2, oldest: Some(minute(0)) };
    let page = Batch { progress: Some(progress), ..batch(Vec::new()) };
    store.apply_executions(ALL, turn, page).await.unwrap();
    reader.sees(Change::Client(acme), "progress").await;
    store.note_probed(ALL, turn, ExecutionId(5)).await.unwrap();
    store.miss_execution(ALL, turn, ExecutionId(5), minute(1)).await.unwrap();
    reader.sees_nothing("what is noted for the next collection").await;
    let span = Pruned { above: ExecutionId(1), below: ExecutionId(5) };
    store.note_pruned(ALL, turn, span, minute(2)).await.unwrap();
    reader.sees(Change::Client(acme), "a gap").await;
    store.save_workflows(ALL, turn, &[workflow("w", "Named")], minute(2)).await.unwrap();
    reader.sees(Change::Client(acme), "names of workflows").await;
    let saved = TimeSaved::of_minutes(7).unwrap();
    store.set_time_saved(ALL, (acme, &WorkflowId::from("w")), saved, minute(2)).await.unwrap();
    reader.sees(Change::Client(acme), "time saved").await;
    ends_of_collections_are_seen(&store, &mut reader, turn).await;
}

async fn ends_of_collections_are_seen(store: &Arc<dyn Store>, reader: &mut Reader, turn: Turn) {
    let failure = Failure { status: ConnectionStatus::Unreachable, message: "No answer.".to_owned() };
    let ends = [CollectionOutcome::Complete(Some(ExecutionId(5))), CollectionOutcome::Failed(failure)];
    for (outcome, at) in ends.into_iter().zip([3, 4]) {
        let when = Finished { now: minute(at), next_attempt: minute(at + 1) };
        store.finish_collection(ALL, turn, &outcome, when).await.unwrap();
        reader.sees(Change::Client(turn.client), "an end").await;
    }
}

async fn who_was_away_while_changes_were_removed_is_told(store: Arc<dyn Store>) {
    let mut away = Reader::new(&store).await;
    for name in ["first", "second", "third"] {
        client(&store, name).await;
    }
    assert!(!store.prune_changes(minute(0), 10).await.unwrap(), "none is as old as that");
    assert_eq!(store.read_changes(Some(&away.position)).await.unwrap().changes.len(), 3);
    let end_of_time = Timestamp::from_millis(i64::MAX);
    // Postgres removes nothing that is newer than a transaction which is open anywhere on the server, as those of other tests are.
    let removed = async {
        while store.read_changes(Some(&away.position)).await.unwrap().complete {
            store.prune_changes(end_of_time, 2).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), removed).await.unwrap();
    assert!(!away.read().await.complete);
    let mut reader = Reader::new(&store).await;
    let fourth = client(&store, "fourth").await;
    reader.sees(Change::Client(fourth), "it missed none").await;
    away.sees(Change::Client(fourth), "from then on it misses none").await;
}

suite! { $ change_contract in change:
    each_change_is_read_once,
    changes_of_users_are_in_the_feed,
    ends_of_sessions_are_in_the_feed,
    changes_of_clients_are_in_the_feed,
    changes_of_numbers_are_in_the_feed,
    who_was_away_while_changes_were_removed_is_told,
}
