//! Every method of the store that serves, called as the services call it, on clients of a filled database. The import is made once.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use flowmastery_core::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId, UserId},
    model::{
        audit::{AuditAction, AuditFilter},
        client::{ClientName, NewClient},
        collection::Failure,
        email::Email,
        execution::{Class, Execution, Status},
        freshness::ConnectionStatus,
        invitation::{EmailStatus, NewInvitation, Renewal},
        listing::{ListingFilter, ListingQuery},
        outbox::{NewReset, NewResetRequest, SealedMail},
        period::PeriodQuery,
        rollup::Range,
        series::SeriesQuery,
        session::{NewSession, TokenHash},
        user::{NewUser, Role, UserPatch},
        workflow::{TimeSaved, Workflow, WorkflowId},
    },
    page::{Cursor, PageRequest},
    request::{Network, RequestOrigin},
    secret::{MailKey, Sealed},
    store::{
        AuditStore, Batch, ChangeStore, ClientStore, CollectionOutcome, Due, ExecutionStore, Finished,
        InvitationStore, LeaseStore, ListingStore, MetricsQuery, MetricsStore, NewAuditEntry, OriginStore,
        OutboxStore, PasswordChange, PasswordResetStore, Pruned, Revocation, SealedColumn, SealedStore,
        SessionStore, SignInStore, Store, Term, UserRemoval, UserStore, VerificationStore, Walk,
        sql::SqlStore,
    },
};
use flowmastery_tests::executions::success;

use super::{
    super::{NOW, everything, lease},
    filled::EXECUTIONS,
};

/// How long a batch may take with what is read beside it, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every method, with other clients in every round.
pub(super) async fn every_method(store: &SqlStore, round: i64) {
    let client = ClientId(10 + round);
    for (scope, which) in [(everything(), None), (TenantScope::client(client), Some(client))] {
        lists(store, scope).await;
        audit(store, scope, (client, round)).await;
        metrics(store, scope, which).await;
    }
    accounts(store, client, round).await;
    sessions(store, round).await;
    invitations(store, client, round).await;
    mails(store, client, round).await;
    collections(store, client).await;
    executions(store, client).await;
    verification(store, client).await;
    removal(store, ClientId(100 + round)).await;
    let before = store.read_changes(None).await.unwrap().position;
    store.rename_client(everything(), client, &ClientName::parse("Newest name").unwrap(), NOW).await.unwrap();
    assert!(!store.read_changes(Some(&before)).await.unwrap().changes.is_empty());
    store.prune_changes(NOW.minus(DAY), 10).await.unwrap();
    store.ping().await.unwrap();
    assert!(!store.migration_status().await.unwrap().is_empty());
}

fn email(text: &str) -> Email {
    Email::parse(&format!("{text}@example.com")).unwrap()
}

fn session(token: &str) -> NewSession {
    let address = Some(Ipv4Addr::new(203, 0, 113, 7).into());
    NewSession {
        refresh: TokenHash::of(token),
        origin: RequestOrigin { address, request_id: None },
        created_at: NOW,
        expires_at: NOW.plus(7 * DAY),
        lasts: 30 * DAY,
    }
}

async fn lists(store: &SqlStore, scope: TenantScope) {
    for cursor in [None, Some(Cursor(3000))] {
        let page = PageRequest::new(Some(50), cursor).unwrap();
        store.list_users(scope, page).await.unwrap();
        store.list_invitations(scope, page, NOW).await.unwrap();
        store.list_clients(scope, page).await.unwrap();
    }
    for due in [Due::Abandoned, Due::Sound, Due::Failing] {
        let term = Term { now: NOW, until: NOW.plus(Duration::from_secs(10)) };
        let due = store.lease_due(scope, term, due, 100).await.unwrap();
        let left = store.renew_leases(scope, &due, term.until).await.unwrap();
        for turn in left {
            store.give_back(scope, turn, Some(NOW)).await.unwrap();
        }
    }
    let term = Term { now: NOW, until: NOW.plus(DAY) };
    for holder in ["first", "second"] {
        store.take_origin("https://n8n.example.com", holder, term).await.unwrap();
        store.keep_origin("https://n8n.example.com", holder, term.until).await.unwrap();
    }
    for holder in ["second", "first"] {
        store.free_origin("https://n8n.example.com", holder).await.unwrap();
    }
}

