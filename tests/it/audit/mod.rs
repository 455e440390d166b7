//! The audit log over HTTP: what leaves an entry, what is in it and what never is, who reads it, and how long it stays.

mod transactions;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, Instant},
};

use flowmastery_core::{
    access::actor::Actor,
    clock::{Clock, Timestamp},
    id::{ClientId, UserId},
    model::{
        audit::{AuditAction, AuditFilter},
        outbox::{NewReset, NewResetRequest, SealedMail},
        session::TokenHash,
    },
    page::PageRequest,
    secret::{MailKey, Sealed},
};
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, Answer, PASSWORD, World},
};
use flowmastery_tower::PeerAddress;
use http::{Method, Request, header};
use http_body_util::Full;
use n8n_simulator::{FakeN8n, Run};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const LOGIN: &str = "POST /api/v1/auth/login";
const WRONG: &str = "not the password";
/// What could be in an entry by mistake. No value of another kind holds one of these.
const CLIENT_PASSWORD: &str = "a client's password";
const NEW_PASSWORD: &str = "another good password";

/// A world whose requests come from [`ADDRESS`] with an id each.
struct Audited {
    world: World,
    requests: usize,
    /// Whatever must stand in no entry.
    secrets: BTreeSet<String>,
}

impl Audited {
    async fn new(backend: Backend) -> Self {
        let secrets = [PASSWORD, WRONG, CLIENT_PASSWORD, NEW_PASSWORD].map(str::to_owned).into();
        Self { world: World::new(backend.store().await).await, requests: 0, secrets }
    }

    /// Sends a request; its answer and its id.
    async fn send(&mut self, what: &str, token: Option<&str>, body: Option<Value>) -> (Answer, String) {
        let (method, path) = what.split_once(' ').unwrap();
        self.requests += 1;
        let id = format!("audited-{}", self.requests);
        let mut request = Request::builder()
            .method(method.parse::<Method>().unwrap())
            .uri(path)
            .extension(PeerAddress(ADDRESS))
            .header("x-request-id", &id);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        (self.world.send(request.body(Full::from(body)).unwrap()).await, id)
    }

    /// Sends a request that must be answered so and leave one entry of this action.
    async fn act(
        &mut self,
        what: &str,
        token: Option<&str>,
        body: Option<Value>,
        expected: (u16, &str),
    ) -> (Value, Value) {
        let (answer, id) = self.send(what, token, body).await;
        let answer = answer.expect(expected.0);
        let entry = self.entry_of(&id).await;
        assert_eq!(entry["action"], expected.1, "{entry}");
        for token in ["access_token", "refresh_token"] {
            self.secrets.extend(answer[token].as_str().map(str::to_owned));
        }
        (answer, entry)
    }

