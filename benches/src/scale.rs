//! Many tenants: what the collector uses while ten thousand n8n servers are idle, and while a thousand run forty thousand executions a
//! minute.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use flowmastery_core::clock::{Clock, SystemClock};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::runtime::Builder;

use crate::{
    Fallible,
    measure::Effort,
    n8n_process::N8nProcess,
    program::Program,
    report::{Report, Row},
    tenants,
};

/// In MiB, resident at most.
const LIMIT: f64 = 150.0;
/// Idle tenants of the small and of the large run.
const IDLE: [u32; 2] = [1_000, 10_000];
/// How much more a collection may cost among ten times as many tenants.
const SAME_COST: f64 = 1.25;
/// Tenants that are busy, and the executions that each of them has in a minute.
const BUSY: (u32, u32) = (1_000, 40);
/// Between two looks at how far the collector is.
const LOOK: Duration = Duration::from_millis(250);
/// The longest that all tenants may take to be collected once.
const PATIENCE: Duration = Duration::from_secs(300);

/// The rows `memory-10000` and `tenant-cost`, and with full effort `busy-lag`.
///
/// # Errors
/// When a tenant is not collected.
pub fn run(report: &mut Report) -> Fallible<()> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(idle(report))?;
    if report.effort == Effort::Full { runtime.block_on(busy(report)) } else { Ok(()) }
}

/// Tenants whose n8n does nothing: memory, and what a collection costs with few and with many of them.
async fn idle(report: &mut Report) -> Fallible<()> {
    let n8n = N8nProcess::start(0)?;
    let mut costs = Vec::new();
    for tenants in IDLE {
        let directory = tempfile::tempdir()?;
        tenants::make(directory.path(), tenants, &n8n).await?;
        // Nobody is due twice while it lasts.
        let mut server = Server::start(directory.path(), Duration::from_secs(3600)).await?;
        let took = server.collect_all(tenants).await?;
        let collected = server.program.usage()?;
        let cost = collected.cpu.as_secs_f64() * 1e3 / f64::from(tenants);
        costs.push(cost);
        report.note(format!(
            "memory-10000, tenant-cost: {tenants} tenants, an n8n that does nothing behind an address of each, SQLite; all collected once in {:.1} s, \
             {:.0} a second; {cost:.2} ms of processor each; {:.1} MiB resident, {:.1} MiB at most",
            took.as_secs_f64(),
            f64::from(tenants) / took.as_secs_f64(),
            collected.resident_mib,
            collected.peak_mib,
        ));
        if Some(&tenants) == IDLE.last() {
            report.row(Row::quantity("memory-10000", (collected.peak_mib, "MiB"), LIMIT, 1.0));
        }
    }
    if let [few, many] = costs[..] {
        report.row(Row::quantity("tenant-cost", (many, "ms CPU"), few, SAME_COST));
    }
    Ok(())
}

/// Tenants whose n8n runs executions all the time: the processor's share, and how late the numbers are.
async fn busy(report: &mut Report) -> Fallible<()> {
    let (tenants, a_minute) = BUSY;
    let interval = Duration::from_secs(60);
    let n8n = N8nProcess::start(a_minute)?;
    let directory = tempfile::tempdir()?;
    tenants::make(directory.path(), tenants, &n8n).await?;
    let mut server = Server::start(directory.path(), interval).await?;
    let first = server.collect_all(tenants).await?;
    // All are collected at about the same time: from halfway between two times on, each of them counts as a whole.
    tokio::time::sleep(interval / 2).await;
    let (begun, before, stored) = (Instant::now(), server.program.usage()?, server.executions().await?);
    let mut latest = Duration::ZERO;
    while begun.elapsed() < interval * 3 {
        tokio::time::sleep(LOOK * 20).await;
        latest = latest.max(server.oldest_success().await?);
    }
    let (lasted, after) = (begun.elapsed().as_secs_f64(), server.program.usage()?);
    let counted = (server.executions().await? - stored) as f64 / lasted * 60.0;
    let share = (after.cpu - before.cpu).as_secs_f64() / lasted;
    report.note(format!(
        "busy-1000: {tenants} tenants, each with {a_minute} executions a minute, SQLite, collected every {} s; \
         first collection of all {:.1} s; then over {lasted:.0} s: {counted:.0} executions a minute stored, {:.0} % of a processor, {:.1} MiB resident \
         ({:.1} at most); the last success of any tenant was {:.1} s old at most",
        interval.as_secs(),
        first.as_secs_f64(),
        share * 100.0,
        after.resident_mib,
        after.peak_mib,
        latest.as_secs_f64(),
    ));
    let expected = f64::from(tenants * a_minute);
    report.row(Row::quantity("busy-lag", (latest.as_secs_f64(), "s"), interval.as_secs_f64(), 1.25));
    if counted < expected * 0.9 {
        return Err(format!("{counted:.0} executions a minute were stored, of about {expected:.0}").into());
    }
    Ok(())
}

/// A standalone server, and a look into its database that costs it nothing.
struct Server {
    program: Program,
    database: SqliteConnection,
}

impl Server {
    async fn start(directory: &Path, interval: Duration) -> Fallible<Self> {
        let seconds = interval.as_secs().to_string();
        let program = Program::start(directory, &[("SYNC_INTERVAL_SECONDS", &seconds)])?;
        let options = SqliteConnectOptions::new().filename(directory.join(tenants::DATABASE)).read_only(true);
        Ok(Self { program, database: SqliteConnection::connect_with(&options).await? })
    }

    /// Waits until every tenant was collected once; how long that took.
    async fn collect_all(&mut self, tenants: u32) -> Fallible<Duration> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let done = "SELECT count(*) FROM collections WHERE last_success_at IS NOT NULL";
            if self.number(done).await? == i64::from(tenants) {
                return Ok(begun.elapsed());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("not every tenant was collected in time".into())
    }

    async fn executions(&mut self) -> Fallible<i64> {
        self.number("SELECT count(*) FROM executions").await
    }

    /// How long ago the tenant that is furthest behind was collected from.
    async fn oldest_success(&mut self) -> Fallible<Duration> {
        let oldest = self.number("SELECT min(last_success_at) FROM collections").await?;
        Ok(Duration::from_millis(u64::try_from(SystemClock.now().as_millis() - oldest)?))
    }

    async fn number(&mut self, statement: &'static str) -> Fallible<i64> {
        Ok(sqlx::query_scalar(statement).fetch_one(&mut self.database).await?)
    }
}