async fn audit(store: &SqlStore, scope: TenantScope, (client, round): (ClientId, i64)) {
    let range = Range { from: NOW.minus(30 * DAY), to: NOW };
    let (action, actor, client) = (Some(AuditAction::Denied), Some(UserId(5)), Some(client));
    let every = AuditFilter { range, ..AuditFilter::default() };
    for filter in [
        every,
        AuditFilter { action, ..every },
        AuditFilter { actor, ..every },
        AuditFilter { client, ..every },
        AuditFilter { action, actor, client, ..every },
        AuditFilter::default(),
    ] {
        let page = PageRequest::new(Some(1), None).unwrap();
        let next = store.list_audit(scope, &filter, page).await.unwrap().next;
        if let Some(next) = next {
            store.list_audit(scope, &filter, page.after(next)).await.unwrap();
        }
    }
    store.note(NewAuditEntry::new(AuditAction::LeftOut, NOW)).await.unwrap();
    // Those from long ago, of which a hundred are there for each round.
    let old = Timestamp::from_millis(1_577_836_800_000 + round * 100 + 50);
    assert!(store.remove_old_audit(old, 20).await.unwrap() > 0);
}

async fn metrics(store: &SqlStore, scope: TenantScope, client: Option<ClientId>) {
    for days in [1, 30, 90] {
        let ranges = vec![Range { from: NOW.minus(days * DAY), to: NOW.plus(DAY) }];
        let query = MetricsQuery { ranges, classes: vec![Class::Production] };
        assert!(!store.snapshots(scope, client, &query).await.unwrap().is_empty());
    }
    let last = Range { from: NOW.minus(30 * DAY), to: NOW.plus(DAY) };
    let clients: Vec<_> = match client {
        Some(client) => vec![client],
        None => (1..=100).map(ClientId).collect(),
    };
    assert!(!store.day_counts(scope, &clients, last, &[Class::Production]).await.unwrap().is_empty());
    for (period, zone) in [("7d", None), ("90d", Some("Asia/Kathmandu")), ("all", Some("Europe/Berlin"))] {
        let period = PeriodQuery::parse(Some(period), (None, None), zone, None);
        let plan = SeriesQuery::parse(None, period).unwrap().at(NOW);
        assert!(store.series(scope, client, &plan).await.unwrap().unwrap().known);
    }
}

async fn accounts(store: &SqlStore, client: ClientId, round: i64) {
    let new =
        NewUser { email: email(&format!("admin{round}")), hashed_password: "hash".into(), created_at: NOW };
    let admin = store.create_admin(new).await.unwrap();
    assert!(store.has_active_admin().await.unwrap());
    assert!(store.find_for_sign_in(&email("user1234")).await.unwrap().is_some());
    let user = UserId(1000 + client.0 - 1);
    for scope in [everything(), TenantScope::client(client)] {
        assert!(store.find_user(scope, user).await.unwrap().is_some());
        for is_active in [false, true] {
            let patch = UserPatch { role: None, is_active: Some(is_active) };
            store.update_user(scope, user, patch, NOW).await.unwrap();
        }
    }
    let patch = UserPatch { role: None, is_active: Some(false) };
    store.update_user(everything(), admin.id, patch, NOW).await.unwrap();
    for gone in [admin.id, UserId(2000 + client.0 - 1)] {
        assert_eq!(store.delete_user(everything(), gone, NOW).await.unwrap(), UserRemoval::Removed);
    }
    store.replace_password_hash(user, &"hash".into(), &"hash".into()).await.unwrap();
}

async fn sessions(store: &SqlStore, round: i64) {
    let token = |what: &str| format!("{what} of round {round}");
    let user = UserId(500 + round);
    let opened = store.open_session(user, &"hash".into(), session(&token("first"))).await.unwrap();
    let (id, _) = opened.unwrap();
    for cursor in [None, Some(Cursor(i64::MAX))] {
        let page = PageRequest::new(Some(50), cursor).unwrap();
        assert!(!store.list_sessions(everything(), user, page, NOW).await.unwrap().items.is_empty());
    }
    let change = PasswordChange { verified: "hash".into(), new: "hash".into(), keep: Some(id) };
    assert!(store.change_password(everything(), user, change, NOW).await.unwrap());
    assert!(!store.close_session(everything(), UserId(1), id, NOW).await.unwrap());
    assert!(store.find_session_user(id, NOW).await.unwrap().is_some());
    let network = Network::of(Ipv4Addr::new(203, 0, 113, 7).into());
    assert!(
        store.knows_network(&email(&format!("user{}", 500 + round)), network, NOW.minus(DAY)).await.unwrap()
    );
    assert!(store.imported_hash().await.unwrap().is_none());
    for (spent, next) in [("first", "second"), ("second", "third"), ("first", "fourth")] {
        store.rotate_refresh(&TokenHash::of(&token(spent)), session(&token(next))).await.unwrap();
    }
    store.close_session(everything(), user, id, NOW).await.unwrap();
}

