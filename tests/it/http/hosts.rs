//! One short list of cases on every host: the three programs over a port, and axum and poem at the root and under a prefix.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use flowmastery_tests::{
    program::program,
    world::{ADMIN, PASSWORD, World},
};
use flowmastery_tower::Api;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use poem::{Endpoint, EndpointExt, endpoint::TowerCompatExt};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{json as read, send, world};

const SECRET: &str = "a signing secret for tests, long enough";

/// A host with the API mounted.
enum Host {
    Axum(axum::Router),
    Poem(poem::endpoint::BoxEndpoint<'static, poem::Response>),
    Program(Program),
}

impl Host {
    async fn send(&self, request: Request<Full<bytes::Bytes>>) -> (u16, Value) {
        match self {
            Self::Axum(router) => {
                let (status, _, body) = send(router.clone(), request).await;
                (status.as_u16(), read(&body))
            }
            Self::Poem(endpoint) => {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let mut sent = poem::Request::builder().method(parts.method).uri(parts.uri);
                for (name, value) in &parts.headers {
                    sent = sent.header(name, value);
                }
                let answer = endpoint.get_response(sent.body(body)).await;
                let status = answer.status().as_u16();
                (status, read(&answer.into_body().into_bytes().await.unwrap()))
            }
            Self::Program(program) => program.send(request).await,
        }
    }
}

/// A program that listens on a port of its own, over a database with an admin; ended with the test.
struct Program {
    child: Child,
    address: String,
    _directory: TempDir,
}

impl Program {
    /// Starts the command that `args` follow, and reads from `output` where it listens.
    fn start(package: &str, name: &str, args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", directory.path().join("host.db").display());
        let made = Command::new(program("poem-standalone", "flowmastery"))
            .args(["create-admin", "--email", ADMIN])
            .current_dir(directory.path())
            .env_clear()
            .envs([("DATABASE_URL", database.as_str()), ("SECRET_KEY", SECRET), ("ADMIN_PASSWORD", PASSWORD)])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let args: Vec<_> =
            args.iter().map(|arg| if *arg == "DATABASE" { database.as_str() } else { arg }).collect();
        let mut child = Command::new(program(package, name))
            .args(args)
            .current_dir(directory.path())
            .env_clear()
            .envs([("DATABASE_URL", database.as_str()), ("SECRET_KEY", SECRET)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let address = address(&mut child).unwrap_or_else(|| panic!("{name} did not say where it listens"));
        Self { child, address, _directory: directory }
    }

    async fn send(&self, request: Request<Full<bytes::Bytes>>) -> (u16, Value) {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        #[expect(clippy::disallowed_methods, reason = "this test is a client of ours, not of n8n")]
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}{}", self.address, parts.uri);
        let answer =
            client.request(parts.method, url).headers(parts.headers).body(body).send().await.unwrap();
        (answer.status().as_u16(), read(&answer.bytes().await.unwrap()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first address that a program names: the examples in a line of their own, the standalone host in its log.
fn address(child: &mut Child) -> Option<String> {
    let (sender, found) = std::sync::mpsc::channel();
    let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child.stdout.take().map(|out| Box::new(out) as _),
        child.stderr.take().map(|out| Box::new(out) as _),
    ];
    for output in outputs.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let at = line.find("127.0.0.1:").map(|at| line.split_at(at).1);
                let address =
                    at.map(|at| at.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next());
                if let (true, Some(Some(address))) = (line.to_lowercase().contains("listen"), address) {
                    let _ = sender.send(address.to_owned());
                }
            }
        });
    }
    found.recv_timeout(std::time::Duration::from_secs(30)).ok()
}

/// The list: the same requests with the same answers, wherever the API is mounted.
async fn walk(host: &Host, prefix: &str) {
    let request =
        |method: Method, path: &str| Request::builder().method(method).uri(format!("{prefix}{path}"));
    let login = json!({ "email": ADMIN, "password": PASSWORD }).to_string();
    let login = request(Method::POST, "/api/v1/auth/login")
        .header(header::CONTENT_TYPE, "application/json")
        .body(login.into());
    let (status, signed_in) = host.send(login.unwrap()).await;
    assert_eq!(status, 200, "{signed_in}");
    let bearer = format!("Bearer {}", signed_in["access_token"].as_str().unwrap());
    for (path, expected) in [
        ("/api/v1/auth/me", 200),
        ("/api/v1/clients/?limit=1", 200),
        ("/api/v1/clients", 200),
        ("/api/v1/clients/7", 404),
        ("/api/v1/metrics/all", 200),
        ("/api/v1/metrics/my-metrics", 403),
        ("/none", 404),
        ("/", 200),
        ("/health", 200),
    ] {
        let sent = request(Method::GET, path).header(header::AUTHORIZATION, &bearer).body(Full::default());
        let (status, body) = host.send(sent.unwrap()).await;
        assert_eq!(status, expected, "{prefix}{path}: {body}");
    }
    let too_large = request(Method::POST, "/api/v1/clients/")
        .header(header::AUTHORIZATION, &bearer)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(" ".repeat(65_537)));
    assert_eq!(host.send(too_large.unwrap()).await.0, 413);
    let nobody = request(Method::GET, "/api/v1/auth/me").body(Full::default()).unwrap();
    assert_eq!(host.send(nobody).await.0, 401);
}

