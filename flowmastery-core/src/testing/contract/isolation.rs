//! The wall between tenants: the scope of one client sees, changes and counts nothing of another's, in any port.

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    access::scope::TenantScope,
    id::{ClientId, ExecutionId},
    model::{
        audit::{AuditAction, AuditFilter},
        client::ClientName,
        epoch::Verdict,
        execution::{Class, Status},
        freshness::ConnectionStatus,
        invitation::{EmailStatus, InvitationStatus, Renewal},
        listing::{ListingFilter, ListingQuery},
        period::PeriodQuery,
        series::SeriesQuery,
        session::TokenHash,
        user::{Role, UserPatch},
        verification::Fate,
        workflow::{TimeSaved, WorkflowId},
    },
    page::PageRequest,
    store::{
        Applied, CollectionOutcome, Due, Failure, Finished, Kept, Lease, MetricsQuery, NewAuditEntry,
        PasswordChange, Pruned, Recount, Revocation, Store, UserRemoval, UserUpdate,
    },
};

/// Two clients with an n8n and one running execution of the same id each, and the scope of the second.
async fn two_clients(store: &Arc<dyn Store>) -> (ClientId, ClientId, TenantScope) {
    let (ours, theirs) = (configured(store, "ours").await, configured(store, "theirs").await);
    for id in [ours, theirs] {
        apply(store, id, vec![execution(1, Status::Running, minute(0))]).await;
    }
    (ours, theirs, TenantScope::client(theirs))
}

async fn users_of_another_client_are_out_of_reach(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    let anna = admin(&store, "anna").await;
    admin(&store, "berta").await;
    let ((session, carl), (_, dora)) =
        (client_user(&store, ours, "carl").await, client_user(&store, theirs, "dora").await);
    for hidden in [&anna, &carl] {
        assert_eq!(store.find_user(scope, hidden.id).await.unwrap(), None);
        let patch = UserPatch { role: Some(Role::Admin), is_active: Some(false) };
        assert_eq!(
            store.update_user(scope, hidden.id, patch, minute(2)).await.unwrap(),
            UserUpdate::NotFound
        );
        assert_eq!(store.delete_user(scope, hidden.id, minute(9)).await.unwrap(), UserRemoval::NotFound);
        for verified in ["hash of anna", THEIRS] {
            let change = PasswordChange { verified: verified.into(), new: "stolen".into(), keep: None };
            assert!(!store.change_password(scope, hidden.id, change, minute(2)).await.unwrap());
        }
        assert_eq!(store.find_user(ALL, hidden.id).await.unwrap().as_ref(), Some(hidden));
    }
    assert_eq!(store.list_users(scope, page(9, None)).await.unwrap().items, [dora]);
    assert_eq!(user_of(&store, session, 3).await, Some(carl));
}

async fn sessions_end_with_their_own_client_only(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    let ((session, carl), (other, dora)) =
        (client_user(&store, ours, "carl").await, client_user(&store, theirs, "dora").await);
    assert_eq!(store.list_sessions(scope, carl.id, page(9, None), minute(2)).await.unwrap().items, []);
    assert_eq!(store.list_sessions(scope, dora.id, page(9, None), minute(2)).await.unwrap().items.len(), 1);
    for user in [carl.id, dora.id] {
        assert!(!store.close_session(scope, user, session, minute(2)).await.unwrap());
    }
    assert!(!store.delete_client(scope, ours, minute(2)).await.unwrap());
    assert!(store.delete_client(scope, theirs, minute(2)).await.unwrap());
    assert_eq!(user_of(&store, session, 3).await, Some(carl));
    assert_eq!(store.find_session_user(other, minute(3)).await.unwrap(), None);
}

