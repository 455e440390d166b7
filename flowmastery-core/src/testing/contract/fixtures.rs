//! What the cases of the contract start from.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::{ClientId, ExecutionId, SessionId, UserId},
    model::{
        client::{ClientName, NewClient, SealedInstance},
        email::Email,
        execution::{Class, Execution, Status},
        instance::InstanceUrl,
        invitation::NewInvitation,
        outbox::{LeasedMail, NewReset, NewResetRequest, SealedMail},
        rollup::{Range, Tally},
        session::{NewSession, TokenHash},
        user::{NewUser, Role, User},
        workflow::{Workflow, WorkflowId},
    },
    page::{Cursor, PageRequest},
    request::{RequestId, RequestOrigin},
    secret::{MailKey, Sealed},
    store::{
        Accepted, Applied, Batch, ClientSnapshot, CollectionOutcome, CollectionState, Due, Finished, Lease,
        MetricsQuery, Store, Term, Turn, Walk,
    },
};

pub(super) const ALL: TenantScope = TenantScope::ALL;

/// Somebody whose user is not ours, from nowhere.
pub(super) const NOBODY: Author =
    Author { user: UserId(-1), origin: RequestOrigin { address: None, request_id: None } };

/// A request of somebody who is far away.
pub(super) fn from_afar(request_id: &str) -> RequestOrigin {
    RequestOrigin { address: "2001:db8::7".parse().ok(), request_id: RequestId::parse(request_id) }
}

const MINUTE: Duration = Duration::from_secs(60);

/// A Monday at midnight.
const START: i64 = 1_772_409_600_000;

/// So many minutes after the Monday at which the cases begin.
pub(super) fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_millis(START + minutes * 60_000)
}

pub(super) fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).unwrap()
}

pub(super) fn page(limit: i64, cursor: Option<Cursor>) -> PageRequest {
    PageRequest::new(Some(limit), cursor).unwrap()
}

/// A session that begins at an instant and lasts a week.
pub(super) fn session(token: &str, now: Timestamp) -> NewSession {
    let expires_at = now.plus(Duration::from_secs(7 * 24 * 3600));
    NewSession {
        refresh: TokenHash::of(token),
        origin: RequestOrigin::default(),
        created_at: now,
        expires_at,
        lasts: Duration::from_secs(30 * 24 * 3600),
    }
}

/// The hash of the password of an admin.
pub(super) fn hash_of(name: &str) -> SecretString {
    format!("hash of {name}").into()
}

/// The hash of the password of every client user.
pub(super) const THEIRS: &str = "hash";

pub(super) fn new_user(name: &str) -> NewUser {
    NewUser { email: email(name), hashed_password: hash_of(name), created_at: minute(0) }
}

pub(super) async fn admin(store: &Arc<dyn Store>, name: &str) -> User {
    store.create_admin(new_user(name)).await.unwrap()
}

pub(super) fn new_client(name: &str) -> NewClient {
    NewClient { name: ClientName::parse(name).unwrap(), created_by_admin_id: None, created_at: minute(0) }
}

pub(super) async fn client(store: &Arc<dyn Store>, name: &str) -> ClientId {
    store.create_client(None, new_client(name)).await.unwrap().id
}

pub(super) fn instance(url: &str) -> SealedInstance {
    let key = Sealed::from_stored(format!("v1:test:key of {url}"));
    SealedInstance { url: InstanceUrl::parse(url).unwrap(), key }
}

/// A client with an n8n.
pub(super) async fn configured(store: &Arc<dyn Store>, name: &str) -> ClientId {
    let id = client(store, name).await;
    let instance = instance(&format!("https://{name}.example.com"));
    store.set_instance(ALL, id, Some(&instance), minute(0)).await.unwrap().unwrap();
    id
}

/// A mail that says nothing.
pub(super) fn mail(key: &str) -> SealedMail {
    let sealed = Sealed::from_stored(format!("v1:test:mail {key}"));
    SealedMail { key: MailKey::from_stored(key).unwrap(), sealed }
}

