//! The client against a small server on loopback that answers what each case says, byte by byte.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::{
    clock::Timestamp,
    model::{execution::Status, freshness::ConnectionStatus, instance::InstanceUrl},
};

const KEY: &str = "a-key-that-must-not-leak";

const EMPTY: &str = r#"{"data":[],"nextCursor":null}"#;

/// [`EMPTY`] and 100,000 spaces, compressed.
const GZIPPED_EMPTY_PAGE: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 74, 73, 44, 73, 84, 178, 138, 142, 213, 81, 202, 75, 173, 40,
    113, 46, 45, 42, 206, 47, 82, 178, 202, 43, 205, 201, 169, 5, 0, 183, 122, 236, 116, 29, 0, 0, 0,
];
const GZIPPED_SPACES: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 237, 193, 49, 1, 0, 0, 0, 194, 160, 42, 235, 159, 210, 26, 30, 64, 1, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 175, 6, 45, 240, 121, 202,
    160, 134, 1, 0,
];

/// What the server does with a connection once it has read the request.
#[derive(Clone)]
enum Reply {
    Bytes(Vec<u8>),
    /// Sends this again and again.
    Endless(&'static str),
    /// Sends this and nothing more, with the connection open.
    Stall(&'static str),
    /// Sends this, and then a space now and then.
    Drip(&'static str),
}

fn reply(status: u16, headers: &str, body: &[u8]) -> Reply {
    let head = format!(
        "HTTP/1.1 {status} -\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    Reply::Bytes([head.as_bytes(), body].concat())
}

fn json(status: u16, body: &str) -> Reply {
    reply(status, "Content-Type: application/json; charset=utf-8\r\n", body.as_bytes())
}

fn html(status: u16, body: &str) -> Reply {
    reply(status, "Content-Type: text/html; charset=utf-8\r\n", body.as_bytes())
}

#[derive(Default)]
struct Log {
    requests: Mutex<Vec<String>>,
}

/// Answers the first request with the first reply and so on, and further ones with the last.
struct Server {
    origin: String,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Log::default());
        let task = tokio::spawn(accept(listener, replies, Arc::clone(&log)));
        Self { origin, log, task }
    }

    fn instance(&self) -> Instance {
        Instance { url: InstanceUrl::parse(&self.origin).unwrap(), key: KEY.into() }
    }

    fn requests(&self) -> Vec<String> {
        self.log.requests.lock().unwrap().clone()
    }

    /// Method and target of every request.
    fn targets(&self) -> Vec<String> {
        let line =
            |request: &String| request.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        self.requests().iter().map(line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, replies: Vec<Reply>, log: Arc<Log>) {
    let mut connections = tokio::task::JoinSet::new();
    for number in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        let reply = replies[number.min(replies.len() - 1)].clone();
        connections.spawn(answer(stream, reply, Arc::clone(&log)));
    }
}

async fn answer(mut stream: TcpStream, reply: Reply, log: Arc<Log>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer).await {
            Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    log.requests.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    match reply {
        Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Endless(part) => while stream.write_all(part.as_bytes()).await.is_ok() {},
        Reply::Drip(part) => {
            let mut sent = stream.write_all(part.as_bytes()).await;
            let mut now_and_then = tokio::time::interval(Duration::from_millis(10));
            while sent.is_ok() {
                now_and_then.tick().await;
                sent = stream.write_all(b" ").await;
            }
        }
        Reply::Stall(part) => {
            drop(stream.write_all(part.as_bytes()).await);
            // Ends when the client goes away.
            drop(stream.read(&mut [0]).await);
        }
    }
}

/// Fills with one byte: with zeros nothing is waited for between tries, with 0xff the longest.
#[derive(Debug)]
struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        buffer.fill(self.0);
        Ok(())
    }
}

fn config(outbound: OutboundPolicy, byte: u8) -> HttpN8nConfig {
    let limits = HttpN8nLimits::default();
    HttpN8nConfig { outbound, extra_ca_pem: None, entropy: Arc::new(Fixed(byte)), limits }
}

fn client() -> HttpN8n {
    HttpN8n::new(config(OutboundPolicy::development(), 0)).unwrap()
}

fn limited(limits: HttpN8nLimits) -> HttpN8n {
    HttpN8n::new(HttpN8nConfig { limits, ..config(OutboundPolicy::development(), 0) }).unwrap()
}

/// What the client makes of these replies to a list, and how many requests it took.
async fn listed(replies: Vec<Reply>) -> (Result<N8nPage<Execution>, N8nError>, usize) {
    let server = Server::start(replies).await;
    let result = client().executions(&server.instance(), &ExecutionQuery::default()).await;
    let requests = server.requests().len();
    (result, requests)
}

/// The class of the failure that this reply ends in, and how many requests it took. Its texts hold nothing that was sent.
async fn failure(reply: Reply) -> (ConnectionStatus, usize) {
    let (result, requests) = listed(vec![reply]).await;
    let error = result.unwrap_err();
    let texts = format!("{error} {error:?}");
    assert!(!texts.contains("upstream") && !texts.contains(KEY), "{texts}");
    (error.status, requests)
}

#[tokio::test]
async fn every_page_is_asked_for_with_limit_filter_and_encoded_cursor() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    let (client, instance) = (client(), server.instance());
    let cursor = N8nCursor("eyJsYXN0/SWQ+Ig==".to_owned());
    let query = ExecutionQuery {
        status: Some(Status::Running),
        started_after: Timestamp::parse("2026-11-22T00:00:00Z"),
        cursor: Some(cursor.clone()),
    };
    client.executions(&instance, &ExecutionQuery::default()).await.unwrap();
    client.executions(&instance, &query).await.unwrap();
    client.workflows(&instance, Some(&cursor)).await.unwrap();
    let expected = [
        "GET /api/v1/executions?limit=250",
        "GET /api/v1/executions?limit=250&status=running&startedAfter=2026-11-22T00%3A00%3A00.000Z&cursor=eyJsYXN0%2FSWQ%2BIg%3D%3D",
        "GET /api/v1/workflows?limit=250&excludePinnedData=true&cursor=eyJsYXN0%2FSWQ%2BIg%3D%3D",
    ];
    assert_eq!(server.targets(), expected);
}