async fn invitations(store: &SqlStore, client: ClientId, round: i64) {
    for (scope, who) in [(everything(), "any"), (TenantScope::client(client), "own")] {
        let name = format!("{who}{round}");
        let token = TokenHash::of(&name);
        let invitation = NewInvitation {
            email: email(&name),
            role: Role::Client,
            client_id: Some(client),
            token: token.clone(),
            invited_by_admin_id: Some(UserId(1)),
            mail: Some(mail()),
            created_at: NOW,
            expiry_date: NOW.plus(DAY),
        };
        store.create_invitation(scope, invitation).await.unwrap().unwrap();
        let id = store.find_invitation(&token, NOW).await.unwrap().unwrap().invitation.id;
        assert!(store.find_invitation_by_id(scope, id, NOW).await.unwrap().is_some());
        let renewal =
            Renewal { token: token.clone(), mail: Some(mail()), renewed_at: NOW, expiry_date: NOW.plus(DAY) };
        assert!(store.renew_invitation(scope, id, renewal).await.unwrap().is_some());
        store
            .accept_invitation(&token, &"hash".into(), session(&format!("accepted by {name}")))
            .await
            .unwrap();
        assert_eq!(store.revoke_invitation(scope, id, NOW).await.unwrap(), Revocation::Accepted);
    }
}

fn mail() -> SealedMail {
    SealedMail {
        key: MailKey::from_stored("1").unwrap(),
        sealed: Sealed::from_stored("v1:test:mail".to_owned()),
    }
}

async fn mails(store: &SqlStore, client: ClientId, round: i64) {
    let address_digest = format!("digest {round}");
    let request = NewResetRequest { mail: mail(), address_digest, created_at: NOW };
    assert!(store.queue_reset_request(request, 1000).await.unwrap());
    let token = TokenHash::of(&format!("reset {round}"));
    let user = UserId(800 + client.0 - 1);
    for column in [SealedColumn::N8nKeys, SealedColumn::Mails] {
        let page = PageRequest::new(Some(100), Some(Cursor(0))).unwrap();
        for row in store.list_sealed(everything(), column, page).await.unwrap().items {
            assert!(store.replace_sealed(everything(), column, &row, &row.sealed).await.unwrap());
        }
    }
    for leased in store.lease_mails(everything(), (NOW, NOW.plus(DAY)), 100).await.unwrap() {
        store.postpone_mail(everything(), leased.lease, NOW, "No answer.").await.unwrap();
        if leased.invitation.is_none() {
            let token = token.clone();
            let reset = NewReset { user, token, mail: mail(), created_at: NOW, expires_at: NOW.plus(DAY) };
            store.open_reset(everything(), leased.lease, reset).await.unwrap();
        }
        store.finish_mail(everything(), leased.lease, EmailStatus::Sent).await.unwrap();
    }
    assert!(store.find_reset(&token).await.unwrap().is_some());
    store.confirm_reset(&token, &"hash".into(), RequestOrigin::default(), NOW).await.unwrap();
}

async fn collections(store: &SqlStore, client: ClientId) {
    let scope = TenantScope::client(client);
    assert!(store.find_client(scope, client).await.unwrap().is_some());
    store.rename_client(scope, client, &ClientName::parse("New name").unwrap(), NOW).await.unwrap();
    let instance = store.find_instance(scope, client).await.unwrap().unwrap();
    store.set_instance(scope, client, Some(&instance), NOW).await.unwrap();
    let begin = async || {
        let turn = lease(store, client).await;
        store.begin_collection(scope, turn, NOW, NOW).await.unwrap().unwrap();
        assert!(store.leased_until(scope, client).await.unwrap().is_some());
        turn
    };
    let seen: Vec<_> = (EXECUTIONS - 20..EXECUTIONS + 20).map(run).collect();
    let turn = begin().await;
    let heard = store.hear(scope, turn, &seen).await.unwrap().unwrap();
    store.settle(scope, turn, heard.verdict(), NOW).await.unwrap();
    let newest = ExecutionId(EXECUTIONS + 20);
    let walk =
        |cursor: Option<&str>| Walk { cursor: cursor.map(str::to_owned), below: ExecutionId(1), rows: 40 };
    for walk in [Some(walk(Some("cursor"))), Some(walk(None)), None] {
        let batch = Batch { walk, complete_to: Some(newest), ..Batch::of(seen.clone(), NOW) };
        store.apply_executions(scope, turn, batch).await.unwrap();
    }
    let workflow = Workflow { id: "w0".into(), name: "Renamed".to_owned(), active: true, archived: false };
    store.save_workflows(scope, turn, &[workflow], NOW).await.unwrap();
    assert!(!store.open_executions(scope, client, 100).await.unwrap().is_empty());
    for _ in 0..3 {
        store.miss_execution(scope, turn, ExecutionId(99), NOW).await.unwrap();
    }
    store.missing_executions(scope, client, ExecutionId(100), newest).await.unwrap();
    store.note_probed(scope, turn, newest).await.unwrap();
    store
        .note_pruned(scope, turn, Pruned { above: ExecutionId(300), below: ExecutionId(900) }, NOW)
        .await
        .unwrap();
    let failure = Failure { status: ConnectionStatus::Unreachable, message: "No answer.".to_owned() };
    let when = Finished { now: NOW, next_attempt: NOW };
    store.finish_collection(scope, turn, &CollectionOutcome::Complete(Some(newest)), when).await.unwrap();
    store.give_back(scope, turn, None).await.unwrap();
    store.finish_collection(scope, begin().await, &CollectionOutcome::Failed(failure), when).await.unwrap();
}