/// Leases what is due at a minute until the next one.
pub(super) async fn lease(store: &Arc<dyn Store>, at: i64) -> Vec<LeasedMail> {
    store.lease_mails(ALL, (minute(at), minute(at + 1)), 9).await.unwrap()
}

/// A wish for a password reset of an address.
pub(super) fn request(name: &str, at: i64) -> NewResetRequest {
    let address_digest = format!("digest of {name}");
    NewResetRequest { mail: mail("2"), address_digest, created_at: minute(at) }
}

/// Stores a wish for a password reset, and leases it as the only mail that is due.
pub(super) async fn lease_request(store: &Arc<dyn Store>, name: &str, at: i64) -> LeasedMail {
    assert!(store.queue_reset_request(request(name, at), 9).await.unwrap());
    let mut leased = lease(store, at).await;
    assert_eq!(leased.len(), 1);
    leased.remove(0)
}

/// A password reset that is made at a minute and lasts an hour.
pub(super) fn reset(user: UserId, token: &str, at: i64) -> NewReset {
    let (created_at, expires_at) = (minute(at), minute(at + 60));
    NewReset { user, token: TokenHash::of(token), mail: mail("3"), created_at, expires_at }
}

/// An invitation with a mail that waits; it expires two days after minute 0.
pub(super) fn invitation(name: &str, client: Option<ClientId>, token: &str) -> NewInvitation {
    NewInvitation {
        email: email(name),
        role: if client.is_some() { Role::Client } else { Role::Admin },
        client_id: client,
        token: TokenHash::of(token),
        invited_by_admin_id: None,
        mail: Some(mail("1")),
        created_at: minute(0),
        expiry_date: minute(2 * 24 * 60),
    }
}

/// A user of a client, signed in with the refresh token `first of <name>`.
pub(super) async fn client_user(store: &Arc<dyn Store>, client: ClientId, name: &str) -> (SessionId, User) {
    let token = format!("invitation of {name}");
    store.create_invitation(ALL, invitation(name, Some(client), &token)).await.unwrap().unwrap();
    let opened = session(&format!("first of {name}"), minute(1));
    match store.accept_invitation(&TokenHash::of(&token), &THEIRS.into(), opened).await.unwrap() {
        Accepted::Accepted { session, user } => (session, user),
        other => panic!("{other:?}"),
    }
}

/// The user of an open session at a minute.
pub(super) async fn user_of(store: &Arc<dyn Store>, session: SessionId, at: i64) -> Option<User> {
    store.find_session_user(session, minute(at)).await.unwrap().map(|(user, _)| user)
}

pub(super) fn workflow(id: &str, name: &str) -> Workflow {
    Workflow { id: WorkflowId::from(id), name: name.to_owned(), active: true, archived: false }
}

/// A production run of workflow `w` that started at an instant and, where it has ended, took two seconds.
pub(super) fn execution(id: i64, status: Status, started_at: Timestamp) -> Execution {
    let stopped_at = status.is_terminal().then(|| started_at.plus(Duration::from_secs(2)));
    Execution {
        id: ExecutionId(id),
        workflow_id: WorkflowId::from("w"),
        status,
        mode: "webhook".into(),
        started_at: Some(started_at),
        stopped_at,
        retry_of: None,
        retry_success_id: None,
    }
}

pub(super) fn batch(executions: Vec<Execution>) -> Batch {
    Batch::of(executions, minute(10_000))
}

/// Begins a collection.
pub(super) async fn begin(store: &Arc<dyn Store>, client: ClientId) -> CollectionState {
    begin_at(store, client, minute(0)).await.unwrap()
}

/// Begins a collection after which the next one is due a minute later, whoever has leased the client; `None` when it cannot be leased.
pub(super) async fn begin_at(
    store: &Arc<dyn Store>,
    client: ClientId,
    now: Timestamp,
) -> Option<CollectionState> {
    let term = Term { now: Timestamp::from_millis(i64::MAX), ..term(now) };
    loop {
        match store.lease_client(ALL, client, term).await.unwrap() {
            Lease::Leased(turn) => {
                return store.begin_collection(ALL, turn, now, now.plus(MINUTE)).await.unwrap();
            }
            // A transaction that came to nothing has not let go of the client's row yet.
            Lease::Elsewhere => tokio::task::yield_now().await,
            Lease::Gone => return None,
        }
    }
}

