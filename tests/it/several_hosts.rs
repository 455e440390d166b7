//! Several hosts on one Postgres: they share the clients that are due, take over from one that is gone, and ask an n8n one at a time.

mod host;
mod slots;

use std::{collections::BTreeSet, time::Duration};

use flowmastery_core::{
    access::actor::Actor,
    clock::Clock,
    id::{ClientId, UserId},
    service::clients::InstanceConfig,
    store::{Lease, Term},
    sync::CollectionRequests,
};
use n8n_simulator::Fault;
use tokio::runtime::{self, Runtime};
use tokio_util::sync::CancellationToken;

use self::host::{Cluster, Host, everyone, until};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn due_clients_are_shared_and_none_is_collected_twice() {
    let mut cluster = Cluster::new(12, 30).await;
    let hosts = [cluster.host().await, cluster.host().await];
    let stop = CancellationToken::new();
    let runs: Vec<_> = hosts.iter().map(|host| tokio::spawn(host.app.clone().run(stop.clone()))).collect();
    until(async || hosts.iter().map(|host| host.n8n.in_flight()).sum::<usize>() == 12).await;
    let asked = hosts.each_ref().map(|host| host.n8n.asked());
    assert!(asked.iter().all(|asked| *asked >= 4), "{asked:?}: none takes more than it has room for");
    for host in &hosts {
        host.n8n.open();
    }
    until(async || cluster.live(&hosts[0]).await.len() == 12).await;
    stop.cancel();
    for run in runs {
        run.await.unwrap();
    }
    for number in 0..12 {
        assert_eq!(cluster.collections(number), 1, "of client {number}");
    }
    let totals: BTreeSet<_> = cluster.totals(&hosts[1]).await.into_iter().collect();
    assert_eq!(totals, [Some(30)].into());
}

/// A host in the midst of the only collection, on a runtime of its own, so that it can be killed.
async fn mid_collection(cluster: &Cluster) -> (Host, Runtime) {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (url, servers) = (cluster.url(), cluster.servers.clone());
    let host = runtime.spawn(Host::new(url, servers)).await.unwrap();
    runtime.spawn(host.app.clone().run(CancellationToken::new()));
    // What is running, what waits, workflows and a page; the next one is on its way.
    host.n8n.let_through(4);
    until(async || host.n8n.asked() == 5 && host.stored(ClientId(1)).await > 0).await;
    (host, runtime)
}

#[tokio::test]
async fn a_host_that_is_killed_is_taken_over_when_its_lease_runs_out() {
    let mut cluster = Cluster::new(1, 30).await;
    let (killed, runtime) = mid_collection(&cluster).await;
    let heir = cluster.host().await;
    heir.n8n.open();
    runtime.shutdown_background();
    let stored = heir.stored(ClientId(1)).await;
    assert!((1..30).contains(&stored), "{stored}");
    let stop = CancellationToken::new();
    let run = tokio::spawn(heir.app.clone().run(stop.clone()));
    let early = heir.app.collector().collect_now(ClientId(1), Duration::from_millis(700));
    early.await;
    assert_eq!((heir.n8n.asked(), heir.stored(ClientId(1)).await), (0, stored), "it is not known yet");
    heir.clock.advance(Duration::from_secs(11));
    until(async || cluster.live(&heir).await.len() == 1).await;
    assert_eq!(cluster.totals(&heir).await, [Some(30)]);
    stop.cancel();
    run.await.unwrap();
    drop(killed);
}