/// An execution as the database has it, or a new one.
fn run(id: i64) -> Execution {
    let start = NOW.as_millis() - (EXECUTIONS - id) * (90 * DAY.as_millis() as i64 / EXECUTIONS);
    success(id, &format!("w{}", id % 5), Timestamp::from_millis(start), 1000)
}

async fn executions(store: &SqlStore, client: ClientId) {
    let scope = TenantScope::client(client);
    let range = Range { from: NOW.minus(90 * DAY), to: NOW };
    for (status, workflow) in [(None, None), (Some(Status::Error), None), (None, Some("w1"))] {
        let filter = ListingFilter { status, workflow_id: workflow.map(WorkflowId::from) };
        let query = ListingQuery { range, classes: Class::ALL.to_vec(), filter };
        let page = PageRequest::new(Some(20), None).unwrap();
        let first = store.list_executions(scope, client, &query, page).await.unwrap();
        let rest = page.after(first.next.unwrap());
        assert!(!store.list_executions(scope, client, &query, rest).await.unwrap().items.is_empty());
    }
    let workflow = WorkflowId::from("w1");
    assert!(store.find_workflow(scope, client, &workflow).await.unwrap().is_some());
    let saved = TimeSaved::of_minutes(7).unwrap();
    assert!(store.set_time_saved(scope, (client, &workflow), saved, NOW).await.unwrap());
    assert!(store.age_out(scope, client, NOW.minus(80 * DAY), 40).await.unwrap() > 0);
}

async fn verification(store: &SqlStore, client: ClientId) {
    let scope = TenantScope::client(client);
    assert!(store.reach(scope, client).await.unwrap().is_some());
    let listed: Vec<_> = (EXECUTIONS - 100..EXECUTIONS).map(run).collect();
    store.fates(scope, client, &listed).await.unwrap();
    store.count_kept(scope, client, NOW.minus(7 * DAY)).await.unwrap();
    store.recount(scope, client).await.unwrap();
    store.count_modes(scope, client, Range { from: NOW.minus(7 * DAY), to: NOW }).await.unwrap();
}

async fn removal(store: &SqlStore, client: ClientId) {
    let new =
        NewClient { name: ClientName::parse("Short").unwrap(), created_by_admin_id: None, created_at: NOW };
    let short = store.create_client(None, new).await.unwrap().id;
    for client in [short, client] {
        assert!(store.delete_client(TenantScope::client(client), client, NOW).await.unwrap());
    }
    while store.purge_deleted(everything(), 1000).await.unwrap() > 0 {}
}

/// Removes what is old of one client and everything of another, in batches of which each is over soon, while somebody reads.
pub(super) async fn remove_in_batches(store: &SqlStore) {
    const BATCH: u32 = 200;
    let (aged, deleted) = (ClientId(2), ClientId(3));
    assert!(store.delete_client(everything(), deleted, NOW).await.unwrap());
    let mut removed = [0, 0];
    loop {
        let start = Instant::now();
        let reads = metrics(store, TenantScope::client(aged), Some(aged));
        let removals = async {
            let gone = store.age_out(TenantScope::client(aged), aged, NOW, BATCH).await.unwrap();
            [gone, store.purge_deleted(everything(), BATCH).await.unwrap()]
        };
        let ((), gone) = tokio::join!(reads, removals);
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        assert!(gone.iter().all(|gone| *gone <= u64::from(BATCH)), "{gone:?}");
        if gone == [0, 0] {
            break;
        }
        removed = [removed[0] + gone[0], removed[1] + gone[1]];
    }
    // The newest hundred stay, and the unfinished ones.
    let old = u64::try_from(EXECUTIONS).unwrap() - 100;
    assert!((old - 10..=old).contains(&removed[0]), "{removed:?}");
    assert!(removed[1] > u64::try_from(EXECUTIONS).unwrap(), "{removed:?}");
}
