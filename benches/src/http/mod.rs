//! One warm answer over HTTP: `GET /api/v1/metrics/my-metrics` with its token verified, its role checked and its line written, against the same
//! framework that answers the same bytes to everybody.
//!
//! Server and client are processes of one thread each, so that on two cores it is the server that has no more to give; its share of the processor
//! says whether it was. The ratio of its processor time for one request is told beside that of the rates: it is what remains where other work
//! on the machine takes time from both.

pub(crate) mod answer;
pub mod client;
pub mod host;
pub mod server;
pub mod tenant;

use std::{cell::RefCell, time::Duration};

use self::{
    client::{Answer, Client},
    host::Framework,
    server::Server,
};
use crate::{
    Fallible,
    measure::{Pairs, quantile},
    report::{Report, Row},
};

/// What is asked for.
pub const PATH: &str = "/api/v1/metrics/my-metrics";
/// The page that shows the same.
const PAGE: &str = "/dashboard";
/// What a page may weigh.
const LARGEST_PAGE: usize = 100_000;
/// How many connections are kept alive.
const CONNECTIONS: usize = 32;

/// The rows `http-…` and `p99-…` of each framework.
///
/// # Errors
/// When a server does not give the known answer.
pub fn run(report: &mut Report) -> Fallible<()> {
    report.note(format!(
        "http: GET {PATH}, {CONNECTIONS} connections kept alive, one thread for a server and one for the client; every request with the same token. \
         Both sides write the same line of access for each request, through tracing-subscriber's default to /dev/null, so that our spans are spans: \
         without a subscriber they would be nothing"
    ));
    for framework in Framework::ALL {
        let sides = Sides::start(framework)?;
        let top = sides.rate(report, framework)?;
        sides.latency(report, framework, top / 2.0)?;
    }
    page(report)
}

/// The row `page-warm`: the dashboard's page of a client against the JSON of the same numbers, from the same server.
fn page(report: &mut Report) -> Fallible<()> {
    let server = Server::start(&format!("{}/ours", Framework::Hyper.name()), b"", 2)?;
    let [token, executions] = server.said.as_slice() else { return Err("it says a token".into()) };
    let connect = |path| Client::connect(server.address, request(path, token), CONNECTIONS);
    let (mut json, mut page) = (connect(PATH)?, connect(PAGE)?);
    check(json.first(), executions.parse()?)?;
    let bytes = page.first().body.len();
    if !String::from_utf8_lossy(&page.first().body).contains("<h1>") || bytes > LARGEST_PAGE {
        return Err(format!("the page has no heading, or is too large: {bytes} bytes").into());
    }
    let round = Duration::from_millis(report.effort.pick(200, 500));
    let pairs = Pairs::measure(
        Duration::from_secs(report.effort.pick(5, 20)),
        || Ok(json.closed(round)?.per_answer()),
        || Ok(page.closed(round)?.per_answer()),
    )?;
    report.note(format!(
        "page-warm: GET {PAGE}, {bytes} bytes, against GET {PATH} of the same server on hyper; {} pairs of {} ms after one of warm-up; quartiles {:.2} to {:.2}",
        pairs.rounds,
        round.as_millis(),
        pairs.quartiles.0,
        pairs.quartiles.1,
    ));
    report.row(Row::rate("page-warm", (1.0, "pages/s"), &pairs, 0.5));
    Ok(())
}

