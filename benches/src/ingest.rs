//! Ingest: pages as n8n sends them to rows and rollups that are committed, against writing the same executions and nothing else.
//!
//! Ours decodes each page and stores batches as a back-fill does, each with the place of the walk in its transaction. The limit has its rows in memory,
//! in the order of the key, and writes no rollups. Every round begins with a new client of empty tables.

mod bare;
mod target;

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use flowmastery_core::{
    clock::Timestamp,
    id::ExecutionId,
    model::{client::Progress, execution::Execution},
    n8n::wire::decode_executions,
    service::collect::CollectionLimits,
    store::{Batch, Walk, sql::SqlStore},
};

use tokio::runtime::Runtime;

use self::{
    bare::{BarePostgres, BareRow},
    target::{HELD, Target},
};
use crate::{
    Fallible,
    measure::Pairs,
    report::{Report, Row},
    sample::{ROWS_PER_PAGE, Sample},
};

/// 2026-01-05T00:00:00Z, after every execution of the sample.
const NOW: Timestamp = Timestamp::from_millis(1_767_571_200_000);

/// How many executions a tenant has a minute: as many as each of a thousand of which 40,000 a minute are collected.
const A_MINUTE: usize = 40;
/// So many pages use every statement that writes new rows.
const WARM_UP_PAGES: usize = 8;

/// The rows `ingest-sqlite` and `ingest-postgres`.
///
/// # Errors
/// When a side does not store what is known, or there is no database.
pub fn run(report: &mut Report) -> Fallible<()> {
    let pages = report.effort.pick(200, 400);
    let minutes = i64::try_from(pages * ROWS_PER_PAGE / A_MINUTE)?;
    let sample = Sample::generate(pages, minutes);
    report.note(format!(
        "ingest: {} executions of 200 workflows over {minutes} minutes, {A_MINUTE} a minute as the tenants of busy-1000, in pages of {ROWS_PER_PAGE}, stored {} at a time, {} quarter hours of a workflow and a class; \
         one writer, whose connections are open and on SQLite have their statements prepared, as a server's; the limit writes executions only",
        sample.executions(),
        CollectionLimits::default().walk_batch,
        sample.answer.buckets,
    ));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let rows = bare::rows(&sample)?;
    sqlite(report, &runtime, (&sample, &rows))?;
    postgres(report, &runtime, (&sample, &rows))
}

fn sqlite(report: &mut Report, runtime: &Runtime, (sample, rows): (&Sample, &[BareRow])) -> Fallible<()> {
    let tables = runtime.block_on(target::sqlite_tables())?;
    let ours = || {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("store.db");
        let took = runtime.block_on(async {
            let store = target::new_sqlite(&file).await?;
            warm_up(store.clone(), sample).await?;
            target::empty_sqlite(&file)?;
            ingest(&Target::new(store).await?, sample).await
        })?;
        target::check_held(target::texts(&file, HELD)?, &sample.answer)?;
        Ok(took)
    };
    let pairs = Pairs::measure(budget(report), || bare::write_sqlite(&tables, rows), ours)?;
    note(report, "ingest-sqlite", "one prepared insert in one transaction, by rusqlite", &pairs);
    report.row(Row::rate("ingest-sqlite", work(sample), &pairs, 0.5));
    Ok(())
}

fn postgres(report: &mut Report, runtime: &Runtime, (sample, rows): (&Sample, &[BareRow])) -> Fallible<()> {
    let mut postgres = runtime.block_on(BarePostgres::connect())?;
    let (route, [copy, unnest]) = runtime.block_on(postgres.fastest(rows))?;
    let postgres = RefCell::new(postgres);
    let ours = || {
        let mut postgres = postgres.borrow_mut();
        runtime.block_on(async {
            let target = postgres.target().await?;
            let took = ingest(&target, sample).await?;
            target::check_held(postgres.texts(HELD).await?, &sample.answer)?;
            Ok(took)
        })
    };
    let limit = || runtime.block_on(postgres.borrow_mut().write(rows, route));
    let pairs = Pairs::measure(budget(report), limit, ours)?;
    let limit = format!("{route:?} in one transaction (COPY takes {copy:.2} s, UNNEST {unnest:.2} s)");
    note(report, "ingest-postgres", &limit, &pairs);
    report.row(Row::rate("ingest-postgres", work(sample), &pairs, 0.5));
    Ok(())
}

fn budget(report: &Report) -> Duration {
    Duration::from_secs(report.effort.pick(10, 40))
}

fn work(sample: &Sample) -> (f64, &'static str) {
    (sample.executions() as f64, "executions/s")
}

fn note(report: &mut Report, name: &str, limit: &str, pairs: &Pairs) {
    let (low, high) = pairs.quartiles;
    report.note(format!(
        "{name}: the limit is {limit}; {} pairs after one of warm-up; quartiles {low:.2} to {high:.2}",
        pairs.rounds
    ));
}

/// What is measured, and whether it stored what it should.
async fn ingest(target: &Target, sample: &Sample) -> Fallible<Duration> {
    let start = Instant::now();
    back_fill(target, sample).await?;
    let took = start.elapsed();
    target.check_metrics(&sample.answer).await?;
    Ok(took)
}

/// Stores some executions of another client, so that the statements are prepared, as they are in a host that runs.
async fn warm_up(store: SqlStore, sample: &Sample) -> Fallible<()> {
    let (mut pages, mut rows) = (sample.pages.iter().rev().take(WARM_UP_PAGES), 0);
    let target = Target::new(store).await?;
    if let Some(batch) = read_batch(&mut pages, &mut rows).await? {
        target.apply(batch).await?;
    }
    Ok(())
}

/// Stores pages as a back-fill does: while one batch is stored the next one is read.
async fn back_fill(target: &Target, sample: &Sample) -> Fallible<()> {
    let (mut pages, mut rows) = (sample.pages.iter(), 0);
    let mut next = read_batch(&mut pages, &mut rows).await?;
    while let Some(batch) = next {
        let (stored, read) = tokio::join!(target.apply(batch), read_batch(&mut pages, &mut rows));
        stored?;
        next = read?;
    }
    Ok(())
}

/// Decodes pages until they are enough to be stored.
async fn read_batch(pages: &mut impl Iterator<Item = &Vec<u8>>, rows: &mut i64) -> Fallible<Option<Batch>> {
    let (mut executions, mut cursor) = (Vec::new(), None);
    for page in pages {
        let page = decode_executions(page)?;
        *rows += i64::try_from(page.items.len())?;
        executions.extend(page.items);
        cursor = page.next.map(|cursor| cursor.0);
        if executions.len() >= CollectionLimits::default().walk_batch {
            break;
        }
        // Here a collection waits for n8n.
        tokio::task::yield_now().await;
    }
    Ok((!executions.is_empty()).then(|| batch(executions, cursor, *rows)))
}

fn batch(executions: Vec<Execution>, cursor: Option<String>, rows: i64) -> Batch {
    let below = executions.last().map_or(ExecutionId(0), |execution| execution.id);
    let oldest = executions.last().and_then(|execution| execution.started_at);
    Batch {
        progress: cursor.is_some().then_some(Progress { executions: rows, oldest }),
        walk: Some(Walk { cursor, below, rows }),
        complete_to: Some(ExecutionId(rows)),
        ..Batch::of(executions, NOW)
    }
}
