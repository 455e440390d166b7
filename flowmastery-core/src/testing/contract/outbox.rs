//! The contract of [`crate::store::OutboxStore`].

use std::{collections::BTreeSet, sync::Arc};

use super::{fixtures::*, suite};
use crate::{
    id::InvitationId,
    model::{
        invitation::EmailStatus,
        outbox::{LeasedMail, MailLease},
    },
    store::Store,
};

/// Invites somebody with a mail that waits.
async fn invite(store: &Arc<dyn Store>, name: &str) -> InvitationId {
    store.create_invitation(ALL, invitation(name, None, name)).await.unwrap().unwrap().id
}

async fn email_status(store: &Arc<dyn Store>, id: InvitationId) -> EmailStatus {
    let listed = store.list_invitations(ALL, page(100, None), minute(1)).await.unwrap().items;
    listed.into_iter().find(|invitation| invitation.id == id).unwrap().email_status
}

async fn mail_is_leased_until_the_lease_runs_out(store: Arc<dyn Store>) {
    let id = invite(&store, "anna").await;
    let first = lease(&store, 0).await;
    let lease_of = |attempt| MailLease { attempt, ..first[0].lease };
    let mail =
        LeasedMail { lease: lease_of(1), mail: mail("1"), invitation: Some(id), created_at: minute(0) };
    assert_eq!(first, std::slice::from_ref(&mail));
    assert_eq!(lease(&store, 0).await, []);
    // Whoever had it was killed.
    assert_eq!(lease(&store, 1).await, [LeasedMail { lease: lease_of(2), ..mail }]);
}

async fn mail_that_is_finished_is_erased_and_its_fate_noted(store: Arc<dyn Store>) {
    for (name, status) in [("anna", EmailStatus::Sent), ("berta", EmailStatus::Failed)] {
        let id = invite(&store, name).await;
        let leased = lease(&store, 0).await.remove(0);
        store.finish_mail(ALL, leased.lease, status).await.unwrap();
        assert_eq!(email_status(&store, id).await, status);
        assert_eq!(lease(&store, 99).await, []);
    }
}

async fn mail_that_is_postponed_is_due_when_it_says(store: Arc<dyn Store>) {
    let id = invite(&store, "anna").await;
    let leased = lease(&store, 0).await.remove(0);
    store.postpone_mail(ALL, leased.lease, minute(7), "the mail server is away").await.unwrap();
    assert_eq!(lease(&store, 6).await, []);
    let again = lease(&store, 7).await.remove(0);
    assert_eq!((again.lease.attempt, again.mail), (2, leased.mail));
    assert_eq!(email_status(&store, id).await, EmailStatus::Queued);
}

async fn lease_that_ran_out_changes_nothing(store: Arc<dyn Store>) {
    let id = invite(&store, "anna").await;
    let late = lease(&store, 0).await.remove(0).lease;
    let current = lease(&store, 1).await.remove(0).lease;
    store.finish_mail(ALL, late, EmailStatus::Failed).await.unwrap();
    store.postpone_mail(ALL, late, minute(99), "late").await.unwrap();
    assert_eq!(email_status(&store, id).await, EmailStatus::Queued);
    assert_eq!(lease(&store, 2).await.len(), 1, "still there, and due");
    store.finish_mail(ALL, current, EmailStatus::Sent).await.unwrap();
    assert_eq!(email_status(&store, id).await, EmailStatus::Queued, "that one has run out as well");
}

async fn longest_waiting_mails_are_leased_first(store: Arc<dyn Store>) {
    for (name, at) in [("anna", 3), ("berta", 1), ("carl", 2)] {
        let _ = store.queue_reset_request(request(name, at), 9).await.unwrap();
    }
    let leased = store.lease_mails(ALL, (minute(9), minute(10)), 2).await.unwrap();
    let waited: BTreeSet<_> = leased.iter().map(|mail| mail.created_at).collect();
    assert_eq!(waited, BTreeSet::from([minute(1), minute(2)]));
}

async fn racing_senders_lease_each_mail_once(store: Arc<dyn Store>) {
    for mail in 0..40 {
        invite(&store, &format!("guest{mail}")).await;
    }
    let race = |store: Arc<dyn Store>| async move {
        let mut leased = Vec::new();
        loop {
            let batch = store.lease_mails(ALL, (minute(0), minute(1)), 3).await.unwrap();
            if batch.is_empty() {
                return leased;
            }
            leased.extend(batch);
        }
    };
    let tasks: Vec<_> = (0..6).map(|_| tokio::spawn(race(store.clone()))).collect();
    let mut leased = Vec::new();
    for task in tasks {
        leased.extend(task.await.unwrap());
    }
    let distinct: BTreeSet<_> = leased.iter().map(|mail| mail.lease.id).collect();
    // One may find nothing while another locks what is left; then that one has it.
    assert_eq!((leased.len(), distinct.len()), (40, 40));
}

async fn wishes_are_stored_once_an_address_and_up_to_a_bound(store: Arc<dyn Store>) {
    for name in ["anna", "anna", "berta"] {
        assert!(store.queue_reset_request(request(name, 0), 2).await.unwrap(), "{name}");
    }
    assert!(!store.queue_reset_request(request("carl", 0), 2).await.unwrap());
    let leased = lease(&store, 0).await;
    assert_eq!(leased.len(), 2);
    assert!(leased.iter().all(|mail| mail.invitation.is_none()));
    store.finish_mail(ALL, leased[0].lease, EmailStatus::Sent).await.unwrap();
    assert!(store.queue_reset_request(request("carl", 1), 2).await.unwrap());
}

suite! { $ outbox_contract in outbox:
    mail_is_leased_until_the_lease_runs_out,
    mail_that_is_finished_is_erased_and_its_fate_noted,
    mail_that_is_postponed_is_due_when_it_says,
    lease_that_ran_out_changes_nothing,
    longest_waiting_mails_are_leased_first,
    racing_senders_lease_each_mail_once,
    wishes_are_stored_once_an_address_and_up_to_a_bound,
}