/// Ten failures from the other end of the connection hold it up, whatever address it claims to have.
async fn hold_up(host: &Host, prefix: &str) {
    let fail = async |number: usize| {
        let body = json!({ "email": "nobody@agency.com", "password": PASSWORD }).to_string();
        let login = Request::post(format!("{prefix}/api/v1/auth/login"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", format!("203.0.113.{number}"))
            .body(body.into());
        host.send(login.unwrap()).await.0
    };
    for number in 0..10 {
        assert_eq!(fail(number).await, 401, "{number}");
    }
    assert_eq!(fail(10).await, 429);
}

fn api(world: &World, base: &str) -> Api {
    Api::builder(world.app.clone()).base_path(base).build().unwrap()
}

#[tokio::test]
async fn axum_answers_at_the_root_and_under_a_prefix() {
    let (world, _) = world().await;
    walk(&Host::Axum(axum::Router::new().fallback_service(api(&world, ""))), "").await;
    walk(&Host::Axum(axum::Router::new().nest_service("/flow", api(&world, "/flow"))), "/flow").await;
}

#[tokio::test]
async fn poem_answers_at_the_root_and_under_a_prefix() {
    let (world, _) = world().await;
    for (mount, prefix) in [("/", ""), ("/flow", "/flow")] {
        let endpoint = poem::Route::new().nest(mount, api(&world, prefix).compat()).boxed();
        walk(&Host::Poem(endpoint), prefix).await;
    }
}

#[tokio::test]
async fn the_standalone_host_answers() {
    let program = Program::start("poem-standalone", "flowmastery", &["serve", "--bind", "127.0.0.1:0"]);
    let host = Host::Program(program);
    walk(&host, "").await;
    hold_up(&host, "").await;
}

#[tokio::test]
async fn the_axum_application_answers_under_its_prefix_and_guards_its_own_route() {
    let host = Host::Program(Program::start("axum-embedded", "axum-embedded", &["127.0.0.1:0", "DATABASE"]));
    walk(&host, "/flow").await;
    hold_up(&host, "/flow").await;
    let nobody = Request::get("/whoami").body(Full::default()).unwrap();
    assert_eq!(host.send(nobody).await.0, 401);
}

#[tokio::test]
async fn the_bare_host_answers() {
    let host = Host::Program(Program::start("hyper-bare", "hyper-bare", &["127.0.0.1:0", "DATABASE"]));
    walk(&host, "").await;
    hold_up(&host, "").await;
}
