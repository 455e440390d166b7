//! Several hosts on one Postgres and one Redis, as processes: killed, paused and asked, they act as one.
//!
//! `FLOWMASTERY_CLUSTER_HOSTS` (2), `FLOWMASTERY_CLUSTER_TENANTS` (20) and `FLOWMASTERY_CLUSTER_ROUNDS` (3) set how many there are, and
//! `FLOWMASTERY_CLUSTER_SEED` (0) what is drawn: which host is hit, how, and after how many requests to n8n. Other hosts must have taken over what it
//! had leased within `FLOWMASTERY_CLUSTER_TAKEOVER` seconds; `scripts/cluster` says 15, the 30 unless set leave room for machines
//! on which all tests run at once.

mod fleet;
mod hosts;
mod outages;

use std::time::Duration;

use flowmastery_core::{
    access::scope::TenantScope,
    clock::{Clock, SystemClock, Timestamp},
    id::ClientId,
    store::CollectionRecord,
};
use flowmastery_tests::{postgres::Database, redis};
use reqwest::Method;
use serde_json::json;

use self::{
    fleet::Fleet,
    hosts::{Hosts, PATIENCE, every, until},
};
use crate::oracle::{database::Shared, setting};

/// Within so long a change on one host is effective on the others.
const EFFECTIVE: Duration = Duration::from_secs(1);
/// How much happens on every n8n in a round.
const STEP: Duration = Duration::from_secs(600);

/// Hosts, the n8n servers of their tenants, and the database between them.
struct Cluster {
    fleet: Fleet,
    hosts: Hosts,
    shared: Shared,
    clients: Vec<ClientId>,
}

impl Cluster {
    async fn start(hosts: usize, tenants: usize, seed: u64) -> Self {
        let fleet = Fleet::start(tenants, seed).await;
        let url = Database::migrated().await.url();
        // Many tenants are collected less often, or hosts on one machine would do nothing else.
        let interval = [every((tenants / 20).max(1))];
        let hosts = tokio::task::block_in_place(|| Hosts::with(hosts, (&url, &redis::url()), interval));
        let shared = Shared::postgres_at(&url).await;
        let admin = hosts.admin(0).await;
        let mut clients = Vec::new();
        for tenant in &fleet.tenants {
            let (url, key) = (tenant.n8n.url(), tenant.n8n.key());
            clients.push(ClientId(hosts.client(0, &admin, (&url, &key)).await));
        }
        Self { fleet, hosts, shared, clients }
    }

    /// Waits until so many more requests were made to the n8n servers: a moment in the middle of whatever goes on.
    async fn moment(fleet: &Fleet, requests: usize) {
        let enough = fleet.requests() + requests;
        until("hosts collect", PATIENCE, || async { fleet.requests() >= enough }).await;
    }

    /// Waits until something is so of the collection of every client.
    async fn all(
        (shared, clients): (&Shared, &[ClientId]),
        what: &str,
        within: Duration,
        is_so: impl Fn(&CollectionRecord) -> bool,
    ) -> Duration {
        until(what, within, || async {
            for client in clients {
                let found = shared.store.find_client(TenantScope::client(*client), *client).await.unwrap();
                if !is_so(&found.unwrap().collection) {
                    return false;
                }
            }
            true
        })
        .await
    }

    /// Until when each client is leased. A host that works changes this every three seconds.
    async fn leases((shared, clients): (&Shared, &[ClientId])) -> Vec<Option<Timestamp>> {
        let mut leases = Vec::new();
        for client in clients {
            leases.push(shared.store.leased_until(TenantScope::client(*client), *client).await.unwrap());
        }
        leases
    }

    /// That nothing is counted that never was: holds at any moment.
    async fn nothing_is_double(&self) {
        for (client, tenant) in self.clients.iter().zip(&self.fleet.tenants) {
            let (rows, runs) = (self.shared.rows(*client).await.len(), tenant.runs());
            assert!(rows <= runs, "client {client}: {rows} rows of {runs} executions");
        }
    }

    /// That everything is stored as it is, and counted once.
    async fn everything_is_counted_once(&self) {
        let problems = async || {
            let mut problems = Vec::new();
            for (client, tenant) in self.clients.iter().zip(&self.fleet.tenants) {
                problems.extend(tenant.compare(*client, &self.shared.rows(*client).await));
                let scope = TenantScope::client(*client);
                problems.extend(self.shared.store.recount(scope, *client).await.unwrap().differing);
            }
            problems
        };
        let all = (&self.shared, &self.clients[..]);
        let now = SystemClock.now();
        Self::all(all, "collections begin", PATIENCE, |it| it.last_attempt_at > Some(now)).await;
        // What ends from now on began when everything had happened.
        let now = SystemClock.now();
        Self::all(all, "they end", PATIENCE, |it| it.last_success_at > Some(now)).await;
        let problems = problems().await;
        assert!(
            problems.is_empty(),
            "{} faults: {:#?}",
            problems.len(),
            problems.iter().take(20).collect::<Vec<_>>()
        );
        let admin = self.hosts.admin(0).await;
        for (host, _) in self.hosts.running.iter().enumerate() {
            for (client, tenant) in self.clients.iter().zip(&self.fleet.tenants) {
                let path = format!("/api/v1/metrics/client/{client}?period=all&include=all");
                let answer = self.hosts.get(host, &path, &admin).await;
                assert_eq!(answer["total_executions"], tenant.runs(), "host {host}: {answer}");
            }
        }
        assert_eq!(self.fleet.max_in_flight(), 1, "requests in flight at one address");
    }
}

