//! A flood of sign-ins: how long those wait who read metrics meanwhile.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    Fallible,
    http::client::Client,
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

/// The row `login-flood-p99`.
///
/// # Errors
/// When anything is refused.
pub fn run(report: &mut Report) -> Fallible<()> {
    let directory = tempfile::tempdir()?;
    let n8n = N8nProcess::start(40)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tenants::make(directory.path(), 1, &n8n))?;
    let program = Program::start(directory.path(), &[])?;
    let token = sign_in(program.address())?;
    let mut readers = Client::connect(program.address(), metrics(program.address(), &token), READERS)?;

    let (rounds, lasting) = (report.effort.pick(3, 7), Duration::from_secs(report.effort.pick(3, 8)));
    let (mut quiet, mut flooded, mut logins) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        quiet.push(readers.paced(RATE, lasting)?.quantile(0.99).as_secs_f64());
        let (p99, signed_in) = during_flood(program.address(), || readers.paced(RATE, lasting))?;
        flooded.push(p99.quantile(0.99).as_secs_f64());
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

/// What work gives while others sign in, and how many of those got through.
fn during_flood<T>(address: SocketAddr, work: impl FnOnce() -> Fallible<T>) -> Fallible<(T, usize)> {
    let (is_over, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
    let flood = || {
        while !is_over.load(Ordering::Relaxed) && sign_in(address).is_ok() {
            logins.fetch_add(1, Ordering::Relaxed);
        }
    };
    let done = thread::scope(|scope| {
        for _ in 0..FLOOD {
            scope.spawn(flood);
        }
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        done
    })?;
    let logins = logins.into_inner();
    if logins < FLOOD { Err("the flood did not get through".into()) } else { Ok((done, logins)) }
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
