//! The contract of [`crate::store::LeaseStore`].

use std::{collections::BTreeSet, sync::Arc};

use super::{fixtures::*, suite};
use crate::{
    clock::Timestamp,
    id::ClientId,
    model::execution::Status,
    store::{Applied, CollectionOutcome, Due, Lease, Store, Turn},
};

async fn lease_due(store: &Arc<dyn Store>, now: Timestamp, limit: u16) -> Vec<Turn> {
    store.lease_due(ALL, term(now), Due::Sound, limit).await.unwrap()
}

fn clients(turns: &[Turn]) -> BTreeSet<ClientId> {
    turns.iter().map(|turn| turn.client).collect()
}

async fn leased(store: &Arc<dyn Store>, client: ClientId, now: Timestamp) -> Turn {
    match store.lease_client(ALL, client, term(now)).await.unwrap() {
        Lease::Leased(turn) => turn,
        other => panic!("{other:?}"),
    }
}

async fn clients_that_are_due_longest_are_leased_first(store: Arc<dyn Store>) {
    let (late, early, never) = (
        configured(&store, "late").await,
        configured(&store, "early").await,
        configured(&store, "never").await,
    );
    client(&store, "without-n8n").await;
    complete(&store, late, None, minute(20)).await;
    complete(&store, early, None, minute(10)).await;
    assert_eq!(due(&store, ALL, minute(21), Due::Sound).await, [late, early, never]);
    assert_eq!(due(&store, ALL, minute(20), Due::Sound).await, [early, never], "late is due after a minute");
    assert_eq!(clients(&lease_due(&store, minute(21), 1).await), [never].into());
    assert_eq!(clients(&lease_due(&store, minute(21), 1).await), [early].into());
    assert_eq!(clients(&lease_due(&store, minute(21), 9).await), [late].into());
    assert!(lease_due(&store, minute(21), 9).await.is_empty(), "all are leased");
}

async fn abandoned(store: &Arc<dyn Store>, now: Timestamp) -> Vec<Turn> {
    store.lease_due(ALL, term(now), Due::Abandoned, 9).await.unwrap()
}

async fn clients_of_a_host_that_is_gone_are_due_at_once(store: Arc<dyn Store>) {
    let (waiting, gone) = (configured(&store, "waiting").await, configured(&store, "gone").await);
    complete(&store, gone, None, minute(0)).await;
    let turn = leased(&store, gone, minute(1)).await;
    store.begin_collection(ALL, turn, minute(1), minute(99)).await.unwrap().unwrap();
    assert!(abandoned(&store, minute(1)).await.is_empty());
    assert_eq!(due(&store, ALL, minute(2), Due::Sound).await, [waiting]);
    let [next] = abandoned(&store, minute(2)).await[..] else { panic!("one") };
    assert_eq!(next, Turn { client: gone, number: turn.number + 1 });
    let late = batch(vec![execution(1, Status::Success, minute(0))]);
    assert_eq!(store.apply_executions(ALL, turn, late).await.unwrap(), Applied::Superseded);
    assert_eq!(store.begin_collection(ALL, turn, minute(2), minute(99)).await.unwrap(), None);
    assert!(abandoned(&store, minute(2)).await.is_empty());
    store.give_back(ALL, turn, Some(minute(0))).await.unwrap();
    assert_eq!(store.leased_until(ALL, gone).await.unwrap(), Some(term(minute(2)).until), "it is another's");
}

async fn one_client_is_leased_once_due_or_not(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    complete(&store, acme, None, minute(0)).await;
    let turn = leased(&store, acme, minute(0)).await;
    let lease = async |at| store.lease_client(ALL, acme, term(at)).await.unwrap();
    assert_eq!(lease(minute(0)).await, Lease::Elsewhere);
    assert_eq!(store.leased_until(ALL, acme).await.unwrap(), Some(term(minute(0)).until));
    assert_eq!(lease(minute(1)).await, Lease::Leased(Turn { number: turn.number + 1, ..turn }), "it ran out");
    let without = client(&store, "without-n8n").await;
    for gone in [without, ClientId(99)] {
        assert_eq!(store.lease_client(ALL, gone, term(minute(0))).await.unwrap(), Lease::Gone);
        assert_eq!(store.leased_until(ALL, gone).await.unwrap(), None);
    }
}

