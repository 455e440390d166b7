//! The feed of changes between hosts: what one changes is effective on the other once it has read the feed, or at once where it has not
//! read it for a second; and what is not changed needs no database.

mod positions;

use std::time::{Duration, Instant};

use flowmastery_core::{
    clock::Timestamp,
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::{
    backend::{Backend, FreshStore},
    both_backends,
    world::{ADMIN, PASSWORD, World},
};
use http::Method;
use n8n_simulator::{FakeN8n, Run};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

both_backends! {
    a_deactivation_on_one_host_ends_the_session_on_the_other,
    another_role_given_on_one_host_ends_the_session_on_the_other,
    a_sign_out_on_one_host_ends_the_session_on_the_other,
    a_revocation_on_one_host_ends_the_session_on_the_other,
    a_change_of_password_on_one_host_ends_the_other_sessions_on_the_other,
    a_user_removed_on_one_host_is_gone_on_the_other,
    a_client_deleted_on_one_host_is_gone_on_the_other,
    a_client_renamed_on_one_host_has_its_new_name_on_the_other,
    numbers_collected_on_one_host_are_read_on_the_other,
    own_changes_are_effective_at_once,
    freshness_and_borders_move_on_without_a_change,
    a_host_that_runs_reads_the_feed,
}

/// Two hosts over one store, with a client and its user; the second one has just read the feed.
struct Hosts {
    one: World,
    other: World,
    admin: String,
    user: String,
    n8n: FakeN8n,
}

const SECOND: Duration = Duration::from_secs(1);
const CLIENT: &str = "/api/v1/metrics/client/1";
const ALL: &str = "/api/v1/metrics/all";
const OWN: &str = "/api/v1/metrics/my-metrics";

impl Hosts {
    async fn new(backend: Backend) -> Self {
        let one = World::new(backend.store().await).await;
        let admin = one.sign_in(ADMIN).await;
        one.client(&admin, "Acme Corp").await;
        let user = one.client_user(&admin, "carl@acme.com", 1).await;
        let n8n = FakeN8n::start().await;
        let workflow = n8n.state().add_workflow("Any");
        let hour_ago = Timestamp::parse("2026-03-10T11:00:00.000Z").unwrap();
        n8n.state().add(Run::ended(&workflow, "success", hour_ago, 1000));
        let other = one.apart();
        other.app.feed().read().await.unwrap();
        Self { one, other, admin, user, n8n }
    }

    async fn status(&self, path: &str, token: &str) -> u16 {
        self.other.get(path, token).await.status.as_u16()
    }

    async fn collect(&self) {
        self.one.configure_unheard(1, &self.n8n.url(), &self.n8n.key()).await;
        self.one.collect(1).await;
    }

    /// Answers of the other host to a question before a change of the first, between the change and a read of the feed, and behind that;
    /// each as it also is when no read comes for a second.
    async fn watch<T: PartialEq + std::fmt::Debug>(
        backend: Backend,
        ask: impl AsyncFn(&Self) -> T,
        change: impl AsyncFn(&Self),
        (before, after): (T, T),
    ) {
        for reads in [true, false] {
            let hosts = Self::new(backend).await;
            assert_eq!(ask(&hosts).await, before);
            change(&hosts).await;
            assert_eq!(ask(&hosts).await, before, "what it remembers is less than a second old");
            match reads {
                true => hosts.other.app.feed().read().await.unwrap(),
                false => hosts.other.clock.advance(SECOND),
            }
            assert_eq!(ask(&hosts).await, after, "with a read: {reads}");
        }
    }
}

async fn patch_user(hosts: &Hosts, body: Value) {
    let path = "/api/v1/users/2";
    hosts.one.request(Method::PATCH, path, Some(&hosts.admin), Some(body)).await.expect(200);
}

async fn own_metrics(hosts: &Hosts) -> u16 {
    hosts.status(OWN, &hosts.user).await
}

async fn a_deactivation_on_one_host_ends_the_session_on_the_other(backend: Backend) {
    let deactivate = async |hosts: &Hosts| patch_user(hosts, json!({ "is_active": false })).await;
    Hosts::watch(backend, own_metrics, deactivate, (200, 401)).await;
}

async fn another_role_given_on_one_host_ends_the_session_on_the_other(backend: Backend) {
    let promote = async |hosts: &Hosts| patch_user(hosts, json!({ "role": "admin" })).await;
    Hosts::watch(backend, own_metrics, promote, (200, 401)).await;
}

async fn a_sign_out_on_one_host_ends_the_session_on_the_other(backend: Backend) {
    let sign_out = async |hosts: &Hosts| {
        hosts.one.request(Method::POST, "/api/v1/auth/logout", Some(&hosts.user), None).await.expect(204);
    };
    Hosts::watch(backend, own_metrics, sign_out, (200, 401)).await;
}

async fn a_revocation_on_one_host_ends_the_session_on_the_other(backend: Backend) {
    let revoke = async |hosts: &Hosts| {
        let again = hosts.one.sign_in("carl@acme.com").await;
        hosts.one.request(Method::DELETE, "/api/v1/auth/sessions/2", Some(&again), None).await.expect(204);
    };
    Hosts::watch(backend, own_metrics, revoke, (200, 401)).await;
}

async fn a_change_of_password_on_one_host_ends_the_other_sessions_on_the_other(backend: Backend) {
    let change = async |hosts: &Hosts| {
        let again = hosts.one.sign_in("carl@acme.com").await;
        let body = json!({ "current_password": PASSWORD, "new_password": "another good password" });
        hosts.one.request(Method::PUT, "/api/v1/auth/password", Some(&again), Some(body)).await.expect(204);
        assert_eq!(hosts.status(OWN, &again).await, 200, "the session of the change goes on");
    };
    Hosts::watch(backend, own_metrics, change, (200, 401)).await;
}

async fn a_user_removed_on_one_host_is_gone_on_the_other(backend: Backend) {
    let remove = async |hosts: &Hosts| {
        hosts.one.request(Method::DELETE, "/api/v1/users/2", Some(&hosts.admin), None).await.expect(204);
    };
    Hosts::watch(backend, own_metrics, remove, (200, 401)).await;
}

async fn a_client_deleted_on_one_host_is_gone_on_the_other(backend: Backend) {
    let delete = async |hosts: &Hosts| {
        let path = "/api/v1/clients/1";
        hosts.one.request(Method::DELETE, path, Some(&hosts.admin), None).await.expect(204);
    };
    let ask = async |hosts: &Hosts| {
        let of_all = hosts.other.get(ALL, &hosts.admin).await.expect(200)["total_clients"].clone();
        (hosts.status(CLIENT, &hosts.admin).await, own_metrics(hosts).await, of_all)
    };
    Hosts::watch(backend, ask, delete, ((200, 200, json!(1)), (404, 401, json!(0)))).await;
}

async fn a_client_renamed_on_one_host_has_its_new_name_on_the_other(backend: Backend) {
    let rename = async |hosts: &Hosts| {
        let body = Some(json!({ "name": "Acme & Sons" }));
        hosts.one.request(Method::PUT, "/api/v1/clients/1", Some(&hosts.admin), body).await.expect(200);
    };
    let ask = async |hosts: &Hosts| {
        let name = |answer: Value| answer["client_name"].as_str().unwrap().to_owned();
        let all = hosts.other.get(ALL, &hosts.admin).await.expect(200)["clients"][0].clone();
        [name(hosts.other.get(CLIENT, &hosts.admin).await.expect(200)), name(all)]
    };
    let both = |name: &str| [name.to_owned(), name.to_owned()];
    Hosts::watch(backend, ask, rename, (both("Acme Corp"), both("Acme & Sons"))).await;
}

async fn numbers_collected_on_one_host_are_read_on_the_other(backend: Backend) {
    let ask = async |hosts: &Hosts| {
        let sum = async |path: &str| {
            let series = hosts.other.get(path, &hosts.admin).await.expect(200);
            let points = series["points"].as_array().unwrap();
            points.iter().filter_map(|point| point["total"].as_i64()).sum::<i64>()
        };
        let total = async |path: &str| {
            hosts.other.get(path, &hosts.admin).await.expect(200)["total_executions"].as_i64().unwrap_or(0)
        };
        [
            total(CLIENT).await,
            total(ALL).await,
            sum(&format!("{CLIENT}/timeseries")).await,
            sum("/api/v1/metrics/all/timeseries").await,
        ]
    };
    Hosts::watch(backend, ask, Hosts::collect, ([0; 4], [1; 4])).await;
}

async fn own_changes_are_effective_at_once(backend: Backend) {
    let Hosts { one, admin, user, .. } = &Hosts::new(backend).await;
    one.app.feed().read().await.unwrap();
    let name = async || one.get(CLIENT, admin).await.expect(200)["client_name"].clone();
    let clients = async || one.get(ALL, admin).await.expect(200)["total_clients"].clone();
    assert_eq!((name().await, clients().await), (json!("Acme Corp"), json!(1)));
    let body = Some(json!({ "name": "Acme & Sons" }));
    one.request(Method::PUT, "/api/v1/clients/1", Some(admin), body).await.expect(200);
    assert_eq!(name().await, "Acme & Sons");
    let second = one.client(admin, "Second").await;
    assert_eq!(clients().await, 2);
    let other_user = one.client_user(admin, "dora@acme.com", second).await;
    for token in [user, &other_user] {
        one.get(OWN, token).await.expect(200);
    }
    let deactivate = Some(json!({ "is_active": false }));
    one.request(Method::PATCH, "/api/v1/users/2", Some(admin), deactivate).await.expect(200);
    one.get(OWN, user).await.expect(401);
    one.request(Method::DELETE, &format!("/api/v1/clients/{second}"), Some(admin), None).await.expect(204);
    one.get(OWN, &other_user).await.expect(401);
    assert_eq!(clients().await, 1);
    one.request(Method::POST, "/api/v1/auth/logout", Some(admin), None).await.expect(204);
    one.get(ALL, admin).await.expect(401);
}

async fn freshness_and_borders_move_on_without_a_change(backend: Backend) {
    let hosts = Hosts::new(backend).await;
    hosts.collect().await;
    let read = async |query: &str| {
        hosts.other.app.feed().read().await.unwrap();
        let admin = hosts.other.sign_in(ADMIN).await;
        let client = hosts.other.get(&format!("{CLIENT}{query}"), &admin).await.expect(200);
        let all = hosts.other.get(&format!("{ALL}{query}"), &admin).await.expect(200);
        assert_eq!(all["clients"][0], client);
        client
    };
    assert_eq!(read("").await["freshness"]["status"], "live");
    hosts.other.clock.advance(Duration::from_secs(120));
    assert_eq!(read("").await["freshness"]["status"], "live");
    hosts.other.clock.advance(Duration::from_millis(1));
    assert_eq!(read("").await["freshness"]["status"], "stale");
    assert_eq!(read("?period=24h").await["period"]["to"], "2026-03-10T13:00:00.000Z");
    hosts.other.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(read("?period=24h").await["period"]["to"], "2026-03-10T13:00:00.000Z");
    hosts.other.clock.advance(Duration::from_secs(40 * 60));
    assert_eq!(read("?period=24h").await["period"]["to"], "2026-03-10T14:00:00.000Z");
}

async fn a_host_that_runs_reads_the_feed(backend: Backend) {
    let hosts = Hosts::new(backend).await;
    assert_eq!(own_metrics(&hosts).await, 200);
    let stop = CancellationToken::new();
    let running = tokio::spawn(hosts.other.app.clone().run(stop.clone()));
    patch_user(&hosts, json!({ "is_active": false })).await;
    // Its clock stands still, so nothing but a read can tell it.
    let start = Instant::now();
    while own_metrics(&hosts).await == 200 {
        assert!(start.elapsed() < Duration::from_secs(10), "it did not hear of it");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

/// Answers that were given before come without the database while the feed is fresh, and not a moment longer.
#[tokio::test]
async fn warm_answers_need_no_database() {
    let store = SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.unwrap();
    store.migrate_up().await.unwrap();
    let world = World::new(FreshStore::from(store.clone())).await;
    let admin = world.sign_in(ADMIN).await;
    world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "carl@acme.com", 1).await;
    world.app.feed().read().await.unwrap();
    let own = [OWN, "/api/v1/metrics/my-workflows", "/api/v1/metrics/my-timeseries"];
    let series = format!("{CLIENT}/timeseries");
    let any = [ALL, "/api/v1/metrics/all/timeseries", CLIENT, series.as_str()];
    let asked = || any.map(|path| (path, &admin)).into_iter().chain(own.map(|path| (path, &user)));
    let mut answers = Vec::new();
    for (path, token) in asked() {
        answers.push(world.get(path, token).await);
    }
    store.close().await;
    for ((path, token), before) in asked().zip(&answers) {
        let warm = world.get(path, token).await;
        warm.expect(200);
        assert_eq!((&warm.body, warm.header("etag")), (&before.body, before.header("etag")), "{path}");
    }
    world.get(&format!("{CLIENT}/executions"), &admin).await.expect(503);
    assert!(world.app.feed().read().await.is_err());
    world.clock.advance(SECOND);
    for (path, token) in asked() {
        let away = world.get(path, token).await;
        away.expect(503);
        assert!(away.header("retry-after").is_some(), "{path}");
    }
}
