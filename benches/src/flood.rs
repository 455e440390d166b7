//! A flood of sign-ins: how long those wait who read metrics meanwhile.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    Fallible,
    http::answer::Reading,
    measure::quantile,
    n8n_process::N8nProcess,
    program::{Program, ask},
    report::{Report, Row},
    tenants::{self, ADMIN, PASSWORD},
};

/// Connections that sign in again and again.
const FLOOD: usize = 16;
/// Requests a second of those who read.
const RATE: f64 = 200.0;
/// Connections of those who read.
const READERS: usize = 4;
/// The longest that the first collection may take, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// The row `login-flood-p99`.
///
/// # Errors
/// When a sign-in or a reader is refused, or there is nothing to read.
pub fn run(report: &mut Report) -> Fallible<()> {
    let directory = tempfile::tempdir()?;
    let n8n = N8nProcess::start(40)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tenants::make(directory.path(), 1, &n8n))?;
    let program = Program::start(directory.path(), &[])?;
    let token = sign_in(program.address())?;
    await_numbers(program.address(), &token)?;
    let mut readers = Readers::connect(program.address(), &token)?;

    let (rounds, lasting) = (report.effort.pick(3, 7), Duration::from_secs(report.effort.pick(3, 8)));
    let (mut quiet, mut flooded, mut logins) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        quiet.push(readers.p99(lasting)?);
        let (p99, signed_in) = during_flood(program.address(), || readers.p99(lasting))?;
        flooded.push(p99);
        logins += signed_in;
    }
    let median = |p99s: &[f64]| quantile(p99s.iter().copied(), 0.5) * 1e3;
    let (quiet, flooded) = (median(&quiet), median(&flooded));
    report.note(format!(
        "login-flood-p99: GET /api/v1/metrics/all, warm, {RATE} a second on {READERS} connections, of the standalone server; alone, and while {FLOOD} callers sign in \
         again and again ({:.0} sign-ins a second got through); median of {rounds} rounds of {} s each",
        logins as f64 / rounds as f64 / lasting.as_secs_f64(),
        lasting.as_secs(),
    ));
    report.row(Row::quantity("login-flood-p99", (flooded, "ms"), quiet, 3.0));
    Ok(())
}

/// Those who read, each on a connection and a thread that sleeps until its next request is due: one that watched the clock would take a
/// core from the server.
struct Readers {
    request: Vec<u8>,
    connections: Vec<(TcpStream, Reading)>,
}

impl Readers {
    fn connect(address: SocketAddr, token: &str) -> Fallible<Self> {
        let connect = |_| {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok((stream, Reading::new()))
        };
        let connections = (0..READERS).map(connect).collect::<Fallible<_>>()?;
        Ok(Self { request: metrics(address, token), connections })
    }

    /// The p99 of the seconds from when each request was due.
    fn p99(&mut self, lasting: Duration) -> Fallible<f64> {
        let (request, distance) = (&self.request, Duration::from_secs_f64(1.0 / RATE));
        let begun = Instant::now();
        let latencies = thread::scope(|scope| {
            let read = |(number, connection)| {
                let first = begun + distance.mul_f64(number as f64);
                scope.spawn(move || {
                    read(request, connection, (first, begun + lasting)).map_err(|error| error.to_string())
                })
            };
            let threads: Vec<_> = self.connections.iter_mut().enumerate().map(read).collect();
            let joined = threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a reader panicked".to_owned())?);
            joined.collect::<Result<Vec<_>, String>>()
        })?;
        Ok(quantile(latencies.into_iter().flatten(), 0.99))
    }
}

/// Asks on one connection in its turn, from an instant to another; the seconds that each request took.
fn read(
    request: &[u8],
    (stream, reading): &mut (TcpStream, Reading),
    (first, end): (Instant, Instant),
) -> Fallible<Vec<f64>> {
    let (mut due, mut latencies) = (first, Vec::new());
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(request)?;
        let head = loop {
            if let Some(head) = reading.read(stream)? {
                break head;
            }
        };
        if head.status != 200 {
            return Err(format!("readers are answered {}", head.status).into());
        }
        latencies.push(due.elapsed().as_secs_f64());
        due += Duration::from_secs_f64(READERS as f64 / RATE);
    }
    Ok(latencies)
}

/// What work gives while others sign in, and how many of those got through.
fn during_flood<T>(address: SocketAddr, work: impl FnOnce() -> Fallible<T>) -> Fallible<(T, usize)> {
    let (is_over, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
    let flood = || {
        while !is_over.load(Ordering::Relaxed) {
            match sign_in(address).map_err(|error| error.to_string()) {
                Ok(_) => logins.fetch_add(1, Ordering::Relaxed),
                // More of one account at once than may fail wait for a while, and then come again.
                Err(refused) if refused.contains("HTTP/1.1 429") => 0,
                Err(error) => return Err(error),
            };
        }
        Ok::<_, String>(())
    };
    let done = thread::scope(|scope| {
        let callers: Vec<_> = (0..FLOOD).map(|_| scope.spawn(flood)).collect();
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().map_err(|_| "a caller panicked".to_owned())??;
        }
        Ok::<_, String>(done)
    })??;
    let logins = logins.into_inner();
    if logins < FLOOD { Err("the flood did not get through".into()) } else { Ok((done, logins)) }
}

/// Waits until the tenant was collected, so that readers are answered with numbers.
fn await_numbers(address: SocketAddr, token: &str) -> Fallible<()> {
    #[derive(Deserialize)]
    struct All {
        total_executions: Option<i64>,
    }
    let head = format!("GET /api/v1/metrics/all HTTP/1.1\r\nauthorization: Bearer {token}");
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let all: All = serde_json::from_str(&ask(address, &head, "")?)?;
        if all.total_executions.is_some_and(|total| total > 0) {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
    Err("the tenant was not collected".into())
}

#[derive(Deserialize)]
struct SignedIn {
    access_token: String,
}

/// Signs the admin in, on a connection of its own; an access token.
fn sign_in(address: SocketAddr) -> Fallible<String> {
    let body = format!(r#"{{"email":"{ADMIN}","password":"{PASSWORD}"}}"#);
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {}",
        body.len()
    );
    let signed_in: SignedIn = serde_json::from_str(&ask(address, &head, &body)?)?;
    Ok(signed_in.access_token)
}

/// What readers ask for.
fn metrics(address: SocketAddr, token: &str) -> Vec<u8> {
    format!("GET /api/v1/metrics/all HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n")
        .into()
}
