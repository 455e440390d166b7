//! Redis and Postgres killed and started again while hosts are asked: no wrong number, no lost invitation, and soon everything as before.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use flowmastery_core::id::ClientId;
use flowmastery_tests::{own_postgres::OwnPostgres, redis, smtp::SmtpServer};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{
    Cluster, EFFECTIVE, STEP,
    fleet::Fleet,
    hosts::{Asker, Hosts, PATIENCE, every, until},
};
use crate::oracle::database::Shared;

/// Within so long everything is as before, once Postgres is back.
const RECOVERY: Duration = Duration::from_secs(5);

/// What a reader was answered.
struct Reading {
    at: Instant,
    host: usize,
    status: StatusCode,
    retry_after: bool,
    total: Option<u64>,
}

/// Readers of every host, and somebody who invites, until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    readings: Arc<Mutex<Vec<Reading>>>,
    /// Addresses whose invitation was answered with success.
    invited: Arc<Mutex<BTreeSet<String>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(hosts: &Hosts, admin: &str, client: ClientId) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            answers: Arc::default(),
            readings: Arc::default(),
            invited: Arc::default(),
            tasks: Vec::new(),
        };
        for host in 0..hosts.running.len() {
            load.tasks.push(load.read(hosts.asker(), host, (admin.to_owned(), client)));
            load.tasks.push(load.invite(hosts.asker(), host, admin.to_owned()));
        }
        load
    }

    fn read(&self, asker: Asker, host: usize, (admin, client): (String, ClientId)) -> JoinHandle<()> {
        let (stop, answers, readings) = (self.stop.clone(), self.answers.clone(), self.readings.clone());
        tokio::spawn(async move {
            let path = format!("/api/v1/metrics/client/{client}?period=all&include=all");
            while !stop.load(Ordering::Relaxed) {
                let answer =
                    asker.ask(host, (Method::GET, &path), Some(&admin), None).await.expect("an answer");
                let (status, retry_after) = (answer.status, answer.retry_after);
                let total = answer.body["total_executions"].as_u64();
                readings.lock().unwrap().push(Reading {
                    at: Instant::now(),
                    host,
                    status,
                    retry_after,
                    total,
                });
                answers.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    fn invite(&self, asker: Asker, host: usize, admin: String) -> JoinHandle<()> {
        let (stop, invited) = (self.stop.clone(), self.invited.clone());
        tokio::spawn(async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let email = format!("guest-{host}-{number}@agency.com");
                let body = json!({ "email": email, "role": "admin" });
                let path = (Method::POST, "/api/v1/auth/invitations");
                let answer = asker.ask(host, path, Some(&admin), Some(&body)).await.expect("an answer");
                if answer.status == StatusCode::CREATED {
                    invited.lock().unwrap().insert(email);
                } else {
                    assert!(
                        answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.retry_after,
                        "{}",
                        answer.body
                    );
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    /// Waits for so many more readings.
    async fn readings(&self, count: usize) {
        let enough = self.answers.load(Ordering::Relaxed) + count;
        until("readings", PATIENCE, || async { self.answers.load(Ordering::Relaxed) >= enough }).await;
    }

    /// Waits until readers of every host are answered with this status.
    async fn every_host_says(&self, status: StatusCode, hosts: usize) {
        let from = self.readings.lock().unwrap().len();
        until("a status on every host", PATIENCE, || async {
            let readings = self.readings.lock().unwrap();
            let says = |host| readings[from..].iter().any(|it| it.host == host && it.status == status);
            (0..hosts).all(says)
        })
        .await;
    }

    async fn end(self) -> (Vec<Reading>, BTreeSet<String>) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let readings = std::mem::take(&mut *self.readings.lock().unwrap());
        let invited = std::mem::take(&mut *self.invited.lock().unwrap());
        (readings, invited)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_and_postgres_may_go_away_under_load() {
    let (postgres, mut redis) = (OwnPostgres::start(&[]), redis::Own::new());
    let mut smtp = SmtpServer::start(&[]).await;
    let settings = [
        every(1),
        ("SMTP_HOST", "127.0.0.1".to_owned()),
        ("SMTP_PORT", smtp.port.to_string()),
        ("SMTP_TLS", "none".to_owned()),
        ("FROM_EMAIL", "noreply@agency.com".to_owned()),
    ];
    let mut fleet = Fleet::start(2, 11).await;
    let url = postgres.url();
    let hosts = tokio::task::block_in_place(|| Hosts::with(2, (&url, &redis.url()), settings));
    let admin = hosts.admin(0).await;
    let mut clients = Vec::new();
    for tenant in &fleet.tenants {
        clients.push(ClientId(hosts.client(0, &admin, (&tenant.n8n.url(), &tenant.n8n.key())).await));
    }
    let load = Load::start(&hosts, &admin, clients[0]);
    load.readings(100).await;

    fleet.advance(STEP);
    redis.kill();
    load.readings(300).await;
    let without_redis = Instant::now();
    redis.start();
    load.readings(100).await;

    let mut outages = Vec::new();
    for with_redis in [true, false] {
        fleet.advance(STEP);
        let killed = Instant::now();
        if !with_redis {
            redis.kill();
        }
        postgres.kill().await;
        load.every_host_says(StatusCode::SERVICE_UNAVAILABLE, 2).await;
        if !with_redis {
            redis.start();
        }
        postgres.start_again().await;
        let back = Instant::now();
        load.every_host_says(StatusCode::OK, 2).await;
        println!("answers again {:?} after Postgres is back", back.elapsed());
        outages.push(killed..back + RECOVERY);
        until("recovery", PATIENCE, || async { back.elapsed() > RECOVERY }).await;
        load.readings(50).await;
    }

    let runs = fleet.tenants[0].runs() as u64;
    let (readings, invited) = load.end().await;
    for reading in &readings {
        if reading.status == StatusCode::OK {
            // Nothing is answered that never was, nor what was known to be old a while before.
            let total = reading.total.unwrap_or(0);
            let long_ago = readings.iter().take_while(|it| it.at + 2 * EFFECTIVE < reading.at);
            let known = long_ago.filter_map(|it| it.total).max().unwrap_or(0);
            assert!(total >= known && total <= runs, "{total}, of {runs}, when {known} had been answered");
        } else {
            assert!(
                reading.status == StatusCode::SERVICE_UNAVAILABLE && reading.retry_after,
                "{}",
                reading.status
            );
            assert!(reading.at > without_redis && outages.iter().any(|outage| outage.contains(&reading.at)));
        }
    }
    assert!(!invited.is_empty());
    let mut mailed = BTreeSet::new();
    while !invited.is_subset(&mailed) {
        let mail = tokio::time::timeout(PATIENCE, smtp.mail()).await.expect("every invitation is mailed");
        mailed.insert(mail["headers"]["to"].as_str().unwrap().to_owned());
    }
    let shared = Shared::postgres_at(&url).await;
    Cluster { fleet, hosts, shared, clients }.everything_is_counted_once().await;
}