/// Ten seconds from an instant.
pub(super) fn term(now: Timestamp) -> Term {
    Term { now, until: now.plus(Duration::from_secs(10)) }
}

/// Which clients are due, ascending: each is leased, and given back.
pub(super) async fn due(
    store: &Arc<dyn Store>,
    scope: TenantScope,
    now: Timestamp,
    which: Due,
) -> Vec<ClientId> {
    let mut leased = Vec::new();
    for turn in store.lease_due(scope, term(now), which, 9).await.unwrap() {
        store.give_back(scope, turn, None).await.unwrap();
        leased.push(turn.client);
    }
    leased.sort_unstable();
    leased
}

/// Ends a collection after which the next one is due a minute later, and gives the lease back.
pub(super) async fn finish(store: &Arc<dyn Store>, turn: Turn, outcome: &CollectionOutcome, now: Timestamp) {
    let when = Finished { now, next_attempt: now.plus(MINUTE) };
    store.finish_collection(ALL, turn, outcome, when).await.unwrap();
    store.give_back(ALL, turn, None).await.unwrap();
}

/// Goes on with the epoch that executions are of; `None` when the turn is over.
pub(super) async fn identify(
    store: &Arc<dyn Store>,
    turn: Turn,
    seen: &[Execution],
) -> Option<CollectionState> {
    let verdict = store.hear(ALL, turn, seen).await.unwrap()?.verdict();
    store.settle(ALL, turn, verdict, minute(0)).await.unwrap()
}

/// A walk that has come to the end.
pub(super) fn walked() -> Walk {
    Walk { cursor: None, below: ExecutionId(1), rows: 1 }
}

/// A turn of a client, whether there is one or not: the first.
pub(super) fn first_turn(client: ClientId) -> Turn {
    Turn { client, number: 1 }
}

/// Applies executions in a turn of their own; how many changed.
pub(super) async fn apply(store: &Arc<dyn Store>, client: ClientId, executions: Vec<Execution>) -> usize {
    let turn = begin(store, client).await.turn;
    match store.apply_executions(ALL, turn, batch(executions)).await.unwrap() {
        Applied::Stored { changed } => changed,
        other => panic!("{other:?}"),
    }
}

/// Collects everything, of which the newest is this.
pub(super) async fn complete(store: &Arc<dyn Store>, client: ClientId, newest: Option<i64>, now: Timestamp) {
    let turn = begin_at(store, client, now).await.unwrap().turn;
    let end = Batch { walk: Some(walked()), ..Batch::of(Vec::new(), now) };
    store.apply_executions(ALL, turn, end).await.unwrap();
    finish(store, turn, &CollectionOutcome::Complete(newest.map(ExecutionId)), now).await;
}

/// A range of minutes.
pub(super) fn range(from: i64, to: i64) -> Range {
    Range { from: minute(from), to: minute(to) }
}

/// Forty days from four days before the cases begin.
pub(super) fn everything() -> Range {
    range(-4 * 24 * 60, 36 * 24 * 60)
}

pub(super) async fn snapshot_of(
    store: &Arc<dyn Store>,
    client: ClientId,
    ranges: Vec<Range>,
) -> ClientSnapshot {
    let query = MetricsQuery { ranges, classes: Class::ALL.to_vec() };
    let mut snapshots = store.snapshots(ALL, Some(client), &query).await.unwrap();
    assert_eq!(snapshots.len(), 1);
    snapshots.remove(0)
}

/// The sum of workflow `w` over a range.
pub(super) async fn tally_of(store: &Arc<dyn Store>, client: ClientId, range: Range) -> Tally {
    let snapshot = snapshot_of(store, client, vec![range]).await;
    snapshot.tallies[0].get(&WorkflowId::from("w")).cloned().unwrap_or_default()
}

/// The version of a client's numbers.
pub(super) async fn version_of(store: &Arc<dyn Store>, client: ClientId) -> i64 {
    store.find_client(ALL, client).await.unwrap().unwrap().collection.data_version
}