async fn leases_are_renewed_while_their_turn_lasts(store: Arc<dyn Store>) {
    let (acme, globex) = (configured(&store, "acme").await, configured(&store, "globex").await);
    let (ours, lost) = (leased(&store, acme, minute(0)).await, leased(&store, globex, minute(0)).await);
    let renew = async |turns: &[Turn], until| store.renew_leases(ALL, turns, until).await.unwrap();
    assert_eq!(renew(&[ours, lost], minute(1)).await.len(), 2);
    assert!(lease_due(&store, minute(0), 9).await.is_empty());
    let next = leased(&store, globex, minute(1)).await;
    assert_eq!(renew(&[ours, lost], minute(5)).await, [ours]);
    assert_eq!(store.leased_until(ALL, acme).await.unwrap(), Some(minute(5)));
    assert_eq!(store.leased_until(ALL, globex).await.unwrap(), Some(term(minute(1)).until));
    store.give_back(ALL, ours, None).await.unwrap();
    assert_eq!(renew(&[ours, next], minute(6)).await, [next], "what was given back is not leased again");
    assert_eq!(store.leased_until(ALL, acme).await.unwrap(), None);
    assert!(renew(&[], minute(6)).await.is_empty());
}

async fn lease_that_is_given_back_leaves_the_client_due_or_not(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    complete(&store, acme, None, minute(0)).await;
    let turn = leased(&store, acme, minute(0)).await;
    store.begin_collection(ALL, turn, minute(0), minute(5)).await.unwrap().unwrap();
    store.give_back(ALL, turn, None).await.unwrap();
    assert!(due(&store, ALL, minute(4), Due::Sound).await.is_empty());
    let turn = leased(&store, acme, minute(1)).await;
    store.begin_collection(ALL, turn, minute(1), minute(5)).await.unwrap().unwrap();
    store.give_back(ALL, turn, Some(minute(1))).await.unwrap();
    assert_eq!(due(&store, ALL, minute(1), Due::Sound).await, [acme], "it was interrupted");
}

async fn new_configuration_ends_the_lease(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let turn = leased(&store, acme, minute(0)).await;
    let other = instance("https://other.example.com");
    store.set_instance(ALL, acme, Some(&other), minute(0)).await.unwrap().unwrap();
    assert_eq!(store.leased_until(ALL, acme).await.unwrap(), None);
    assert!(store.renew_leases(ALL, &[turn], minute(1)).await.unwrap().is_empty());
    assert_eq!(leased(&store, acme, minute(0)).await.number, turn.number + 2);
}

async fn outcome_is_noted_under_the_lease(store: Arc<dyn Store>) {
    let acme = configured(&store, "acme").await;
    let turn = leased(&store, acme, minute(0)).await;
    store.begin_collection(ALL, turn, minute(0), minute(1)).await.unwrap().unwrap();
    let when = crate::store::Finished { now: minute(0), next_attempt: minute(0) };
    store.finish_collection(ALL, turn, &CollectionOutcome::Complete(None), when).await.unwrap();
    assert!(lease_due(&store, minute(0), 9).await.is_empty(), "what needs no haste goes on");
    store.give_back(ALL, turn, None).await.unwrap();
    assert_eq!(due(&store, ALL, minute(0), Due::Sound).await, [acme]);
}

async fn racing_hosts_lease_each_client_once(store: Arc<dyn Store>) {
    let mut all = BTreeSet::new();
    for number in 0..20 {
        all.insert(configured(&store, &format!("client-{number}")).await);
    }
    let race = |store: Arc<dyn Store>| async move {
        let mut leased = Vec::new();
        for _ in 0..5 {
            leased.extend(lease_due(&store, minute(0), 3).await);
        }
        leased
    };
    let hosts: Vec<_> = (0..4).map(|_| tokio::spawn(race(store.clone()))).collect();
    let mut leased = Vec::new();
    for host in hosts {
        leased.extend(host.await.unwrap());
    }
    // What another host just leased is passed over, and may be left at the end.
    leased.extend(lease_due(&store, minute(0), 20).await);
    assert_eq!((leased.len(), clients(&leased)), (20, all));
}

suite! { $ lease_contract in lease:
    clients_that_are_due_longest_are_leased_first,
    clients_of_a_host_that_is_gone_are_due_at_once,
    one_client_is_leased_once_due_or_not,
    leases_are_renewed_while_their_turn_lasts,
    lease_that_is_given_back_leaves_the_client_due_or_not,
    new_configuration_ends_the_lease,
    outcome_is_noted_under_the_lease,
    racing_hosts_lease_each_client_once,
}