/// The request of a path with a token.
pub fn request(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\naccept: */*\r\n\r\n")
        .into()
}

/// A server with a client.
struct Side {
    client: Client,
    server: Server,
    /// Seconds of processor time and of the wall's, and answers.
    spent: (f64, f64, f64),
}

impl Side {
    fn connect(server: Server, token: &str) -> Fallible<Self> {
        let client = Client::connect(server.address, request(PATH, token), CONNECTIONS)?;
        Ok(Self { client, server, spent: (0.0, 0.0, 0.0) })
    }

    /// The time of an answer in a closed loop.
    fn closed(&mut self, round: Duration) -> Fallible<Duration> {
        let before = self.server.cpu_time()?;
        let closed = self.client.closed(round)?;
        let (cpu, wall) = ((self.server.cpu_time()? - before).as_secs_f64(), closed.elapsed.as_secs_f64());
        self.spent = (self.spent.0 + cpu, self.spent.1 + wall, self.spent.2 + closed.answers as f64);
        Ok(closed.per_answer())
    }

    /// Microseconds of processor time for an answer, and the share of a processor that the server had.
    fn cost(&self) -> (f64, f64) {
        let (cpu, wall, answers) = self.spent;
        (1e6 * cpu / answers, cpu / wall)
    }
}

/// Both sides of a framework. Both are up all the time; who is not asked costs nothing.
struct Sides {
    limit: RefCell<Side>,
    ours: RefCell<Side>,
}

impl Sides {
    /// Starts both, and makes sure that they answer the same, which is what is known.
    fn start(framework: Framework) -> Fallible<Self> {
        let name = |side| format!("{}/{side}", framework.name());
        let server = Server::start(&name("ours"), b"", 2)?;
        let [token, executions] = server.said.as_slice() else { return Err("it says a token".into()) };
        let (token, executions) = (token.clone(), executions.parse::<usize>()?);
        let ours = Side::connect(server, &token)?;
        check(ours.client.first(), executions)?;
        let server = Server::start(&name("limit"), &ours.client.first().body, 0)?;
        let limit = Side::connect(server, &token)?;
        if limit.client.first() != ours.client.first() {
            return Err("both sides have to answer the same".into());
        }
        Ok(Self { limit: limit.into(), ours: ours.into() })
    }

    /// The row of the rate; the limit's rate.
    fn rate(&self, report: &mut Report, framework: Framework) -> Fallible<f64> {
        let (budget, round) =
            (report.effort.pick(7, 30), Duration::from_millis(report.effort.pick(200, 500)));
        let pairs = Pairs::measure(
            Duration::from_secs(budget),
            || self.limit.borrow_mut().closed(round),
            || self.ours.borrow_mut().closed(round),
        )?;
        let (name, bytes) = (framework.name(), self.limit.borrow().client.first().body.len());
        let (limit, ours) = (self.limit.borrow().cost(), self.ours.borrow().cost());
        report.note(format!(
            "http-{name}: {bytes} bytes; {} pairs of {} ms after one of warm-up; quartiles {:.2} to {:.2}; the server's share of a processor {:.0} % \
             (limit {:.0} %); processor time of a request {:.1} µs (limit {:.1} µs), ratio {:.2}",
            pairs.rounds,
            round.as_millis(),
            pairs.quartiles.0,
            pairs.quartiles.1,
            100.0 * ours.1,
            100.0 * limit.1,
            ours.0,
            limit.0,
            limit.0 / ours.0,
        ));
        let row = match framework {
            Framework::Hyper => "http-hyper",
            Framework::Axum => "http-axum",
            Framework::Poem => "http-poem",
        };
        report.row(Row::rate(row, (1.0, "requests/s"), &pairs, 0.9));
        Ok(1.0 / pairs.limit)
    }

    /// The row of the latency at a rate.
    fn latency(&self, report: &mut Report, framework: Framework, rate: f64) -> Fallible<()> {
        let (budget, round) =
            (report.effort.pick(5, 20), Duration::from_millis(report.effort.pick(300, 1000)));
        let (mut medians, mut requests) = ((Vec::new(), Vec::new()), 0);
        let pairs = Pairs::measure(
            Duration::from_secs(budget),
            || {
                let paced = self.limit.borrow_mut().client.paced(rate, round)?;
                medians.0.push(paced.quantile(0.5).as_secs_f64());
                requests = paced.latencies.len();
                Ok(paced.quantile(0.99))
            },
            || {
                let paced = self.ours.borrow_mut().client.paced(rate, round)?;
                medians.1.push(paced.quantile(0.5).as_secs_f64());
                Ok(paced.quantile(0.99))
            },
        )?;
        let micros = |seconds: Vec<f64>| 1e6 * quantile(seconds.into_iter(), 0.5);
        report.note(format!(
            "p99-{}: {rate:.0} requests/s, half of the limit's top rate, measured from when each was due; {} pairs of {requests} requests after one of warm-up; \
             quartiles {:.2} to {:.2}; p50 {:.0} µs (limit {:.0} µs)",
            framework.name(),
            pairs.rounds,
            1.0 / pairs.quartiles.1,
            1.0 / pairs.quartiles.0,
            micros(medians.1),
            micros(medians.0),
        ));
        let row = match framework {
            Framework::Hyper => "p99-hyper",
            Framework::Axum => "p99-axum",
            Framework::Poem => "p99-poem",
        };
        report.row(Row::millis(row, &pairs, 2.0));
        Ok(())
    }
}

/// That an answer is the tenant's.
fn check(answer: &Answer, executions: usize) -> Fallible<()> {
    let metrics: serde_json::Value = serde_json::from_slice(&answer.body)?;
    let counted = metrics.get("total_executions").and_then(serde_json::Value::as_u64);
    if counted != u64::try_from(executions).ok() {
        return Err(format!("the answer counts {counted:?} executions, and there are {executions}").into());
    }
    Ok(())
}