async fn invitations_of_another_client_are_out_of_reach(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    let carl = store.create_invitation(ALL, invitation("carl", Some(ours), "carl")).await.unwrap().unwrap();
    let anna = store.create_invitation(ALL, invitation("anna", None, "anna")).await.unwrap().unwrap();
    let dora =
        store.create_invitation(scope, invitation("dora", Some(theirs), "dora")).await.unwrap().unwrap();
    assert_eq!(store.create_invitation(scope, invitation("eve", Some(ours), "eve")).await.unwrap(), None);
    assert_eq!(store.create_invitation(scope, invitation("eve", None, "eve")).await.unwrap(), None);
    assert_eq!(
        store.list_invitations(scope, page(9, None), minute(1)).await.unwrap().items,
        std::slice::from_ref(&dora)
    );
    for hidden in [&carl, &anna] {
        assert_eq!(store.find_invitation_by_id(scope, hidden.id, minute(1)).await.unwrap(), None);
        assert_eq!(store.revoke_invitation(scope, hidden.id, minute(9)).await.unwrap(), Revocation::NotFound);
        let (renewed_at, expiry_date) = (minute(1), minute(9));
        let renewal = Renewal { token: TokenHash::of("stolen"), mail: None, renewed_at, expiry_date };
        assert_eq!(store.renew_invitation(scope, hidden.id, renewal).await.unwrap(), None);
    }
    let leased = store.lease_mails(scope, (minute(0), minute(1)), 9).await.unwrap();
    assert_eq!(leased.iter().map(|mail| mail.invitation).collect::<Vec<_>>(), [Some(dora.id)]);
    for mail in lease(&store, 0).await {
        assert!([carl.id, anna.id].contains(&mail.invitation.unwrap()));
        store.finish_mail(scope, mail.lease, EmailStatus::Failed).await.unwrap();
        store.postpone_mail(scope, mail.lease, minute(99), "stolen").await.unwrap();
    }
    assert_eq!(lease(&store, 2).await.len(), 3, "still there, and due");
    store.create_invitation(scope, invitation("carl", Some(theirs), "stolen")).await.unwrap().unwrap();
    let kept = store.find_invitation(&TokenHash::of("carl"), minute(1)).await.unwrap().unwrap().invitation;
    assert_eq!((kept.status, kept.email_status), (InvitationStatus::Pending, EmailStatus::Queued));
    let kept = store.find_invitation(&TokenHash::of("anna"), minute(1)).await.unwrap().unwrap().invitation;
    assert_eq!(kept.email_status, EmailStatus::Queued);
}

async fn password_of_another_client_is_not_reset(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    for (client, name, opens) in [(ours, "carl", false), (theirs, "dora", true)] {
        let (_, user) = client_user(&store, client, name).await;
        let lease = lease_request(&store, name, 2).await.lease;
        assert_eq!(store.open_reset(scope, lease, reset(user.id, name, 2)).await.unwrap(), opens);
        assert_eq!(store.find_reset(&TokenHash::of(name)).await.unwrap().is_some(), opens);
        store.finish_mail(ALL, lease, EmailStatus::Sent).await.unwrap();
    }
}

async fn another_client_is_out_of_reach(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    let name = ClientName::parse("stolen").unwrap();
    let other = instance("https://evil.example.com");
    assert!(store.find_client(scope, ours).await.unwrap().is_none());
    assert!(store.rename_client(scope, ours, &name, minute(1)).await.unwrap().is_none());
    assert!(store.set_instance(scope, ours, Some(&other), minute(1)).await.unwrap().is_none());
    assert!(store.set_instance(scope, ours, None, minute(1)).await.unwrap().is_none());
    assert!(store.find_instance(scope, ours).await.unwrap().is_none());
    assert!(!store.delete_client(scope, ours, minute(1)).await.unwrap());
    let listed = store.list_clients(scope, page(9, None)).await.unwrap().items;
    assert_eq!(listed.iter().map(|client| client.id).collect::<Vec<_>>(), [theirs]);
    assert_eq!(due(&store, scope, minute(9), Due::Abandoned).await, [theirs]);
    assert_eq!(store.lease_client(scope, ours, term(minute(9))).await.unwrap(), Lease::Gone);
    let kept = store.find_client(ALL, ours).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.updated_at), ("ours", minute(0)));
    assert!(store.find_instance(ALL, ours).await.unwrap().is_some());
    store.delete_client(ALL, ours, minute(1)).await.unwrap();
    assert_eq!(store.purge_deleted(scope, 100).await.unwrap(), 0);
    assert!(store.purge_deleted(ALL, 100).await.unwrap() > 0);
}

