//! `/metrics/all` over more and more clients, cold, and out of the cache.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flowmastery_core::{Flowmastery, cache::MemoryCache, model::period::PeriodQuery};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{
    bare::Reading,
    database::Database,
    host::{self, ADMIN, cold, period, ranges},
    seed::{Seeder, Shape},
};
use crate::{
    Fallible,
    measure::Pairs,
    report::{Plot, Report, Row},
};

/// How many clients, and what the row is called on Postgres and on SQLite.
const SIZES: [(i64, &str, &str); 3] = [
    (100, "all-100-cold", "all-100-cold-sqlite"),
    (1_000, "all-1000-cold", "all-1000-cold-sqlite"),
    (10_000, "all-10000-cold", "all-10000-cold-sqlite"),
];
/// A few workflows each, 30 days.
const SHAPE: Shape = Shape { workflows: 3, days: 30, hourly: 0, quarters: None, hours: 4, most_runs: 3 };

pub(super) fn run(report: &mut Report, runtime: &Runtime, database: &Database) -> Fallible<()> {
    let (query, period) = period("30d")?;
    let mut seeder = Seeder::new(database, SHAPE, &[period.current]);
    let reading = Reading::of(None, ranges(period));
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for (clients, postgres, sqlite) in SIZES {
        runtime.block_on(seeder.fill_to(clients))?;
        check(runtime, database, &query, &seeder)?;
        let seconds = if clients < 10_000 { report.effort.pick(2, 10) } else { report.effort.pick(0, 60) };
        let pairs = host::pairs((runtime, database), Duration::from_secs(seconds), &reading, |host| {
            let query = query.clone();
            async move {
                std::hint::black_box(host.metrics().all_document(ADMIN, &query).await?);
                Ok(())
            }
        })?;
        let name = database.pick(postgres, sqlite);
        let rows = runtime.block_on(reading.run(&database.bare))?;
        note(report, name, rows, &pairs);
        report.row(Row::millis(name, &pairs, 1.5));
        ours.push((clients as f64, pairs.ours * 1e3));
        bare.push((clients as f64, pairs.limit * 1e3));
    }
    warm(report, runtime, database, &query)?;
    growth(report, database, ours, bare);
    Ok(())
}

fn note(report: &mut Report, name: &str, rows: usize, pairs: &Pairs) {
    report.note(format!(
        "{name}: {rows} rows of clients, their 3 workflows and 30 days of them; nothing cached and nothing known; one request at a time, serialised; {} pairs after one of warm-up; quartiles {:.2} to {:.2}",
        pairs.rounds,
        1.0 / pairs.quartiles.1,
        1.0 / pairs.quartiles.0,
    ));
}

/// That the answer has every client with its executions, and the totals.
fn check(runtime: &Runtime, database: &Database, query: &PeriodQuery, seeder: &Seeder<'_>) -> Fallible<()> {
    let host = runtime.block_on(cold(database))?;
    let document = runtime.block_on(host.metrics().all_document(ADMIN, query))?;
    let answer: Value = serde_json::from_slice(&document.body)?;
    let clients = answer.get("clients").and_then(Value::as_array).ok_or("the answer lists clients")?;
    let totals: Vec<_> = clients.iter().filter_map(total_of).collect();
    let [counted] = seeder.counted.as_slice() else { return Err("one span is counted".into()) };
    let total = total_of(&answer);
    if totals != seeder.filled.totals || total != Some(counted.count.total()) {
        return Err("the executions of all clients are not those that were counted".into());
    }
    let finished = counted.count.success + counted.count.failed;
    let rate = (counted.count.success as f64 / finished as f64 * 10_000.0).round() / 100.0;
    if answer.get("overall_success_rate").and_then(Value::as_f64) != Some(rate) {
        return Err(format!("the success rate is not {rate}").into());
    }
    Ok(())
}

fn total_of(answer: &Value) -> Option<i64> {
    answer.get("total_executions")?.as_i64()
}

/// The row `all-warm`. The store is closed before anybody asks, so an answer that needed a query would be an error.
fn warm(report: &mut Report, runtime: &Runtime, database: &Database, query: &PeriodQuery) -> Fallible<()> {
    const ASKED: u32 = 20_000;
    let apart = runtime.block_on(database.another_store())?;
    let host = runtime.block_on(host::on(apart.clone(), Arc::new(MemoryCache::default())))?;
    let first = runtime.block_on(host.metrics().all_document(ADMIN, query))?;
    runtime.block_on(apart.close());
    let begun = Instant::now();
    let failed = runtime.block_on(async {
        let mut failed = 0;
        for _ in 0..ASKED {
            let answer = host.metrics().all_document(ADMIN, query).await;
            failed += u32::from(answer.ok().is_none_or(|answer| answer.etag != first.etag));
        }
        failed
    });
    let rate = f64::from(ASKED) / begun.elapsed().as_secs_f64();
    if runtime.block_on(asks_the_store(&host, query)) {
        return Err("the store was not closed".into());
    }
    let name = database.pick("all-warm", "all-warm-sqlite");
    report.note(format!(
        "{name}: {ASKED} answers of {} bytes over 10,000 clients, one after the other, with every connection to the database closed: {failed} needed it; {rate:.0} answers/s",
        first.body.len(),
    ));
    report.row(Row::quantity(name, (f64::from(failed) / f64::from(ASKED), "queries"), 1.0, 0.0));
    Ok(())
}

/// Whether something that is in no cache is answered.
async fn asks_the_store(host: &Flowmastery, query: &PeriodQuery) -> bool {
    host.metrics().all(ADMIN, query).await.is_ok()
}

/// What a client costs, at most and at fewest clients.
fn growth(report: &mut Report, database: &Database, ours: Vec<(f64, f64)>, bare: Vec<(f64, f64)>) {
    if let [(few, short), .., (many, long)] = ours.as_slice() {
        report.note(format!(
            "{}: a client costs {:.1} µs of {few} and {:.1} µs of {many}: {:.2} times as much",
            database.name(),
            short * 1e3 / few,
            long * 1e3 / many,
            (long / many) / (short / few),
        ));
    }
    report.plot(Plot {
        name: database.pick("all-cold", "all-cold-sqlite"),
        title: database.pick("/metrics/all, cold, on Postgres", "/metrics/all, cold, on SQLite"),
        axes: ("clients", "ms"),
        curves: vec![("answer", ours), ("bare statements", bare)],
    });
}