#[tokio::test]
async fn the_path_prefix_of_the_instance_is_kept() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    let url = InstanceUrl::parse(&format!("{}/n8n/", server.origin)).unwrap();
    let instance = Instance { url, ..server.instance() };
    client().workflows(&instance, None).await.unwrap();
    assert_eq!(server.targets(), ["GET /n8n/api/v1/workflows?limit=250&excludePinnedData=true"]);
}

#[tokio::test]
async fn requests_say_who_asks_and_carry_the_key_in_its_header() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    client().workflows(&server.instance(), None).await.unwrap();
    let request = server.requests()[0].to_ascii_lowercase();
    for header in [
        format!("x-n8n-api-key: {KEY}"),
        format!("user-agent: flowmastery/{}", env!("CARGO_PKG_VERSION")),
        "accept: application/json".to_owned(),
        "accept-encoding: gzip".to_owned(),
    ] {
        assert!(request.contains(&format!("{header}\r\n")), "{header} in {request}");
    }
}

#[tokio::test]
async fn rows_and_cursor_are_returned() {
    let row = r#"{"id":"699","finished":true,"mode":"trigger","retryOf":null,"retrySuccessId":null,"status":"success",
        "startedAt":"2026-11-22T23:26:00.036Z","stoppedAt":"2026-11-22T23:26:00.054Z","workflowId":"qqVmCIBE4KRlkWbj","waitTill":null}"#;
    let (result, _) = listed(vec![json(200, &format!(r#"{{"data":[{row}],"nextCursor":"abc="}}"#))]).await;
    let page = result.unwrap();
    assert_eq!(page.next, Some(N8nCursor("abc=".to_owned())));
    assert_eq!(page.items[0].id, ExecutionId(699));
    assert_eq!(page.items[0].duration_millis(), Some(18));
}

#[tokio::test]
async fn a_page_that_points_to_itself_is_refused() {
    let server = Server::start(vec![json(200, r#"{"data":[],"nextCursor":"abc="}"#)]).await;
    let query = ExecutionQuery { cursor: Some(N8nCursor("abc=".to_owned())), ..ExecutionQuery::default() };
    let error = client().executions(&server.instance(), &query).await.unwrap_err();
    assert_eq!(error.status, ConnectionStatus::NotN8n);
}

#[tokio::test]
async fn server_faults_are_tried_four_times_at_most() {
    for status in [500, 502, 503, 429] {
        assert_eq!(
            failure(json(status, r#"{"message":"upstream"}"#)).await,
            (ConnectionStatus::Unreachable, 4)
        );
    }
    let fault = || html(503, "upstream");
    let (result, requests) = listed(vec![fault(), fault(), fault(), json(200, EMPTY)]).await;
    assert!(result.is_ok());
    assert_eq!(requests, 4);
}

#[tokio::test]
async fn connections_that_break_off_are_tried_again() {
    let cut = Reply::Bytes(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{\"da".to_vec(),
    );
    assert_eq!(failure(cut.clone()).await, (ConnectionStatus::Unreachable, 4));
    assert_eq!(failure(Reply::Bytes(Vec::new())).await, (ConnectionStatus::Unreachable, 4));
    let (result, requests) = listed(vec![cut, json(200, EMPTY)]).await;
    assert!(result.is_ok());
    assert_eq!(requests, 2);
}

#[tokio::test]
async fn refusals_are_not_tried_again() {
    let message = r#"{"message":"upstream"}"#;
    assert_eq!(failure(json(401, message)).await, (ConnectionStatus::AuthFailed, 1));
    assert_eq!(failure(json(403, message)).await, (ConnectionStatus::MissingScope, 1));
    for status in [400, 405, 409, 418, 451] {
        assert_eq!(failure(json(status, message)).await, (ConnectionStatus::NotN8n, 1), "{status}");
    }
}

#[tokio::test]
async fn the_wait_that_n8n_asks_for_takes_the_place_of_the_backoff() {
    let busy = reply(429, "Retry-After: 0\r\n", b"");
    let server = Server::start(vec![busy.clone(), busy.clone(), busy, json(200, EMPTY)]).await;
    // With this randomness the backoff would be 1 + 2 + 4 seconds.
    let client = HttpN8n::new(config(OutboundPolicy::development(), 0xff)).unwrap();
    let start = Instant::now();
    client.workflows(&server.instance(), None).await.unwrap();
    assert!(start.elapsed().as_secs() < 4, "{:?}", start.elapsed());
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn an_n8n_that_asks_for_a_long_wait_is_not_asked_again() {
    for (status, header) in [
        (429, "Retry-After: 31\r\n"),
        (503, "Date: Sun, 22 Nov 2026 23:00:00 GMT\r\nRetry-After: Sun, 22 Nov 2026 23:10:00 GMT\r\n"),
    ] {
        let (result, requests) = listed(vec![reply(status, header, b"upstream")]).await;
        let error = result.unwrap_err();
        assert_eq!((error.status, requests), (ConnectionStatus::Unreachable, 1));
        assert!(error.message.starts_with("n8n asks to wait "), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    // Takes the connection and says nothing, so that TLS never stands.
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let client =
        limited(HttpN8nLimits { connect: std::time::Duration::from_millis(200), ..HttpN8nLimits::default() });
    let instance = Instance { url: InstanceUrl::parse(&origin).unwrap(), key: KEY.into() };
    let error = client.workflows(&instance, None).await.unwrap_err();
    assert!(error.message.starts_with("No connection to n8n within"), "{error}");
    assert_eq!(accepted.load(Ordering::SeqCst), 4);
    silent.abort();
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_stays() {
    let other = Server::start(vec![json(200, EMPTY)]).await;
    for status in [301, 302, 303, 307, 308] {
        let redirect = reply(status, &format!("Location: {}/upstream\r\n", other.origin), b"");
        assert_eq!(failure(redirect).await, (ConnectionStatus::NotN8n, 1), "{status}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn what_is_not_n8n_s_json_is_not_n8n() {
    let page = "<!DOCTYPE html><pre>upstream</pre>";
    for reply in [
        html(404, page),
        html(200, page),
        html(200, EMPTY),
        json(404, r#"{"message":"upstream"}"#),
        json(200, page),
        json(200, "[]"),
        json(200, "{}"),
        json(200, r#"{"data":{"upstream":1}}"#),
        json(200, r#"{"data":["upstream"]}"#),
        json(200, r#"{"data":[{"id":"1","workflowId":null}]}"#),
        json(200, r#"{"data":[{"id":"1","workflowId":"upst"#),
        json(200, ""),
        reply(204, "", b""),
        reply(200, "", EMPTY.as_bytes()),
    ] {
        assert_eq!(failure(reply).await, (ConnectionStatus::NotN8n, 1));
    }
}

#[tokio::test]
async fn a_single_execution_is_there_or_not() {
    let row = r#"{"id":631,"mode":"webhook","status":"error","createdAt":"2026-11-22T23:22:02.200Z","deletedAt":null,"workflowId":"a"}"#;
    let gone = json(404, r#"{"message":"Not Found"}"#);
    let server = Server::start(vec![
        json(200, row),
        gone,
        html(404, "<pre>Cannot GET</pre>"),
        json(404, r#"{"error":1}"#),
    ])
    .await;
    let (client, instance) = (client(), server.instance());
    let found = client.execution(&instance, ExecutionId(631)).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.execution.id, ExecutionId(631));
    assert_eq!(found.created_at.unwrap().to_string(), "2026-11-22T23:22:02.200Z");
    assert_eq!(client.execution(&instance, ExecutionId(7)).await.unwrap(), None);
    for _ in 0..2 {
        let error = client.execution(&instance, ExecutionId(7)).await.unwrap_err();
        assert_eq!(error.status, ConnectionStatus::NotN8n);
    }
    assert_eq!(server.targets()[..2], ["GET /api/v1/executions/631", "GET /api/v1/executions/7"]);
}

#[tokio::test]
async fn an_endless_body_ends_at_the_bound() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"data\":[";
    let server = Server::start(vec![Reply::Endless(head)]).await;
    let error = client().workflows(&server.instance(), None).await.unwrap_err();
    assert_eq!(error.status, ConnectionStatus::NotN8n);
    assert!(error.message.contains("larger"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_bound_holds_after_decompression() {
    let gzip = |body| reply(200, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", body);
    let server = Server::start(vec![gzip(GZIPPED_EMPTY_PAGE), gzip(GZIPPED_SPACES)]).await;
    let client = limited(HttpN8nLimits { body_bytes: 50_000, ..HttpN8nLimits::default() });
    let page = client.workflows(&server.instance(), None).await.unwrap();
    assert!(page.items.is_empty());
    let error = client.workflows(&server.instance(), None).await.unwrap_err();
    assert!(error.message.contains("larger"), "{error}");
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"data\":[";
    let client =
        limited(HttpN8nLimits { total: std::time::Duration::from_millis(200), ..HttpN8nLimits::default() });
    for reply in [Reply::Stall(""), Reply::Stall(head), Reply::Drip(head)] {
        let server = Server::start(vec![reply]).await;
        let error = client.workflows(&server.instance(), None).await.unwrap_err();
        assert_eq!(error.status, ConnectionStatus::Unreachable);
        assert!(error.message.contains("did not answer"), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_refused_connection_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let instance = Instance { url: InstanceUrl::parse(&origin).unwrap(), key: KEY.into() };
    let error = client().workflows(&instance, None).await.unwrap_err();
    assert_eq!(
        (error.status, error.message.as_str()),
        (ConnectionStatus::Unreachable, "The connection to n8n was refused.")
    );
}

#[tokio::test]
async fn a_server_without_tls_is_said() {
    let server = Server::start(vec![Reply::Bytes(Vec::new())]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        drop(stream.read(&mut [0; 1024]).await);
    });
    let instance = Instance { url: InstanceUrl::parse(&origin).unwrap(), ..server.instance() };
    let error = client().workflows(&instance, None).await.unwrap_err();
    assert_eq!(error.status, ConnectionStatus::Unreachable);
    assert!(error.message.contains("TLS"), "{error:?}");
    plain.await.unwrap();
}

#[tokio::test]
async fn addresses_that_the_guard_refuses_are_not_called() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    let guarded = HttpN8n::new(config(OutboundPolicy::default(), 0)).unwrap();
    let error = guarded.workflows(&server.instance(), None).await.unwrap_err();
    assert_eq!(error.status, ConnectionStatus::Unreachable);
    assert!(error.message.contains("not listed"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_resolves_to_a_refused_address_is_not_called() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    let transport = Transport::new(OutboundPolicy::default(), None, HttpN8nLimits::default()).unwrap();
    let url = Url::parse(&server.origin.replace("127.0.0.1", "localhost")).unwrap();
    let fault = transport.get(&url, &KEY.into()).await.unwrap_err();
    assert!(!fault.transient);
    assert!(fault.error.message.contains("not listed"), "{:?}", fault.error);
    assert!(server.requests().is_empty());
}

/// Answers with the first address once, and with the other from then on.
struct Rebinding(AtomicUsize);

impl Resolve for Rebinding {
    fn resolve(&self, _: Name) -> Resolving {
        let last = if self.0.fetch_add(1, Ordering::SeqCst) == 0 { 1 } else { 2 };
        let address = std::net::SocketAddr::from(([127, 0, 0, last], 0));
        Box::pin(async move { Ok::<Addrs, _>(Box::new(std::iter::once(address))) })
    }
}

#[tokio::test]
async fn a_name_that_is_pointed_elsewhere_later_is_not_called_there() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    let names = Arc::new(Rebinding(AtomicUsize::new(0)));
    let outbound = OutboundPolicy::new("127.0.0.1").unwrap();
    let transport = Transport::asking(names, outbound, None, HttpN8nLimits::default()).unwrap();
    let url = Url::parse(&server.origin.replace("127.0.0.1", "n8n.acme.com")).unwrap();
    assert!(transport.get(&url, &KEY.into()).await.unwrap().is_some());
    let fault = transport.get(&url, &KEY.into()).await.unwrap_err();
    assert!(fault.error.message.contains("not listed"), "{:?}", fault.error);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_listed_name_is_called() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    let client = HttpN8n::new(config(OutboundPolicy::new("localhost").unwrap(), 0)).unwrap();
    let url = InstanceUrl::parse(&server.origin.replace("127.0.0.1", "localhost")).unwrap();
    client.workflows(&Instance { url, ..server.instance() }, None).await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_test_lists_one_row_of_each_and_tries_once() {
    let server = Server::start(vec![json(200, EMPTY), json(200, EMPTY), json(503, "{}")]).await;
    let (client, instance) = (client(), server.instance());
    client.test(&instance).await.unwrap();
    let expected = ["GET /api/v1/workflows?limit=1&excludePinnedData=true", "GET /api/v1/executions?limit=1"];
    assert_eq!(server.targets(), expected);
    assert_eq!(client.test(&instance).await.unwrap_err().status, ConnectionStatus::Unreachable);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_key_that_cannot_be_a_header_is_refused_unsent() {
    let server = Server::start(vec![json(200, EMPTY)]).await;
    let instance = Instance { key: "a\nb".into(), ..server.instance() };
    let error = client().test(&instance).await.unwrap_err();
    assert_eq!(error.status, ConnectionStatus::AuthFailed);
    assert!(server.requests().is_empty());
}

#[test]
fn certificates_that_are_none_are_refused() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let config = HttpN8nConfig { extra_ca_pem: Some(pem.into()), ..config(OutboundPolicy::default(), 0) };
    assert_eq!(HttpN8n::new(config).unwrap_err().kind(), crate::error::Kind::Invalid);
}