async fn executions_of_another_client_are_out_of_reach(store: Arc<dyn Store>) {
    let (ours, _, scope) = two_clients(&store).await;
    let turn = begin(&store, ours).await.turn;
    let before = store.find_client(ALL, ours).await.unwrap().unwrap().collection;
    assert!(store.begin_collection(scope, turn, minute(0), minute(1)).await.unwrap().is_none());
    assert!(store.renew_leases(scope, &[turn], minute(9)).await.unwrap().is_empty());
    store.give_back(scope, turn, Some(minute(9))).await.unwrap();
    assert_eq!(store.leased_until(scope, ours).await.unwrap(), None);
    assert_eq!(store.leased_until(ALL, ours).await.unwrap(), Some(term(minute(0)).until));
    let late = batch(vec![execution(1, Status::Success, minute(0))]);
    assert_eq!(store.apply_executions(scope, turn, late).await.unwrap(), Applied::Superseded);
    assert!(store.hear(scope, turn, &[execution(1, Status::Error, minute(9))]).await.unwrap().is_none());
    assert_eq!(store.settle(scope, turn, Verdict::New, minute(1)).await.unwrap(), None);
    assert!(store.missing_executions(scope, ours, ExecutionId(0), ExecutionId(9)).await.unwrap().is_empty());
    let span = Pruned { above: ExecutionId(1), below: ExecutionId(9) };
    store.note_pruned(scope, turn, span, minute(1)).await.unwrap();
    store.note_probed(scope, turn, ExecutionId(9)).await.unwrap();
    assert_eq!(store.age_out(scope, ours, minute(9), 9).await.unwrap(), 0);
    store.save_workflows(scope, turn, &[workflow("w", "stolen")], minute(1)).await.unwrap();
    assert!(store.open_executions(scope, ours, 9).await.unwrap().is_empty());
    for _ in 0..3 {
        store.miss_execution(scope, turn, ExecutionId(1), minute(1)).await.unwrap();
    }
    let failure = Failure { status: ConnectionStatus::NotN8n, message: "stolen".to_owned() };
    let when = Finished { now: minute(1), next_attempt: minute(2) };
    for outcome in [CollectionOutcome::Failed(failure), CollectionOutcome::Complete(None)] {
        store.finish_collection(scope, turn, &outcome, when).await.unwrap();
    }
    assert_eq!(store.find_client(ALL, ours).await.unwrap().unwrap().collection, before);
    assert_eq!(store.open_executions(ALL, ours, 9).await.unwrap().len(), 1);
    assert_eq!(begin(&store, ours).await.turn.number, turn.number + 1);
    assert_eq!(snapshot_of(&store, ours, Vec::new()).await.workflows[0].name, "w");
}

async fn changes_of_one_client_leave_the_other_as_it_is(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    let before = snapshot_of(&store, ours, vec![everything()]).await;
    let turn = begin(&store, theirs).await.turn;
    let ended = batch(vec![execution(1, Status::Error, minute(0)), execution(2, Status::Running, minute(1))]);
    store.apply_executions(scope, turn, ended).await.unwrap();
    store.save_workflows(scope, turn, &[], minute(1)).await.unwrap();
    for _ in 0..3 {
        store.miss_execution(scope, turn, ExecutionId(2), minute(1)).await.unwrap();
    }
    finish(&store, turn, &CollectionOutcome::Complete(None), minute(1)).await;
    store.delete_client(scope, theirs, minute(2)).await.unwrap();
    while store.purge_deleted(ALL, 100).await.unwrap() > 0 {}
    let after = snapshot_of(&store, ours, vec![everything()]).await;
    assert_eq!((after.collection, after.workflows), (before.collection, before.workflows));
    assert_eq!(after.tallies, before.tallies);
    assert_eq!(store.open_executions(ALL, ours, 9).await.unwrap().len(), 1);
}

async fn metrics_of_another_client_are_not_counted(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    let query = MetricsQuery { ranges: vec![everything()], classes: Class::ALL.to_vec() };
    assert!(store.snapshots(scope, Some(ours), &query).await.unwrap().is_empty());
    let snapshots = store.snapshots(scope, None, &query).await.unwrap();
    assert_eq!(snapshots.iter().map(|snapshot| snapshot.client_id).collect::<Vec<_>>(), [theirs]);
    assert_eq!(snapshots[0].tallies[0].values().map(|tally| tally.total()).sum::<i64>(), 1);
    assert_eq!(snapshots[0].workflows.len(), 1);
}

async fn lists_and_workflows_of_another_client_are_out_of_reach(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    let query =
        ListingQuery { range: everything(), classes: Class::ALL.to_vec(), filter: ListingFilter::default() };
    let listed = async |scope, client| {
        store.list_executions(scope, client, &query, PageRequest::default()).await.unwrap().items.len()
    };
    assert_eq!((listed(scope, ours).await, listed(scope, theirs).await), (0, 1));
    let (id, saved) = (WorkflowId::from("w"), TimeSaved::of_minutes(5).unwrap());
    let minutes = async |client| {
        let record = store.find_workflow(ALL, client, &id).await.unwrap().unwrap();
        (record.time_saved_per_execution_minutes, version_of(&store, client).await)
    };
    let before = minutes(ours).await;
    assert_eq!(store.find_workflow(scope, ours, &id).await.unwrap(), None);
    assert!(!store.set_time_saved(scope, (ours, &id), saved, minute(1)).await.unwrap());
    assert!(store.set_time_saved(scope, (theirs, &id), saved, minute(1)).await.unwrap());
    assert_eq!((minutes(ours).await, minutes(theirs).await.0), (before, 5));
}

