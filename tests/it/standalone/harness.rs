//! Runs the standalone program in a directory of its own, and talks to it over its command line, its signals and HTTP.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use flowmastery_tests::program::program;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The longest that anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "securepassword";
pub(crate) const SECRET: &str = "q8Zk2vTnY5rXw1LbC7dHs4Jm9Pf3Gt6A";

/// A directory in which the program runs, with nothing in its environment but what is given.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program("poem-standalone", "flowmastery"));
        command.args(args).current_dir(self.0.path()).env_clear().envs(settings.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end, with a text on its standard input.
    pub(crate) fn run(&self, args: &[&str], settings: &[(&str, &str)], input: &str) -> Output {
        let mut child = self.command(args, settings).spawn().unwrap();
        // A program that does not read has closed it, which is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    pub(crate) fn serve(&self, settings: &[(&str, &str)]) -> Server {
        Server::start(self.command(&["serve", "--bind", "127.0.0.1:0"], settings))
    }
}

/// A running server, ended with the test.
pub(crate) struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    pub(crate) address: String,
    /// What it said before it listened.
    pub(crate) before: Vec<String>,
}

impl Server {
    /// Starts what says on its standard error where it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut server = Self { child, lines, address: String::new(), before: Vec::new() };
        let (start, before) = server.next("listens on");
        server.address = start["address"].as_str().unwrap().to_owned();
        server.before = before;
        server
    }

    /// Waits for the event whose message has this in it.
    pub(crate) fn event(&self, part: &str) -> Value {
        self.next(part).0
    }

    /// The lines before the next event whose message has this in it.
    pub(crate) fn lines_until(&self, part: &str) -> Vec<String> {
        self.next(part).1
    }

    /// The next event whose message has this in it, and the lines before it.
    fn next(&self, part: &str) -> (Value, Vec<String>) {
        self.find(part, |event| event["message"].as_str().is_some_and(|message| message.contains(part)))
    }

    fn find(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> (Value, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if is_it(&event) {
                return (event, seen);
            }
            seen.push(line);
        }
        panic!("no {what:?}; there were:\n{}", seen.join("\n"));
    }

    /// The access line of the request with this id.
    pub(crate) fn access_line(&self, id: &str) -> Value {
        self.find(&format!("an access line of {id}"), |event| {
            event["target"] == "flowmastery::access" && event["request_id"] == id
        })
        .0
    }

    /// A whole answer as it comes over the wire.
    pub(crate) fn raw(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Status and body of one request; in HTTP/1.0, so that the connection ends with the answer.
    pub(crate) fn request(&self, request: &str, body: Option<&Value>) -> (u16, Value) {
        self.send(request, "", body)
    }

    /// The answer to a request of somebody who is signed in.
    #[track_caller]
    pub(crate) fn request_as(&self, token: &str, request: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.send(request, &format!("Authorization: Bearer {token}\r\n"), body);
        assert!((200..300).contains(&status), "{request}: {status} {answer}");
        answer
    }

    /// Status and body of one request of whoever has this token; of nobody where it is empty.
    pub(crate) fn ask(&self, token: &str, request: &str, body: Option<&Value>) -> (u16, Value) {
        let header =
            if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        self.send(request, &header, body)
    }

    /// The same with more headers, each with its end of line.
    pub(crate) fn send(&self, request: &str, headers: &str, body: Option<&Value>) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.map(ToString::to_string).unwrap_or_default();
        write!(
            stream,
            "{request} HTTP/1.0\r\nHost: {}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        answer(stream)
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.ends_in_time().expect("the server does not end")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// How it ended, unless it goes on.
    pub(crate) fn ends_in_time(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::yield_now();
        }
        None
    }

    /// A request of which half the body was sent and which the server is reading.
    pub(crate) fn half_a_sign_in(&self) -> (TcpStream, String) {
        let body = json!({ "email": "nobody@agency.com", "password": PASSWORD }).to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        // The server asks for the body when the endpoint reads it, so from here on the request is under way.
        let mut line = String::new();
        BufReader::with_capacity(1, &stream).read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 100"), "{line}");
        let (sent, rest) = body.split_at(body.len() / 2);
        stream.write_all(sent.as_bytes()).unwrap();
        (stream, rest.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn answer(mut stream: TcpStream) -> (u16, Value) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let text = text.trim_start();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let body = text.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn error_of(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
pub(crate) fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    error_of(output)
}