    /// The one entry of a request; some are written beside it.
    async fn entry_of(&self, request_id: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let mut entries = self.entries().await;
            entries.retain(|entry| entry["request_id"] == request_id);
            assert!(entries.len() < 2 && Instant::now() < deadline, "{entries:?}");
            if let Some(entry) = entries.pop() {
                assert_eq!(entry["address"], ADDRESS.to_string(), "{entry}");
                return entry;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The newest entries.
    async fn entries(&self) -> Vec<Value> {
        let page = PageRequest::new(Some(250), None).unwrap();
        let admin = Actor::admin(UserId(1));
        let listed = self.world.app.audit().list(admin, &AuditFilter::default(), page).await.unwrap();
        listed.items.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect()
    }

    /// Waits until there are so many entries of an action, which must not become more.
    async fn wait_for(&self, action: &str, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let entries = self.entries().await;
            let found = entries.iter().filter(|entry| entry["action"] == action).count();
            assert!(found <= count && Instant::now() < deadline, "{found} of {action}");
            if found == count {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn sign_in(&mut self, email: &str, password: &str) -> (String, String) {
        let body = json!({ "email": email, "password": password });
        let (answer, entry) = self.act(LOGIN, None, Some(body), (200, "signed_in")).await;
        assert_eq!(
            (&entry["actor_id"], &entry["actor_email"]),
            (&answer["user"]["id"], &answer["user"]["email"])
        );
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }

    /// Makes a password reset as the outbox does, and confirms it.
    async fn reset_password(&mut self, user: UserId) {
        let store = self.world.store.clone();
        let sealed = Sealed::from_stored("v1:test:mail".to_owned());
        let mail = SealedMail { key: MailKey::from_stored("1").unwrap(), sealed };
        let now = self.world.clock.now();
        let until = now.plus(Duration::from_secs(600));
        let request =
            NewResetRequest { mail: mail.clone(), address_digest: "any".to_owned(), created_at: now };
        assert!(store.queue_reset_request(request, 9).await.unwrap());
        let scope = Actor::admin(UserId(1)).scope();
        let leased = store.lease_mails(scope, (now, until), 9).await.unwrap().remove(0);
        let token = TokenHash::of("the token of a mailed link");
        let reset = NewReset { user, token, mail, created_at: now, expires_at: until };
        assert!(store.open_reset(scope, leased.lease, reset).await.unwrap());
        let body = json!({ "token": "the token of a mailed link", "password": NEW_PASSWORD });
        let path = "POST /api/v1/auth/password-reset/confirm";
        let (_, entry) = self.act(path, None, Some(body), (204, "password_reset")).await;
        assert_eq!(entry["actor_id"], user.0);
        self.secrets.insert("the token of a mailed link".to_owned());
    }

    fn assert_no_secret_in(&self, text: &str) {
        for secret in &self.secrets {
            assert!(!text.contains(secret.as_str()), "{secret} is in {text}");
        }
    }
}

async fn every_action_leaves_one_entry_that_says_who_and_from_where_and_no_secret(backend: Backend) {
    let mut audited = Audited::new(backend).await;
    let (admin, _) = audited.sign_in(ADMIN, PASSWORD).await;
    let admin = Some(admin.as_str());
    let client = clients(&mut audited, admin).await;
    let carl = people(&mut audited, admin, client).await;
    audited.reset_password(UserId(carl)).await;
    sessions(&mut audited).await;
    let deactivated = Some(json!({ "is_active": false }));
    let path = format!("PATCH /api/v1/users/{carl}");
    let (_, entry) = audited.act(&path, admin, deactivated, (200, "user_updated")).await;
    assert_eq!(entry["detail"]["is_active"], json!({ "from": true, "to": false }));
    failures(&mut audited).await;
    audited.act(&format!("DELETE /api/v1/users/{carl}"), admin, None, (204, "user_deleted")).await;
    let path = format!("DELETE /api/v1/clients/{client}");
    audited.act(&path, admin, None, (204, "client_deleted")).await;
    let entries = audited.entries().await;
    let written: BTreeSet<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    // Those that have no route here: some come with routes of their own, and others from the host's commands.
    let elsewhere = ["rewrap_begun", "import_begun", "denied", "left_out"];
    let expected = AuditAction::NAMES.iter().copied().filter(|name| !elsewhere.contains(name));
    assert_eq!(written, expected.collect());
    assert!(entries.iter().all(|entry| entry["action"] == "admin_created" || !entry["request_id"].is_null()));
    audited.assert_no_secret_in(&json!(entries).to_string());
}

/// Makes a client with an n8n; its id.
async fn clients(audited: &mut Audited, admin: Option<&str>) -> i64 {
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Any");
    let start = Timestamp::parse("2026-03-10T11:00:00.000Z").unwrap();
    n8n.state().add(Run::ended(&workflow, "success", start, 1000));
    audited.secrets.insert(n8n.key());
    let name = |name: &str| Some(json!({ "name": name }));
    let (made, entry) =
        audited.act("POST /api/v1/clients/", admin, name("Acme"), (201, "client_created")).await;
    let client = made["id"].as_i64().unwrap();
    assert_eq!((&entry["actor_email"], &entry["client_id"]), (&json!(ADMIN), &json!(client)));
    let one = format!("/api/v1/clients/{client}");
    audited.act(&format!("PUT {one}"), admin, name("Acme Corp"), (200, "client_renamed")).await;
    let config = Some(json!({ "n8n_api_url": n8n.url(), "n8n_api_key": n8n.key() }));
    let (_, entry) =
        audited.act(&format!("POST {one}/n8n-config"), admin, config, (200, "n8n_key_set")).await;
    assert_eq!(entry["detail"], json!({ "n8n": n8n.url().trim_end_matches("/api/v1") }));
    audited.world.collect(client).await;
    let path = format!("PATCH /api/v1/metrics/client/{client}/workflows/{workflow}");
    let minutes = Some(json!({ "time_saved_per_execution_minutes": 5 }));
    audited.act(&path, admin, minutes, (200, "time_saved_set")).await;
    audited.act(&format!("DELETE {one}/n8n-config"), admin, None, (204, "n8n_key_removed")).await;
    client
}

/// Invites a user of a client, who accepts; the user's id.
async fn people(audited: &mut Audited, admin: Option<&str>, client: i64) -> i64 {
    let invite = Some(json!({ "email": "carl@acme.com", "role": "client", "client_id": client }));
    let path = "POST /api/v1/auth/invitations";
    let (made, _) = audited.act(path, admin, invite.clone(), (201, "invitation_created")).await;
    let one = format!("/api/v1/auth/invitations/{}", made["id"]);
    let (made, _) = audited.act(&format!("POST {one}/resend"), admin, None, (200, "invitation_resent")).await;
    audited.secrets.insert(made["accept_url"].as_str().unwrap().to_owned());
    let (_, entry) = audited.act(&format!("DELETE {one}"), admin, None, (204, "invitation_revoked")).await;
    assert_eq!((&entry["detail"]["email"], &entry["client_id"]), (&json!("carl@acme.com"), &json!(client)));
    let (made, _) = audited.act(path, admin, invite, (201, "invitation_created")).await;
    let token = made["accept_url"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned();
    audited.secrets.insert(token.clone());
    let accept = Some(json!({ "token": token, "password": CLIENT_PASSWORD }));
    let path = "POST /api/v1/auth/invitations/accept";
    let (made, entry) = audited.act(path, None, accept, (201, "invitation_accepted")).await;
    assert_eq!((&entry["actor_id"], &entry["client_id"]), (&made["user"]["id"], &json!(client)));
    made["user"]["id"].as_i64().unwrap()
}

/// Signs in, stays signed in, signs out, and is robbed.
async fn sessions(audited: &mut Audited) {
    let (access, refresh) = audited.sign_in("carl@acme.com", NEW_PASSWORD).await;
    let change = Some(json!({ "current_password": NEW_PASSWORD, "new_password": CLIENT_PASSWORD }));
    let (_, entry) =
        audited.act("PUT /api/v1/auth/password", Some(&access), change, (204, "password_changed")).await;
    assert_eq!(entry["actor_email"], "carl@acme.com");
    audited.sign_in("carl@acme.com", CLIENT_PASSWORD).await;
    let (listed, _) = audited.send("GET /api/v1/auth/sessions", Some(&access), None).await;
    let other = format!("DELETE /api/v1/auth/sessions/{}", listed.expect(200)[0]["id"]);
    audited.act(&other, Some(&access), None, (204, "signed_out")).await;
    audited.act("POST /api/v1/auth/logout", Some(&access), None, (204, "signed_out")).await;
    let (_, stolen) = audited.sign_in("carl@acme.com", CLIENT_PASSWORD).await;
    let path = "POST /api/v1/auth/refresh";
    let mut token = stolen.clone();
    for _ in 0..2 {
        let (answer, _) = audited.send(path, None, Some(json!({ "refresh_token": token }))).await;
        token = answer.expect(200)["refresh_token"].as_str().unwrap().to_owned();
        audited.secrets.insert(token.clone());
    }
    let replay = Some(json!({ "refresh_token": stolen }));
    let (_, entry) = audited.act(path, None, replay, (401, "refresh_replayed")).await;
    assert_eq!((&entry["actor_email"], &entry["subject_kind"]), (&json!("carl@acme.com"), &json!("session")));
    audited.secrets.extend([refresh, access]);
}

/// What changes nothing, by people who are not signed in. Carl is not active.
async fn failures(audited: &mut Audited) {
    for (email, password, reason, tried) in [
        ("Nobody@acme.com", WRONG, "unknown", json!("nobody@acme.com")),
        (ADMIN, WRONG, "wrong_password", json!(ADMIN)),
        ("carl@acme.com", CLIENT_PASSWORD, "inactive", json!("carl@acme.com")),
        // A password in the field of the address.
        (CLIENT_PASSWORD, WRONG, "unknown", Value::Null),
    ] {
        let body = Some(json!({ "email": email, "password": password }));
        let (_, entry) = audited.act(LOGIN, None, body, (401, "sign_in_failed")).await;
        assert_eq!(entry["detail"], json!({ "reason": reason, "email": tried }));
        assert_eq!(entry["subject_kind"].is_null(), reason == "unknown");
        assert!(entry["actor_id"].is_null(), "nobody is signed in");
    }
    let body = Some(json!({ "email": "Nobody@acme.com" }));
    let path = "POST /api/v1/auth/password-reset";
    let (_, entry) = audited.act(path, None, body, (202, "password_reset_requested")).await;
    assert_eq!(entry["detail"], json!({ "email": "nobody@acme.com" }));
}

async fn denials_are_noted_and_what_is_not_there_for_anybody_is_not(backend: Backend) {
    let mut audited = Audited::new(backend).await;
    let (admin, _) = audited.sign_in(ADMIN, PASSWORD).await;
    let (ours, theirs) =
        (audited.world.client(&admin, "Acme").await, audited.world.client(&admin, "Other").await);
    let carl = audited.world.client_user(&admin, "carl@acme.com", ours).await;
    let (admin, carl) = (Some(admin.as_str()), Some(carl.as_str()));
    let denied = (403, "denied");
    let (_, entry) = audited.act("GET /api/v1/users/", carl, None, denied).await;
    assert_eq!(entry["detail"], json!({ "attempt": "GET /api/v1/users/" }));
    assert_eq!((&entry["actor_email"], &entry["client_id"]), (&json!("carl@acme.com"), &json!(ours)));
    let (_, entry) = audited.act("GET /api/v1/metrics/my-metrics", admin, None, denied).await;
    assert_eq!((&entry["client_id"], &entry["subject_id"]), (&Value::Null, &Value::Null));
    for (path, template) in [
        (format!("/api/v1/clients/{theirs}"), "/api/v1/clients/{client_id}"),
        (format!("/api/v1/metrics/client/{theirs}?period=7d"), "/api/v1/metrics/client/{client_id}"),
        // Whether there is one is not for the caller to know.
        ("/api/v1/clients/99".to_owned(), "/api/v1/clients/{client_id}"),
    ] {
        let (_, entry) = audited.act(&format!("GET {path}"), carl, None, (404, "denied")).await;
        assert_eq!(entry["detail"], json!({ "attempt": format!("GET {template}") }));
        assert_eq!((&entry["subject_kind"], &entry["client_id"]), (&json!("client"), &json!(ours)));
    }
    let path = format!("DELETE /api/v1/clients/{theirs}");
    let (_, entry) = audited.act(&path, carl, None, denied).await;
    assert_eq!(entry["subject_id"], theirs);
    for (path, token, status) in [
        ("/api/v1/clients/99", admin, 404),
        ("/api/v1/clients/none", carl, 404),
        ("/api/v1/nothing", carl, 404),
        ("/api/v1/users/", None, 401),
        ("/api/v1/users/", Some("no.token.ofours"), 401),
        ("/api/v1/users/99", admin, 404),
    ] {
        audited.send(&format!("GET {path}"), token, None).await.0.expect(status);
    }
    // Another denial would be behind those that are not noted.
    audited.act("GET /api/v1/clients/", carl, None, denied).await;
    audited.wait_for("denied", 7).await;
}

async fn a_flood_leaves_ten_entries_a_minute_and_one_that_counts_the_rest(backend: Backend) {
    let mut audited = Audited::new(backend).await;
    let (admin, _) = audited.sign_in(ADMIN, PASSWORD).await;
    // Each of another account, since one is throttled after ten.
    let body = |n: usize| Some(json!({ "email": format!("nobody{n}@acme.com"), "password": WRONG }));
    for n in 0..25 {
        audited.send(LOGIN, None, body(n)).await.0.expect(401);
        audited.send("GET /api/v1/metrics/my-metrics", Some(&admin), None).await.0.expect(403);
    }
    for action in ["sign_in_failed", "denied"] {
        audited.wait_for(action, 10).await;
    }
    audited.world.clock.advance(Duration::from_secs(61));
    audited.act(LOGIN, None, body(25), (401, "sign_in_failed")).await;
    audited.wait_for("left_out", 1).await;
    let entries = audited.entries().await;
    let left_out = entries.iter().find(|entry| entry["action"] == "left_out").unwrap();
    assert_eq!(left_out["detail"], json!({ "sign_in_failed": 15, "denied": 15 }));
}

async fn guesses_that_are_held_up_and_those_within_a_session_are_noted(backend: Backend) {
    let mut audited = Audited::new(backend).await;
    let (admin, _) = audited.sign_in(ADMIN, PASSWORD).await;
    let body = Some(json!({ "current_password": WRONG, "new_password": CLIENT_PASSWORD }));
    let path = "PUT /api/v1/auth/password";
    let (_, entry) = audited.act(path, Some(&admin), body, (422, "sign_in_failed")).await;
    assert_eq!(entry["detail"], json!({ "reason": "current_password", "email": ADMIN }));
    let body = || Some(json!({ "email": "nobody@acme.com", "password": WRONG }));
    for _ in 0..10 {
        audited.send(LOGIN, None, body()).await.0.expect(401);
    }
    audited.wait_for("sign_in_failed", 11).await;
    audited.world.clock.advance(Duration::from_secs(61));
    let (_, entry) = audited.act(LOGIN, None, body(), (429, "sign_in_failed")).await;
    assert_eq!(entry["detail"], json!({ "reason": "throttled", "email": "nobody@acme.com" }));
}

async fn a_host_that_stops_waits_for_what_is_noted_and_counted(backend: Backend) {
    let mut audited = Audited::new(backend).await;
    let (admin, _) = audited.sign_in(ADMIN, PASSWORD).await;
    for _ in 0..12 {
        audited.send("GET /api/v1/metrics/my-metrics", Some(&admin), None).await.0.expect(403);
    }
    audited.world.app.settle().await;
    let entries = audited.entries().await;
    let of = |action: &str| entries.iter().filter(|entry| entry["action"] == action).collect::<Vec<_>>();
    assert_eq!(of("denied").len(), 10);
    assert_eq!(of("left_out")[0]["detail"], json!({ "denied": 2 }));
}

/// A browser's request from a page of another origin is refused to somebody who is known.
async fn a_page_of_another_origin_is_noted_with_whose_cookie_it_used(backend: Backend) {
    let mut audited = Audited::new(backend).await;
    let (admin, _) = audited.sign_in(ADMIN, PASSWORD).await;
    let request = Request::post("/api/v1/auth/logout")
        .header(header::ORIGIN, "https://evil.com")
        .header(header::COOKIE, format!("__Host-flowmastery_access={admin}"));
    audited.world.send(request.body(Full::default()).unwrap()).await.expect(403);
    audited.world.app.settle().await;
    let entry = audited.entries().await.remove(0);
    assert_eq!((&entry["action"], &entry["actor_email"]), (&json!("denied"), &json!(ADMIN)));
    assert_eq!(entry["detail"], json!({ "attempt": "POST /api/v1/auth/logout" }));
}

async fn old_entries_are_removed_and_others_stay(backend: Backend) {
    let mut audited = Audited::new(backend).await;
    // Long ago by the database's own clock, too.
    audited.world.clock.set(Timestamp::parse("2020-01-01T00:00:00Z").unwrap());
    let (admin, _) = audited.sign_in(ADMIN, PASSWORD).await;
    audited.world.client(&admin, "Acme").await;
    let stop = CancellationToken::new();
    for (days, gone) in [(365, 0), (1, 2), (1, 0)] {
        audited.world.clock.advance(Duration::from_secs(days * 24 * 60 * 60));
        assert_eq!(audited.world.app.audit().sweep(&stop).await.unwrap(), gone);
    }
    let left: Vec<_> = audited.entries().await.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(left, ["admin_created"]);
}

both_backends!(
    every_action_leaves_one_entry_that_says_who_and_from_where_and_no_secret,
    denials_are_noted_and_what_is_not_there_for_anybody_is_not,
    a_flood_leaves_ten_entries_a_minute_and_one_that_counts_the_rest,
    guesses_that_are_held_up_and_those_within_a_session_are_noted,
    a_host_that_stops_waits_for_what_is_noted_and_counted,
    a_page_of_another_origin_is_noted_with_whose_cookie_it_used,
    old_entries_are_removed_and_others_stay,
);

/// The actions that a path lists, and where its link leads.
async fn listed(world: &World, admin: &str, path: &str) -> (Vec<String>, Option<String>) {
    let answer = world.get(path, admin).await;
    let entries = answer.expect(200);
    let actions =
        entries.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned());
    let next = answer
        .header("link")
        .map(|link| link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned());
    (actions.collect(), next)
}

#[tokio::test]
async fn admins_read_it_page_by_page_and_filtered() {
    let world = World::new(Backend::Sqlite.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let acme = world.client(&admin, "Acme").await;
    world.clock.advance(Duration::from_secs(3600));
    let admin = world.sign_in(ADMIN).await;
    let other = world.client(&admin, "Other").await;
    let carl = world.client_user(&admin, "carl@acme.com", acme).await;
    world.get("/api/v1/audit", &carl).await.expect(403);
    let all = async |query: &str| {
        let (mut path, mut seen) = (Some(format!("/api/v1/audit?limit=2{query}")), Vec::new());
        while let Some(next) = path {
            let (actions, link) = listed(&world, &admin, &next).await;
            seen.extend(actions);
            path = link;
        }
        seen.retain(|action| action != "denied");
        seen.join(" ")
    };
    let later = "invitation_accepted invitation_created client_created signed_in";
    assert_eq!(all("").await, format!("{later} client_created signed_in admin_created"));
    assert_eq!(all("&from=2026-03-10T13:00:00Z").await, later);
    assert_eq!(
        all("&from=2026-03-10&to=2026-03-10T13:00:00Z").await,
        "client_created signed_in admin_created"
    );
    assert_eq!(all("&to=2026-03-10").await, "");
    assert_eq!(all("&action=client_created").await, "client_created client_created");
    assert_eq!(all(&format!("&client_id={other}")).await, "client_created");
    assert_eq!(all("&actor_id=2").await, "invitation_accepted");
    assert_eq!(
        all(&format!("&actor_id=1&client_id={acme}&action=invitation_created")).await,
        "invitation_created"
    );
    let faults =
        world.get("/api/v1/audit?action=x&actor_id=y&from=z&limit=0&more=1", &admin).await.expect(422);
    let fields = faults["errors"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap());
    assert_eq!(fields.collect::<BTreeSet<_>>(), ["action", "actor_id", "from", "limit", "more"].into());
    let scope = Actor::client_user(UserId(2), ClientId(acme)).scope();
    let own = world.store.list_audit(scope, &AuditFilter::default(), PageRequest::default()).await.unwrap();
    assert!(own.items.iter().all(|entry| entry.client_id == Some(ClientId(acme))) && !own.items.is_empty());
}