async fn series_of_another_client_are_not_counted(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    complete(&store, ours, Some(1), minute(1)).await;
    let (from, to) = (minute(0).to_string(), minute(60).to_string());
    let period = PeriodQuery::parse(None, (Some(&from), Some(&to)), None, None);
    let plan = SeriesQuery::parse(None, period).unwrap().at(minute(0));
    assert!(store.series(scope, Some(ours), &plan).await.unwrap().is_none());
    assert!(!store.series(scope, None, &plan).await.unwrap().unwrap().known, "only ours are");
    complete(&store, theirs, Some(1), minute(1)).await;
    for client in [Some(theirs), None] {
        let series = store.series(scope, client, &plan).await.unwrap().unwrap();
        let totals: Vec<_> = series.points.unwrap().iter().map(|(_, tally)| tally.total()).collect();
        assert_eq!((series.known, totals), (true, vec![1]));
    }
    let days = store.day_counts(scope, &[ours, theirs], everything(), &Class::ALL).await.unwrap();
    assert_eq!(days.iter().map(|day| (day.client_id, day.total)).collect::<Vec<_>>(), [(theirs, 1)]);
}

async fn verifications_of_another_client_find_nothing(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = two_clients(&store).await;
    for client in [ours, theirs] {
        complete(&store, client, Some(1), minute(1)).await;
    }
    let listed = [execution(1, Status::Running, minute(0))];
    assert!(store.reach(scope, ours).await.unwrap().is_none());
    assert!(store.reach(scope, theirs).await.unwrap().is_some());
    assert_eq!(store.fates(scope, ours, &listed).await.unwrap(), [Fate::Missing]);
    assert_eq!(store.fates(scope, theirs, &listed).await.unwrap(), [Fate::Kept(listed[0].clone())]);
    assert_eq!(store.count_kept(scope, ours, minute(0)).await.unwrap(), Kept::default());
    assert_eq!(store.count_kept(scope, theirs, minute(0)).await.unwrap().unfinished, 1);
    assert_eq!(store.recount(scope, ours).await.unwrap(), Recount::default());
    assert_eq!(store.recount(scope, theirs).await.unwrap().compared, 1);
    assert!(store.count_modes(scope, ours, everything()).await.unwrap().is_empty());
    assert_eq!(store.count_modes(scope, theirs, everything()).await.unwrap().len(), 1);
}

async fn clients_of_others_are_not_leased(store: Arc<dyn Store>) {
    let (ours, theirs) = (configured(&store, "ours").await, configured(&store, "theirs").await);
    let scope = TenantScope::client(theirs);
    for (which, at) in [(Due::Sound, 0), (Due::Abandoned, 1)] {
        let leased = store.lease_due(scope, term(minute(at)), which, 9).await.unwrap();
        assert_eq!(leased.iter().map(|turn| turn.client).collect::<Vec<_>>(), [theirs]);
        let left = store.lease_due(ALL, term(minute(at)), which, 9).await.unwrap();
        assert_eq!(left.iter().map(|turn| turn.client).collect::<Vec<_>>(), [ours]);
    }
}

async fn entries_of_another_client_are_not_listed(store: Arc<dyn Store>) {
    let (ours, theirs, scope) = (ClientId(1), ClientId(2), TenantScope::client(ClientId(2)));
    for client in [Some(ours), Some(theirs), None] {
        store.note(NewAuditEntry::new(AuditAction::Denied, minute(1)).of(client)).await.unwrap();
    }
    let listed = async |scope, client| {
        let filter = AuditFilter { client, ..AuditFilter::default() };
        store.list_audit(scope, &filter, PageRequest::default()).await.unwrap().items
    };
    assert_eq!((listed(ALL, None).await.len(), listed(ALL, Some(ours)).await.len()), (3, 1));
    assert_eq!((listed(scope, None).await[0].client_id, listed(scope, None).await.len()), (Some(theirs), 1));
    assert!(listed(scope, Some(ours)).await.is_empty());
}

suite! { $ isolation_contract in isolation:
    entries_of_another_client_are_not_listed,
    users_of_another_client_are_out_of_reach,
    sessions_end_with_their_own_client_only,
    invitations_of_another_client_are_out_of_reach,
    password_of_another_client_is_not_reset,
    another_client_is_out_of_reach,
    executions_of_another_client_are_out_of_reach,
    changes_of_one_client_leave_the_other_as_it_is,
    metrics_of_another_client_are_not_counted,
    lists_and_workflows_of_another_client_are_out_of_reach,
    series_of_another_client_are_not_counted,
    verifications_of_another_client_find_nothing,
    clients_of_others_are_not_leased,
}
