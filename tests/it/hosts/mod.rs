//! The same API on every host: a list of requests with exact answers, who is at the other end of a connection, and the end in order.
//!
//! `answers.txt` has the answers, and `pages.txt` those of the dashboard, with `{base}` for where the API is mounted. After a change that is meant, write it anew:
//! `FLOWMASTERY_WRITE_SNAPSHOTS=1 scripts/test -p flowmastery-tests --test it -- hosts::axum_ hosts::pages::pages_`, and read what `git diff` shows.

mod answer;
mod cases;
mod pages;
mod program;
mod served;

use std::{fs, path::Path};

use flowmastery_tests::{snapshot, world::PASSWORD};
use futures_util::stream;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use self::{
    answer::{Answer, Remembered, filled, masked},
    cases::{Case, Who, walk},
    program::Program,
    served::{Framework, exact_world, serve},
};

fn answers() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/it/hosts/answers.txt"))
}

/// What every host has to answer that has the API there.
fn expected(base: &str) -> String {
    fs::read_to_string(answers()).unwrap().replace("{base}", base)
}

/// A client that speaks one version of HTTP to one place.
struct Caller {
    client: reqwest::Client,
    url: String,
}

impl Caller {
    fn new(address: &str, base: &str, is_http2: bool) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this test is a client of ours, not of n8n")]
        let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let builder = if is_http2 { builder.http2_prior_knowledge() } else { builder };
        Self { client: builder.build().unwrap(), url: format!("http://{address}{base}") }
    }

    async fn ask(&self, number: usize, case: &Case, remembered: &Remembered) -> Answer {
        let url = format!("{}{}", self.url, filled(case.path, remembered));
        let mut request = self.client.request(case.method.clone(), url);
        request = request.header("x-request-id", format!("case-{number}"));
        match case.who {
            Who::Nobody => {}
            Who::Admin => request = request.bearer_auth(&remembered["admin"]),
            Who::Carl => request = request.bearer_auth(&remembered["carl"]),
            Who::Stranger => request = request.bearer_auth("no.token.ofours"),
        }
        for (name, value) in &case.headers {
            request = request.header(name, filled(value, remembered));
        }
        if let Some(body) = &case.body {
            let body = filled(body, remembered);
            request = match case.is_sized {
                true => request.body(body),
                false => {
                    let chunks: Vec<_> = body.as_bytes().chunks(10_000).map(<[u8]>::to_vec).collect();
                    let chunks = stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
                    request.body(reqwest::Body::wrap_stream(chunks))
                }
            };
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, body: answer.bytes().await.unwrap() }
    }

    async fn walk(&self) -> String {
        walk(async |number, case, remembered| self.ask(number, case, remembered).await).await
    }
}

/// Where it answers: at the root, and below a prefix.
const BASES: [&str; 2] = ["/flow", ""];

async fn answers_as_written(framework: Framework, has_http2: bool) {
    for base in BASES {
        for is_http2 in [false, true] {
            if is_http2 && !has_http2 {
                continue;
            }
            let world = exact_world().await;
            let served = serve(framework, &world, base).await;
            let walked = Caller::new(&served.address.to_string(), base, is_http2).walk().await;
            if snapshot::is_writing() && !base.is_empty() {
                fs::write(answers(), walked.replace(base, "{base}")).unwrap();
            }
            snapshot::assert_same(&expected(base), &walked);
        }
    }
}

#[tokio::test]
async fn axum_answers_as_written() {
    answers_as_written(Framework::Axum, true).await;
}

#[tokio::test]
async fn poem_answers_as_written() {
    answers_as_written(Framework::Poem, true).await;
}

#[tokio::test]
async fn hyper_alone_answers_as_written_though_it_takes_no_prefix_off() {
    answers_as_written(Framework::Hyper, true).await;
}

#[tokio::test]
async fn salvo_answers_as_written_though_it_takes_no_prefix_off() {
    answers_as_written(Framework::Salvo, true).await;
}

/// A program's answers but for what time and chance say; and ten failures from the other end of the connection hold it up, whatever address it claims to
/// have.
async fn program_answers_as_written(program: &Program, base: &str) {
    let caller = Caller::new(&program.address, base, false);
    snapshot::assert_same(&masked(&expected(base)), &masked(&caller.walk().await));
    let fail = async |number: usize| {
        let body = json!({ "email": "somebody@agency.com", "password": PASSWORD });
        let login = caller.client.post(format!("{}/api/v1/auth/login", caller.url));
        let login = login.header("x-forwarded-for", format!("203.0.113.{number}")).json(&body);
        login.send().await.unwrap().status().as_u16()
    };
    for number in 0..10 {
        assert_eq!(fail(number).await, 401, "{number}");
    }
    assert_eq!(fail(10).await, 429);
}

#[tokio::test]
async fn the_standalone_program_answers_as_written_below_the_path_of_its_public_url() {
    let settings = [("PUBLIC_URL", "http://127.0.0.1/flow"), ("DOCS", "true")];
    let program = Program::start("poem-standalone", &["serve", "--bind", "127.0.0.1:0"], &settings).await;
    program_answers_as_written(&program, "/flow").await;
}

#[tokio::test]
async fn the_axum_program_answers_as_written_and_guards_its_own_route() {
    let program = Program::start("axum-embedded", &["127.0.0.1:0", "DATABASE"], &[]).await;
    program_answers_as_written(&program, "/flow").await;
    let caller = Caller::new(&program.address, "", false);
    let nobody = caller.client.get(format!("{}/whoami", caller.url)).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn the_bare_program_answers_as_written() {
    let program = Program::start("hyper-bare", &["127.0.0.1:0", "DATABASE"], &[]).await;
    program_answers_as_written(&program, "").await;
}

#[tokio::test]
async fn the_salvo_program_answers_as_written() {
    let program = Program::start("salvo-mounted", &["127.0.0.1:0", "DATABASE"], &[]).await;
    program_answers_as_written(&program, "/flow").await;
}

/// Stops a program while one caller sends a request that never comes to its end and another keeps an idle connection.
async fn ends_in_order(mut program: Program, base: &str) {
    let caller = Caller::new(&program.address, base, false);
    let health = async || caller.client.get(format!("{}/health/live", caller.url)).send().await;
    assert_eq!(health().await.unwrap().status(), 200);
    let mut slow = TcpStream::connect(&program.address).await.unwrap();
    let head = format!(
        "POST {base}/api/v1/auth/login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    );
    let head = format!("{head}expect: 100-continue\r\ncontent-length: 100\r\n\r\n");
    slow.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body when the endpoint reads it, so from here on the request is under way.
    let mut asked = [0; 12];
    slow.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    slow.write_all(b"{").await.unwrap();
    program.interrupt();
    assert!(program.ended().await.success());
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap_or_default();
    assert!(health().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn the_standalone_program_ends_in_order() {
    let program = Program::start("poem-standalone", &["serve", "--bind", "127.0.0.1:0"], &[]).await;
    ends_in_order(program, "").await;
}

#[tokio::test]
async fn the_axum_program_ends_in_order() {
    ends_in_order(Program::start("axum-embedded", &["127.0.0.1:0", "DATABASE"], &[]).await, "/flow").await;
}

#[tokio::test]
async fn the_bare_program_ends_in_order() {
    ends_in_order(Program::start("hyper-bare", &["127.0.0.1:0", "DATABASE"], &[]).await, "").await;
}

#[tokio::test]
async fn the_salvo_program_ends_in_order() {
    ends_in_order(Program::start("salvo-mounted", &["127.0.0.1:0", "DATABASE"], &[]).await, "/flow").await;
}
