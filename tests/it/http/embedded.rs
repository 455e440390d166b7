//! The axum application that has sessions of its own and mounts FlowMastery: one identity for both, and neither disturbs the other.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use flowmastery_tests::{
    access_log,
    program::program,
    world::{PASSWORD, World},
};
use flowmastery_tower::{Api, TraceLayer};
use http::{Method, header};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::world;

/// The admin that the application makes on its first start.
const ADMIN: &str = "admin@example.com";
/// What members sign in to the application with; FlowMastery has another for the users they stand for.
const MEMBERS_PASSWORD: &str = "a password of the application";

/// The application, over a database of its own; ended with the test.
struct Application {
    child: Child,
    address: String,
    client: reqwest::Client,
    _directory: TempDir,
}

impl Application {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", directory.path().join("application.db").display());
        let members = ["anna:PASSWORD:admin@example.com", "carl:PASSWORD:carl@acme.com"];
        let mut child = Command::new(program("axum-embedded", "axum-embedded"))
            .args(["127.0.0.1:0", &database])
            .current_dir(directory.path())
            .env_clear()
            .envs([
                ("SECRET_KEY", "a signing secret for tests, long enough"),
                ("ADMIN_PASSWORD", PASSWORD),
                ("MEMBERS", &members.join(",").replace("PASSWORD", MEMBERS_PASSWORD)),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Listening on ").expect("it says where it listens").to_owned();
        Self { child, address, client: client(), _directory: directory }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }

    /// What a page of the application's own asks for.
    fn change(&self, method: Method, path: &str, cookie: &str) -> RequestBuilder {
        self.request(method, path).header(header::COOKIE, cookie).header(header::ORIGIN, &self.address)
    }

    async fn get(&self, path: &str, cookie: &str) -> (u16, String) {
        answer(self.request(Method::GET, path).header(header::COOKIE, cookie)).await
    }

    /// Signs a member in to the application; the cookie for the next requests.
    async fn sign_in(&self, name: &str) -> String {
        let signed_in = self.try_sign_in(name, MEMBERS_PASSWORD).await;
        assert_eq!(signed_in.status(), 303);
        let cookie = signed_in.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    async fn try_sign_in(&self, name: &str, password: &str) -> reqwest::Response {
        self.try_sign_in_at("/sign-in", name, password).await
    }

    async fn try_sign_in_at(&self, place: &str, name: &str, password: &str) -> reqwest::Response {
        let form = format!("name={name}&password={}", password.replace(' ', "+"));
        let request = self.request(Method::POST, place);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(form).send().await.unwrap()
    }

    /// An access token of FlowMastery's own.
    async fn token(&self) -> String {
        let login = self.request(Method::POST, "/flow/api/v1/auth/login");
        let (status, body) = answer(login.json(&json!({ "email": ADMIN, "password": PASSWORD }))).await;
        assert_eq!(status, 200, "{body}");
        read(&body)["access_token"].as_str().unwrap().to_owned()
    }

    /// Makes a client as an admin who is signed in to the application; its id.
    async fn make_client(&self, cookie: &str, name: &str) -> i64 {
        let request = self.change(Method::POST, "/flow/api/v1/clients/", cookie);
        let (status, body) = answer(request.json(&json!({ "name": name }))).await;
        assert_eq!(status, 201, "{body}");
        read(&body)["id"].as_i64().unwrap()
    }

    /// Who was denied what, once it is written.
    async fn denials(&self, cookie: &str, count: usize) -> BTreeSet<(String, String)> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let (_, log) = self.get("/flow/api/v1/audit?action=denied", cookie).await;
            let entries = read(&log).as_array().unwrap().clone();
            assert!(entries.len() <= count && Instant::now() < deadline, "{entries:?}");
            if entries.len() == count {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let said = |entry: &Value| (text(&entry["actor_email"]), text(&entry["detail"]["attempt"]));
                return entries.iter().map(said).collect();
            }
        }
    }

