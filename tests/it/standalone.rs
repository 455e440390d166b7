//! The standalone host as its users meet it: the real program, in a directory of its own, over its command line, its signals and HTTP.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use flowmastery_tests::{postgres::Database, program::program};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The longest that anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "securepassword";
const SECRET: &str = "q8Zk2vTnY5rXw1LbC7dHs4Jm9Pf3Gt6A";

/// A directory in which the program runs, with nothing in its environment but what is given.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program("poem-standalone", "flowmastery"));
        command.args(args).current_dir(self.0.path()).env_clear().envs(settings.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end, with a text on its standard input.
    fn run(&self, args: &[&str], settings: &[(&str, &str)], input: &str) -> Output {
        let mut child = self.command(args, settings).spawn().unwrap();
        // A program that does not read has closed it, which is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn serve(&self, settings: &[(&str, &str)]) -> Server {
        let mut child = self.command(&["serve", "--bind", "127.0.0.1:0"], settings).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut server = Server { child, lines, address: String::new(), before: Vec::new() };
        let (start, before) = server.next("listens on");
        server.address = start["address"].as_str().unwrap().to_owned();
        server.before = before;
        server
    }
}

/// A running server, ended with the test.
struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    address: String,
    /// What it said before it listened.
    before: Vec<String>,
}

impl Server {
    /// Waits for the event whose message has this in it.
    fn event(&self, part: &str) -> Value {
        self.next(part).0
    }

    /// The next event whose message has this in it, and the lines before it.
    fn next(&self, part: &str) -> (Value, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if event["message"].as_str().is_some_and(|message| message.contains(part)) {
                return (event, seen);
            }
            seen.push(line);
        }
        panic!("no event with {part:?}; there were:\n{}", seen.join("\n"));
    }

    /// Status and body of one request; in HTTP/1.0, so that no answer comes in chunks.
    fn request(&self, request: &str, body: Option<&Value>) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.map(ToString::to_string).unwrap_or_default();
        write!(
            stream,
            "{request} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        answer(stream)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::yield_now();
        }
    }

    /// A request of which half the body was sent and which the server is reading.
    fn half_a_sign_in(&self) -> (TcpStream, String) {
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

fn answer(mut stream: TcpStream) -> (u16, Value) {
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
fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    error_of(output)
}

#[test]
fn the_first_start_makes_everything_and_says_what_to_do() {
    let place = Place::new();
    let server = place.serve(&[]);
    server.event("DEBUG is true: SECRET_KEY is unset");
    server.event("the key is in flowmastery.key");
    server.event("E-mail is not configured (SMTP_HOST)");
    let first_step = server.event("There is no admin yet");
    let message = first_step["message"].as_str().unwrap();
    assert!(
        message.contains("flowmastery create-admin")
            && message.contains("cargo run --release -- create-admin")
    );
    assert!(place.path("flowmastery.db").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.path("flowmastery.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(server.request("GET /", None).0, 200);
    assert_eq!(server.request("GET /health", None).1["status"], "ok");
    assert_eq!(server.request("GET /openapi.json", None).0, 200);
}

#[test]
fn an_admin_is_made_once_while_the_server_runs_and_signs_in() {
    let place = Place::new();
    let server = place.serve(&[]);
    let args = ["create-admin", "--email", "Admin@agency.com"];
    let made = place.run(&args, &[], &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
    assert!(String::from_utf8_lossy(&made.stdout).contains("admin@agency.com is an admin now"));
    let again = failed(&place.run(&args, &[("ADMIN_PASSWORD", PASSWORD)], ""));
    assert!(again.contains("has an account already"), "{again}");
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    let (status, answer) = server.request("POST /api/v1/auth/login", Some(&body));
    assert_eq!((status, &answer["user"]["role"]), (200, &json!("admin")), "{answer}");
}

#[test]
fn what_create_admin_lacks_is_named() {
    let place = Place::new();
    let without_email = failed(&place.run(&["create-admin"], &[], PASSWORD));
    assert!(without_email.contains("--email"), "{without_email}");
    let args = ["create-admin", "--email", "admin@agency.com"];
    let without_password = failed(&place.run(&args, &[], ""));
    assert!(without_password.contains("ADMIN_PASSWORD"), "{without_password}");
    let short = failed(&place.run(&args, &[], "hunter2\n"));
    assert!(short.contains("12 characters") && !short.contains("hunter2"), "{short}");
    let no_address = failed(&place.run(&["create-admin", "--email", "admin"], &[], PASSWORD));
    assert!(no_address.contains("--email"), "{no_address}");
}

#[test]
fn only_a_second_server_on_one_sqlite_file_is_refused() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let second = failed(&place.run(&["serve", "--bind", "127.0.0.1:0"], &[], ""));
    assert!(second.contains("flowmastery.db.serve.lock") && second.contains("DATABASE_URL"), "{second}");
    let status = place.run(&["migrate", "status"], &[], "");
    assert!(status.status.success(), "{status:?}");
    server.signal("KILL");
    server.wait();
    // The lock goes with its holder.
    place.serve(&[]).event("There is no admin yet");
}

#[test]
fn sigterm_lets_requests_finish_and_writes_the_log_to_its_end() {
    let place = Place::new();
    let mut server = place.serve(&[("LOG_FILE", "logs/app.log")]);
    let (mut stream, rest) = server.half_a_sign_in();
    server.signal("TERM");
    server.event("stopping");
    stream.write_all(rest.as_bytes()).unwrap();
    assert_eq!(answer(stream).0, 401);
    assert_eq!(server.wait().code(), Some(0));
    assert!(TcpStream::connect(&server.address).is_err());
    let log = fs::read_to_string(place.path("logs/app.log")).unwrap();
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["message"], "stopped");
}

#[test]
fn a_second_signal_ends_at_once() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let (_unfinished, _) = server.half_a_sign_in();
    server.signal("INT");
    server.event("stopping");
    let asked = Instant::now();
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(8), "that was the first signal's ten seconds");
}