#[tokio::test]
async fn what_a_killed_host_left_does_not_wait_for_servers_that_are_slow() {
    let mut cluster = Cluster::new(1, 30).await;
    let (_killed, runtime) = mid_collection(&cluster).await;
    let heir = cluster.host().await;
    let slow = 8;
    cluster.add_clients(slow, 1).await;
    let stop = CancellationToken::new();
    let run = tokio::spawn(heir.app.clone().run(stop.clone()));
    until(async || heir.n8n.in_flight() == slow).await;
    runtime.shutdown_background();
    heir.clock.advance(Duration::from_secs(11));
    until(async || heir.n8n.in_flight() == slow + 1).await;
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_host_that_is_killed_collects_itself() {
    let mut cluster = Cluster::new(1, 30).await;
    let (_killed, runtime) = mid_collection(&cluster).await;
    let heir = cluster.host().await;
    heir.n8n.open();
    let waiting = heir.app.collector().clone();
    let waiting = tokio::spawn(async move { waiting.collect_now(ClientId(1), MINUTE).await });
    runtime.shutdown_background();
    heir.clock.advance(Duration::from_secs(11));
    waiting.await.unwrap();
    assert_eq!(cluster.totals(&heir).await, [Some(30)]);
}

#[tokio::test]
async fn who_asks_for_what_another_host_collects_waits_for_its_end() {
    let mut cluster = Cluster::new(1, 30).await;
    let (ours, theirs) = (cluster.host().await, cluster.host().await);
    let collecting = ours.app.collector().clone();
    tokio::spawn(async move { collecting.collect_now(ClientId(1), Duration::ZERO).await });
    until(async || ours.n8n.in_flight() == 1).await;
    theirs.n8n.open();
    let joining = theirs.app.collector().clone();
    let joining = tokio::spawn(async move { joining.collect_now(ClientId(1), MINUTE).await });
    theirs.app.collector().collect_now(ClientId(1), Duration::from_millis(600)).await;
    assert!(!joining.is_finished());
    ours.n8n.open();
    joining.await.unwrap();
    assert_eq!(cluster.totals(&theirs).await, [Some(30)]);
    assert_eq!((theirs.n8n.asked(), cluster.collections(0)), (0, 1));
}

#[tokio::test]
async fn a_host_that_pauses_beyond_its_lease_cannot_write_over_its_successor() {
    let mut cluster = Cluster::new(1, 30).await;
    let (paused, heir) = (cluster.host().await, cluster.host().await);
    let collecting = paused.app.collector().clone();
    let collecting = tokio::spawn(async move { collecting.collect_in_place(ClientId(1)).await });
    paused.n8n.let_through(4);
    until(async || paused.n8n.asked() == 5).await;
    cluster.end_one_more(0);
    heir.clock.advance(MINUTE);
    heir.n8n.open();
    heir.app.collector().collect_now(ClientId(1), MINUTE).await;
    let (record, totals) = (heir.record(ClientId(1)).await, cluster.totals(&heir).await);
    assert_eq!(totals, [Some(31)]);
    paused.n8n.open();
    collecting.await.unwrap().unwrap();
    assert_eq!((heir.record(ClientId(1)).await, cluster.totals(&heir).await), (record, totals));
    assert_eq!(heir.lease(ClientId(1)).await, None);
}

#[tokio::test]
async fn leases_are_renewed_and_a_collection_that_lost_its_own_is_ended() {
    let mut cluster = Cluster::new(1, 30).await;
    let (host, client) = (cluster.host().await, ClientId(1));
    host.app.collector().collect_now(client, Duration::ZERO).await;
    until(async || host.n8n.in_flight() == 1).await;
    host.clock.advance(Duration::from_secs(5));
    let renewed = host.clock.now().plus(Duration::from_secs(10));
    until(async || host.lease(client).await == Some(renewed)).await;
    let term = Term { now: renewed, until: renewed.plus(MINUTE) };
    let taken = host.store.lease_client(everyone(), client, term).await.unwrap();
    assert!(matches!(taken, Lease::Leased(_)), "{taken:?}");
    until(async || host.n8n.in_flight() == 0).await;
    assert_eq!(host.lease(client).await, Some(term.until));
}

#[tokio::test]
async fn a_host_that_stops_gives_its_leases_back() {
    let mut cluster = Cluster::new(3, 30).await;
    let (stopping, heir) = (cluster.host().await, cluster.host().await);
    let stop = CancellationToken::new();
    let run = tokio::spawn(stopping.app.clone().run(stop.clone()));
    until(async || stopping.n8n.in_flight() == 3).await;
    stop.cancel();
    run.await.unwrap();
    for client in 1..=3 {
        assert_eq!(heir.lease(ClientId(client)).await, None);
    }
    heir.n8n.open();
    let stop = CancellationToken::new();
    let run = tokio::spawn(heir.app.clone().run(stop.clone()));
    until(async || cluster.live(&heir).await.len() == 3).await;
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn a_new_configuration_does_not_wait_for_the_old_collection_of_another_host() {
    let mut cluster = Cluster::new(1, 30).await;
    let (ours, theirs) = (cluster.host().await, cluster.host().await);
    ours.app.collector().collect_now(ClientId(1), Duration::ZERO).await;
    until(async || ours.n8n.in_flight() == 1).await;
    theirs.n8n.open();
    let moved = cluster.another_n8n(7);
    let config = InstanceConfig::parse(&moved.url(), moved.key().into()).unwrap();
    let admin = Actor::admin(UserId(1));
    theirs.app.clients().configure(admin, ClientId(1), config).await.unwrap();
    until(async || cluster.live(&theirs).await.len() == 1).await;
    let record = theirs.record(ClientId(1)).await;
    ours.n8n.open();
    ours.app.collector().shut_down().await;
    assert_eq!((theirs.record(ClientId(1)).await, cluster.totals(&theirs).await), (record, vec![Some(7)]));
}

#[tokio::test]
async fn one_request_at_a_time_reaches_an_n8n_that_clients_share() {
    let mut cluster = Cluster::new(2, 30).await;
    let (ours, theirs) = (cluster.host().await, cluster.host().await);
    let n8n = cluster.n8n[0].clone();
    for client in [1, 2] {
        let url = format!("{}/{client}", n8n.base_url());
        cluster.lead(ClientId(client), &url, &n8n).await;
    }
    n8n.state().set_fault(Fault::Slow(Duration::from_millis(20)));
    for host in [&ours, &theirs] {
        host.n8n.open();
    }
    tokio::join!(
        ours.app.collector().collect_now(ClientId(1), MINUTE),
        theirs.app.collector().collect_now(ClientId(2), MINUTE),
    );
    assert_eq!(cluster.totals(&ours).await, [Some(30), Some(30)]);
    assert_eq!(n8n.state().max_in_flight(), 1);
}

#[tokio::test]
async fn hosts_that_clear_up_at_once_remove_everything_once() {
    let mut cluster = Cluster::new(2, 300).await;
    let (ours, theirs) = (cluster.host().await, cluster.host().await);
    ours.n8n.open();
    for client in [1, 2] {
        ours.app.collector().collect_now(ClientId(client), MINUTE).await;
    }
    let later = Duration::from_secs(91 * 24 * 60 * 60);
    let stop = CancellationToken::new();
    for host in [&ours, &theirs] {
        host.clock.advance(later);
    }
    let (first, second) =
        tokio::join!(ours.app.collector().sweep(&stop), theirs.app.collector().sweep(&stop));
    first.unwrap();
    second.unwrap();
    assert_eq!([ours.stored(ClientId(1)).await, ours.stored(ClientId(2)).await], [100, 100]);
    assert_eq!(cluster.totals(&theirs).await, [Some(300), Some(300)]);
    ours.store.delete_client(everyone(), ClientId(2), ours.clock.now()).await.unwrap();
    let purge = async |host: &Host| {
        let mut purged = 0;
        loop {
            match host.store.purge_deleted(everyone(), 7).await.unwrap() {
                0 => break purged,
                some => purged += some,
            }
        }
    };
    let (ours, theirs) = tokio::join!(purge(&ours), purge(&theirs));
    assert!(ours + theirs > 100, "{ours} and {theirs}");
}
