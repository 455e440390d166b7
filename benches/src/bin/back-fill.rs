//! Measures a back-fill, a day of the busiest user on record, against reading the same pages and storing nothing.
//!
//! `cargo run --release -p flowmastery-benches --bin back-fill`, with another number of executions as its argument for a smaller run.
//! The simulated n8n runs in a process of its own, so that the peak memory is ours alone. The bare loop over the pages runs before and
//! after, through the same HTTP client; the metrics must count what n8n listed.

use std::{
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use flowmastery_benches::{
    Fallible,
    program::{SECRET, Usage},
    tenants,
};
use flowmastery_core::{
    Config, Flowmastery,
    access::{actor::Actor, scope::TenantScope},
    clock::{Clock, SystemClock},
    id::{ClientId, UserId},
    model::{
        client::Instance, execution::Status, instance::InstanceUrl, outbound::OutboundPolicy,
        period::PeriodQuery,
    },
    n8n::{ExecutionQuery, HttpN8n, HttpN8nConfig, N8nApi},
    store::{Store, sql::SqlStore},
    sync::CollectionRequests,
};
use n8n_simulator::{Dialect, FakeN8n, History, Plan};

/// A day of the busiest user on record.
const EXECUTIONS: usize = 541_000;
/// As many as the benchmark of aggregation has.
const WORKFLOWS: usize = 200;
/// Where the history begins: long enough ago that it ends before now, recently enough that nothing ages out.
const BEGINNING: Duration = Duration::from_secs(3 * 86_400);
/// What says that this process is to be the simulated n8n.
const BE_N8N: &str = "--n8n";

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    let is_n8n = arguments.next_if(|argument| argument == BE_N8N).is_some();
    let executions = arguments.next().map_or(Ok(EXECUTIONS), |argument| argument.parse())?;
    if is_n8n { be_n8n(executions).await } else { measure(executions).await }
}

/// Is n8n 2 with so many executions until standard input ends; prints its address and key.
#[expect(clippy::print_stdout, reason = "the other process reads them there")]
async fn be_n8n(executions: usize) -> Fallible<()> {
    let n8n = FakeN8n::start_as(Dialect::V2).await;
    let plan = Plan { workflows: WORKFLOWS, per_day: EXECUTIONS as f64, unsaved: 0.0, ..Plan::default() };
    History::new(7, SystemClock.now().minus(BEGINNING), plan).fill(&mut n8n.state(), executions);
    println!("{}\n{}", n8n.base_url(), n8n.key());
    std::io::stdout().flush()?;
    // The reading thread ends with the other process, also where that is killed.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

/// The process that is n8n; ends when dropped.
struct N8nProcess {
    process: Child,
    instance: Instance,
}

impl N8nProcess {
    /// Starts it and waits until it answers.
    fn start(executions: usize) -> Fallible<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = command.arg(BE_N8N).arg(executions.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("standard output is a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let mut line = || lines.next().ok_or("n8n ended before it began")?.map_err(Box::<dyn Error>::from);
        let (url, key) = (line()?, line()?);
        let url = InstanceUrl::parse(&url).map_err(|fault| fault.message)?;
        Ok(Self { process, instance: Instance { url, key: key.into() } })
    }
}

impl Drop for N8nProcess {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself; where it could not be waited for, nothing more can be done.
        let _ = self.process.wait();
    }
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
async fn measure(executions: usize) -> Fallible<()> {
    let n8n = N8nProcess::start(executions)?;
    let (listed, before) = timed(read_pages(&n8n.instance)).await?;
    let peak_before = peak_mib()?;
    let (counted, ours) = timed(back_fill(&n8n.instance)).await?;
    let peak = peak_mib()?;
    let (listed_again, after) = timed(read_pages(&n8n.instance)).await?;
    assert_eq!((listed, counted), (listed_again, Some(listed)), "the metrics count what n8n lists");

    let (bare, rate) = ((before + after) / 2.0, listed as f64 / ours);
    println!("back-fill of {listed} executions: {ours:.1} s, {rate:.0} executions/s");
    println!("bare page loop, mean of before and after: {bare:.1} s ({before:.1} s, {after:.1} s)");
    println!("ratio: {:.2}", ours / bare);
    println!("peak memory: {peak:.1} MiB ({peak_before:.1} MiB after the bare page loop before)");
    Ok(())
}

/// What something gives, and how many seconds it takes.
async fn timed<T>(work: impl Future<Output = Fallible<T>>) -> Fallible<(T, f64)> {
    let start = Instant::now();
    let result = work.await?;
    Ok((result, start.elapsed().as_secs_f64()))
}

/// Reads every page as the collector does and keeps nothing; how many executions there are. n8n lists running ones apart.
async fn read_pages(instance: &Instance) -> Fallible<i64> {
    let n8n = HttpN8n::new(HttpN8nConfig::new(OutboundPolicy::development()))?;
    let mut listed = 0;
    for status in [Some(Status::Running), None] {
        let mut query = ExecutionQuery { status, ..ExecutionQuery::default() };
        loop {
            let page = n8n.executions(instance, &query).await?;
            listed += i64::try_from(page.items.len())?;
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
    }
    Ok(listed)
}

/// Collects a new client of a new database until everything was read once; how many executions its metrics count.
async fn back_fill(instance: &Instance) -> Fallible<Option<i64>> {
    let directory = tempfile::tempdir()?;
    let url = format!("sqlite://{}", directory.path().join("store.db").display());
    let store: Arc<dyn Store> = Arc::new(SqlStore::open(url).await?);
    let mut config = Config::new(SECRET.into(), "https://agency.example");
    config.outbound = OutboundPolicy::development();
    let flowmastery = Flowmastery::builder(config, store.clone()).build()?;
    let client = tenants::configure(store.as_ref(), "Busiest", instance).await?;

    while !is_back_filled(store.as_ref(), client).await? {
        flowmastery.collector().collect_now(client, Duration::from_secs(3600)).await;
    }
    let everything = PeriodQuery::parse(Some("all"), (None, None), None, Some("all"));
    let everything = everything.map_err(|faults| format!("{faults:?}"))?;
    let metrics = flowmastery.metrics().client(Actor::admin(UserId(1)), client, &everything).await?;
    flowmastery.collector().shut_down().await;
    Ok(metrics.executions.total_executions)
}

/// Whether everything was read once.
///
/// # Errors
/// Also when the last collection failed.
async fn is_back_filled(store: &dyn Store, client: ClientId) -> Fallible<bool> {
    let found = store.find_client(TenantScope::client(client), client).await?;
    let collection = found.ok_or("the client is gone")?.collection;
    collection.failure.map_or(Ok(collection.back_filled), |failure| Err(failure.message.into()))
}

/// The most memory that this process has had in use so far, resident, in MiB.
fn peak_mib() -> Fallible<f64> {
    Ok(Usage::of(std::process::id())?.peak_mib)
}