#[test]
fn a_database_that_is_away_ends_the_start_with_its_setting() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://flow:hunter2@127.0.0.1:{port}/flow");
    let output = place.run(&["serve"], &[("DATABASE_URL", &url), ("SECRET_KEY", SECRET)], "");
    let message = failed(&output);
    for part in
        ["Database connection failed", "DATABASE_URL", "PostgreSQL", &format!("127.0.0.1:{port}/flow")]
    {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_redis_that_is_away_is_a_warning_with_its_setting() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = place.serve(&[("REDIS_URL", &format!("redis://:hunter2@127.0.0.1:{port}/0"))]);
    let [warning] = &server.before[..] else { panic!("one line before it listens: {:?}", server.before) };
    for part in ["Redis connection failed", "REDIS_URL", &port.to_string()] {
        assert!(warning.contains(part), "{warning}");
    }
    assert!(!warning.contains("hunter2"), "{warning}");
    assert_eq!(server.request("GET /", None).0, 200, "it goes on without");
}

#[test]
fn settings_come_from_the_file_below_the_environment() {
    let place = Place::new();
    fs::write(
        place.path(".env"),
        format!("DATABASE_URL=sqlite://other.db\nSECRET_KEY={SECRET}\nDEBUG=maybe\nPOSTGRES_USER=x\n"),
    )
    .unwrap();
    let refused = failed(&place.run(&["serve"], &[], ""));
    assert!(refused.contains("DEBUG: \"maybe\" is not accepted"), "{refused}");
    let server = place.serve(&[("DEBUG", "false")]);
    server.event("DEBUG is false: as set");
    assert!(place.path("other.db").exists() && !place.path("flowmastery.key").exists());
    assert_eq!(server.request("GET /docs", None).0, 404, "DOCS follows DEBUG");
}

#[test]
fn names_of_the_file_that_are_no_settings_are_told() {
    let place = Place::new();
    fs::write(place.path(".env"), "POSTGRES_USER=x\n").unwrap();
    let server = place.serve(&[]);
    assert!(server.before.iter().any(|line| line.contains("POSTGRES_USER")), "{:?}", server.before);
}

#[test]
fn migrations_go_up_and_down_by_command() {
    let place = Place::new();
    let manual = [("AUTO_MIGRATE", "false")];
    let migrate = |args: &[&str]| {
        let output = place.run(&[&["migrate"], args].concat(), &manual, "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!migrate(&["status"]).contains("  applied"));
    let refused = failed(&place.run(&["serve"], &manual, ""));
    assert!(refused.contains("flowmastery migrate up"), "{refused}");
    let up = migrate(&["up"]);
    assert!(up.contains("  applied") && !up.contains("not applied"), "{up}");
    place.serve(&manual).event("There is no admin yet");
    assert_eq!(migrate(&["down"]).matches("not applied").count(), 1);
    assert!(!migrate(&["down", "--to", "0"]).contains("  applied"));
}

#[test]
fn other_origins_and_names_are_answered_as_set() {
    let place = Place::new();
    let server = place.serve(&[("ALLOWED_HOSTS", "api.acme.com"), ("CORS_ORIGINS", "https://app.acme.com")]);
    let (status, problem) = server.request("GET /health/live", None);
    assert_eq!((status, &problem["status"]), (400, &json!(400)), "{problem}");
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let request = "GET /health/live HTTP/1.1\r\nHost: api.acme.com\r\nOrigin: https://app.acme.com\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("access-control-allow-origin: https://app.acme.com"), "{text}");
}

#[tokio::test]
async fn two_servers_start_at_once_on_one_postgres() {
    let database = Database::empty().await;
    let url = database.url();
    let settings = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", SECRET)];
    let places = [Place::new(), Place::new()];
    let servers: Vec<Server> = thread::scope(|scope| {
        let starts: Vec<_> = places.iter().map(|place| scope.spawn(|| place.serve(&settings))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let admin = ["create-admin", "--email", "admin@agency.com"];
    assert!(places[0].run(&admin, &settings, PASSWORD).status.success());
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    for server in &servers {
        assert_eq!(server.request("GET /health", None).1["status"], "ok");
        assert_eq!(server.request("POST /api/v1/auth/login", Some(&body)).0, 200);
    }
    drop(servers);
    database.remove().await;
}