    /// Makes the user of a client for whom `carl` stands; its id.
    async fn make_carl(&self, cookie: &str, client: i64) -> i64 {
        let invitation = json!({ "email": "carl@acme.com", "role": "client", "client_id": client });
        let invite = self.change(Method::POST, "/flow/api/v1/auth/invitations", cookie);
        let (_, body) = answer(invite.json(&invitation)).await;
        let link = read(&body)["accept_url"].as_str().unwrap().to_owned();
        let accept = json!({ "token": link.split_once("?token=").unwrap().1, "password": PASSWORD });
        let accepted = self.request(Method::POST, "/flow/api/v1/auth/invitations/accept").json(&accept);
        let (status, body) = answer(accepted).await;
        assert_eq!(status, 201, "{body}");
        read(&body)["user"]["id"].as_i64().unwrap()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    #[expect(clippy::disallowed_methods, reason = "this test is a client of ours, not of n8n")]
    let builder = reqwest::Client::builder();
    builder.no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn answer(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[tokio::test]
async fn the_dashboard_is_the_members_from_sign_in_to_sign_out() {
    let app = Application::start();
    let led = app.request(Method::GET, "/flow/dashboard/people").send().await.unwrap();
    let place = led.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!((led.status().as_u16(), place.as_str()), (303, "/sign-in?next=%2Fflow%2Fdashboard%2Fpeople"));
    assert!(app.get(&place, "").await.1.contains("<form method=\"post\">"));
    let signed_in = app.try_sign_in_at(&place, "anna", MEMBERS_PASSWORD).await;
    assert_eq!(signed_in.headers()[header::LOCATION], "/flow/dashboard/people");
    let cookie = signed_in.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    let (status, page) = app.get("/flow/dashboard/people", cookie).await;
    assert!(status == 200 && page.contains(ADMIN), "{status} {page}");
    let left = app.change(Method::POST, "/flow/dashboard/sign-out", cookie);
    let left = left.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(
        (left.status().as_u16(), left.headers()[header::LOCATION].to_str().unwrap()),
        (307, "/sign-out")
    );
    assert_eq!(app.change(Method::POST, "/sign-out", cookie).send().await.unwrap().status(), 303);
    assert_eq!(app.get("/flow/dashboard/people", cookie).await.0, 303);
    for elsewhere in ["https://evil.com/flow/dashboard", "//evil.com", "/members"] {
        let place = format!("/sign-in?next={elsewhere}");
        let signed_in = app.try_sign_in_at(&place, "anna", MEMBERS_PASSWORD).await;
        assert_eq!(signed_in.headers()[header::LOCATION], "/", "{elsewhere}");
    }
}

#[tokio::test]
async fn a_session_of_the_application_is_an_actor_on_its_own_routes_and_on_the_api() {
    let application = Application::start();
    assert_eq!(application.get("/whoami", "").await.0, 401);
    assert!(application.get("/", "").await.1.contains("Sign in"));
    let anna = application.sign_in("anna").await;
    assert_eq!(application.get("/whoami", &anna).await, (200, "user 1, admin".to_owned()));
    assert!(application.get("/", &anna).await.1.contains("Welcome back"));
    let (status, me) = application.get("/flow/api/v1/auth/me", &anna).await;
    assert_eq!((status, &read(&me)["email"]), (200, &ADMIN.into()));

    let client = application.make_client(&anna, "Acme Corp").await;
    let other = application.make_client(&anna, "Other").await;
    // Of nobody yet: the member is there, the user is not.
    let carl = application.sign_in("carl").await;
    assert_eq!(application.get("/whoami", &carl).await.0, 403);
    assert_eq!(application.get("/flow/api/v1/auth/me", &carl).await.0, 403);
    // To sign in once more would lead him here again.
    let (status, page) = application.get("/flow/dashboard", &carl).await;
    assert!(status == 403 && page.contains("no account for you here"), "{status} {page}");
    let user = application.make_carl(&anna, client).await;
    assert_eq!(application.get("/whoami", &carl).await, (200, format!("user {user}, client")));
    let own = application.get(&format!("/customers/{client}"), &carl).await;
    assert_eq!((own.0, own.1.contains("Acme Corp")), (200, true));
    assert_eq!(application.get(&format!("/customers/{other}"), &carl).await.0, 404);
    assert_eq!(application.get("/members", &carl).await.0, 403);
    assert_eq!(application.get("/members", &anna).await, (200, "anna\ncarl".to_owned()));
    let attempts = application.denials(&anna, 2).await;
    assert_eq!(
        attempts,
        [("carl@acme.com", "GET /customers/{client_id}"), ("carl@acme.com", "GET /members")]
            .map(|(who, what)| (who.to_owned(), what.to_owned()))
            .into()
    );

    // What FlowMastery takes from its user, the application's session has not either.
    let path = format!("/flow/api/v1/users/{user}");
    let off = application.change(Method::PATCH, &path, &anna);
    assert_eq!(answer(off.json(&json!({ "is_active": false }))).await.0, 200);
    assert_eq!(application.get("/whoami", &carl).await.0, 403);
    assert_eq!(application.get("/flow/api/v1/auth/me", &carl).await.0, 403);
}

#[tokio::test]
async fn tokens_are_good_beside_sessions_and_come_before_them() {
    let application = Application::start();
    let token = application.token().await;
    for path in ["/whoami", "/flow/api/v1/auth/me"] {
        assert_eq!(answer(application.request(Method::GET, path).bearer_auth(&token)).await.0, 200, "{path}");
    }
    let anna = application.sign_in("anna").await;
    let both = application.request(Method::GET, "/whoami").header(header::COOKIE, &anna);
    assert_eq!(answer(both.bearer_auth("forged")).await.0, 401);
}

#[tokio::test]
async fn a_session_ends_with_signing_out_and_wrong_passwords_open_none() {
    let application = Application::start();
    for (name, password) in
        [("anna", "another password, as long"), ("nobody", MEMBERS_PASSWORD), ("anna", "")]
    {
        let refused = application.try_sign_in(name, password).await;
        assert!(refused.status() == 401 && !refused.headers().contains_key(header::SET_COOKIE), "{name}");
    }
    let anna = application.sign_in("anna").await;
    let sign_out = application.change(Method::POST, "/sign-out", &anna);
    let signed_out = sign_out.send().await.unwrap();
    assert!(signed_out.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(application.get("/whoami", &anna).await.0, 401);
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing_by_a_members_session() {
    let application = Application::start();
    let token = application.token().await;
    let anna = application.sign_in("anna").await;
    let own = application.address.clone();
    for (origin, site, status) in [
        (Some("https://evil.com"), Some("cross-site"), 403),
        (Some("https://other.example.com"), Some("same-site"), 403),
        (Some("https://evil.com"), None, 403),
        (None, None, 403),
        (Some(own.as_str()), None, 201),
        (Some(own.as_str()), Some("same-origin"), 201),
    ] {
        let from = |request: RequestBuilder| {
            let headers = [(header::ORIGIN.as_str(), origin), ("sec-fetch-site", site)];
            let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
            headers.fold(request, |request, (name, value)| request.header(name, value))
        };
        let request =
            application.request(Method::POST, "/flow/api/v1/clients/").json(&json!({ "name": "A" }));
        let (answered, body) = answer(from(request.header(header::COOKIE, &anna))).await;
        assert_eq!(answered, status, "{origin:?} {site:?} {body}");
        assert_eq!(read(&body)["status"], if status == 403 { json!(403) } else { Value::Null });
        // Reading is for the browser to keep from them, and a token is nothing that a browser sends by itself.
        let request = application.request(Method::GET, "/flow/api/v1/auth/me").header(header::COOKIE, &anna);
        assert_eq!(answer(from(request)).await.0, 200, "{origin:?}");
        let request =
            application.request(Method::POST, "/flow/api/v1/clients/").json(&json!({ "name": "B" }));
        let request = request.header(header::COOKIE, &anna).bearer_auth(&token);
        assert_eq!(answer(from(request)).await.0, 201, "{origin:?}");
    }
    for path in ["/sign-out", "/sign-in"] {
        let request = application.request(Method::POST, path).header(header::COOKIE, &anna);
        let planted = request.header(header::ORIGIN, "https://evil.com").body("name=anna&password=x");
        assert_eq!(answer(planted).await.0, 403, "{path}");
    }
    assert_eq!(application.get("/whoami", &anna).await.0, 200);
}

/// Serves an application whose own route panics, with the API beside it.
async fn serve(world: &World) -> (String, tokio::task::JoinHandle<()>) {
    async fn panics() -> &'static str {
        panic!("a fault of the application's own")
    }
    let own = Router::new().route("/panics", get(panics)).layer(TraceLayer::new().route("/panics"));
    let api = Api::builder(world.app.clone()).base_path("/flow").build().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        axum::serve(listener, own.nest_service("/flow", api)).await.unwrap();
    });
    (address, serving)
}

#[tokio::test]
async fn a_panic_in_a_handler_of_the_host_does_not_disturb_the_api() {
    access_log::listen();
    let (world, admin) = world().await;
    let (address, serving) = serve(&world).await;
    let client = client();
    let ask = |number: usize| {
        let (client, address, admin) = (&client, &address, &admin);
        async move {
            let id = format!("panic-{number}");
            let panic = client.get(format!("{address}/panics")).header("x-request-id", &id).send();
            let me = client.get(format!("{address}/flow/api/v1/auth/me")).bearer_auth(admin).send();
            let (panic, me) = tokio::join!(panic, me);
            assert!(panic.is_err(), "the connection ends with the handler");
            assert_eq!(me.unwrap().status(), 200);
            let [line] = <[_; 1]>::try_from(access_log::take(&id)).unwrap();
            assert!(line["route"] == "\"/panics\"" && !line.contains_key("status"), "{line:?}");
        }
    };
    let asked = futures_util::future::join_all((0..20).map(ask));
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
    let health = client.get(format!("{address}/flow/health")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    serving.abort();
}