/// Numbers from a seed, after Steele, Lea and Flood's SplitMix.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_are_killed_and_paused_lose_nothing_and_count_nothing_twice() {
    let number = |name: &str, default| setting(&format!("FLOWMASTERY_CLUSTER_{name}"), default) as usize;
    let (count, tenants, rounds) = (number("HOSTS", 2), number("TENANTS", 20), number("ROUNDS", 3));
    let (seed, takeover) = (number("SEED", 0), Duration::from_secs(number("TAKEOVER", 30) as u64));
    let mut draw = Draw(seed as u64);
    let mut cluster = Cluster::start(count, tenants, seed as u64).await;
    for round in 0..rounds {
        cluster.fleet.advance(STEP);
        Cluster::moment(&cluster.fleet, draw.below(5 * tenants)).await;
        let (host, kills) = (draw.below(count), draw.below(2) == 0);
        let Cluster { fleet, hosts, shared, clients } = &mut cluster;
        let meanwhile = async {
            let hit = SystemClock.now();
            fleet.advance(STEP);
            let all = (&*shared, &clients[..]);
            let held = Cluster::leases(all).await;
            let took = until("others take over", takeover, || async {
                let now = Cluster::leases(all).await;
                held.iter().zip(now).all(|(held, now)| held.is_none() || *held != now)
            })
            .await;
            let how = if kills { "killed" } else { "paused" };
            println!("round {round}: host {host} {how}, all of its clients taken over in {took:?}");
            Cluster::all(all, "others collect", PATIENCE, |it| it.last_success_at > Some(hit)).await;
        };
        if kills {
            hosts.replace(host, meanwhile).await;
        } else {
            hosts.pause(host, meanwhile).await;
        }
        cluster.nothing_is_double().await;
    }
    cluster.everything_is_counted_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_on_one_host_is_effective_on_another_within_a_second() {
    // A Redis that nobody listens at is one that is away.
    for redis in [redis::url(), "redis://127.0.0.1:1/0".to_owned()] {
        effective_within_a_second(&redis).await;
    }
}

async fn effective_within_a_second(redis: &str) {
    let mut fleet = Fleet::start(2, 7).await;
    let url = Database::migrated().await.url();
    let hosts = tokio::task::block_in_place(|| Hosts::start(2, &url, redis));
    let admin = hosts.admin(0).await;
    let n8n = |tenant: usize| (fleet.tenants[tenant].n8n.url(), fleet.tenants[tenant].n8n.key());
    let (first, second) = (n8n(0), n8n(1));
    let client = hosts.client(0, &admin, (&first.0, &first.1)).await;
    let (user, token) = hosts.client_user(0, &admin, client).await;
    let status = async |path: &str, token: &str| {
        hosts.ask(1, (Method::GET, path), Some(token), None).await.expect("an answer").status.as_u16()
    };
    let total = async || {
        hosts.get(1, "/api/v1/metrics/my-metrics?period=all&include=all", &token).await["total_executions"]
            .clone()
    };
    let runs = fleet.tenants[0].runs();
    until("the first numbers", PATIENCE, || async { total().await == runs }).await;

    // New metrics: from the moment at which they are stored.
    fleet.advance(STEP);
    let shared = Shared::postgres_at(&url).await;
    let runs = fleet.tenants[0].runs();
    until("they are stored", PATIENCE, || async { shared.rows(ClientId(client)).await.len() == runs }).await;
    until("new metrics", EFFECTIVE, || async { total().await == runs }).await;

    // A new name.
    let path = format!("/api/v1/clients/{client}");
    let renamed = (Some(json!({ "name": "Acme Inc" })), 200);
    hosts.expect(0, (Method::PUT, &path), Some(&admin), renamed).await;
    let metrics = "/api/v1/metrics/my-metrics";
    until("a new name", EFFECTIVE, || async {
        hosts.get(1, metrics, &token).await["client_name"] == "Acme Inc"
    })
    .await;

    // A new key: no host asks with the old one any more.
    fleet.tenants[0].n8n.state().set_key("another");
    let body = json!({ "n8n_api_url": first.0, "n8n_api_key": "another" });
    hosts.post(0, &format!("{path}/n8n-config"), &admin, body).await;
    until("a new key", EFFECTIVE, || async {
        hosts.get(1, &path, &admin).await["sync"]["last_error"].is_null()
    })
    .await;

    // Deactivation, and back: the old session stays closed.
    let of_user = format!("/api/v1/users/{user}");
    for active in [false, true] {
        let patch = (Some(json!({ "is_active": active })), 200);
        hosts.expect(0, (Method::PATCH, &of_user), Some(&admin), patch).await;
        until("deactivation", EFFECTIVE, || async { status(metrics, &token).await == 401 }).await;
    }
    let token = hosts.sign_in(0, &format!("user@client-{client}.com")).await;
    assert_eq!(status(metrics, &token).await, 200);

    // A role.
    let patch = (Some(json!({ "role": "admin" })), 200);
    hosts.expect(0, (Method::PATCH, &of_user), Some(&admin), patch).await;
    until("a role", EFFECTIVE, || async { status(metrics, &token).await == 401 }).await;

    // Deletion.
    let client = hosts.client(0, &admin, (&second.0, &second.1)).await;
    let (_, token) = hosts.client_user(0, &admin, client).await;
    assert_eq!(status(metrics, &token).await, 200);
    let path = format!("/api/v1/clients/{client}");
    hosts.expect(0, (Method::DELETE, &path), Some(&admin), (None, 204)).await;
    until("deletion", EFFECTIVE, || async {
        status(metrics, &token).await == 401 && status(&path, &admin).await == 404
    })
    .await;
}
