//! A host with nothing in its cache and nothing known, on a database that is there, at an instant that stands still.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    Config, Flowmastery,
    access::actor::Actor,
    cache::{Cache, MemoryCache},
    clock::{Clock, Timestamp},
    id::UserId,
    model::{
        period::{Period, PeriodQuery},
        rollup::Range,
    },
    store::sql::SqlStore,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{
    bare::Reading,
    database::Database,
    seed::{Count, NOW},
};
use crate::{
    Fallible,
    measure::{Pairs, timed},
};

/// Who reads.
pub(super) const ADMIN: Actor = Actor::admin(UserId(1));

/// A clock that stands still, so that the feed of changes, once read, stays fresh.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// A host that has just started and has read the feed of changes once.
pub(super) async fn cold(database: &Database) -> Fallible<Flowmastery> {
    on(database.store.clone(), Arc::new(MemoryCache::default())).await
}

/// The same on any store and with any cache.
pub(super) async fn on(store: Arc<SqlStore>, cache: Arc<dyn Cache>) -> Fallible<Flowmastery> {
    let config =
        Config::new("a signing secret for a benchmark, long enough".into(), "https://agency.example");
    let host = Flowmastery::builder(config, store);
    let host = host.clock(Arc::new(Still)).cache(cache).build()?;
    host.feed().read().await?;
    Ok(host)
}

/// A period as a caller writes it.
pub(super) fn period(text: &str) -> Fallible<(PeriodQuery, Period)> {
    let query = PeriodQuery::parse(Some(text), (None, None), None, None);
    let query = query.map_err(|faults| format!("{faults:?}"))?;
    let period = query.at(NOW);
    Ok((query, period))
}

/// The ranges that an answer over a period sums.
pub(super) fn ranges(period: Period) -> impl Iterator<Item = Range> {
    std::iter::once(period.current).chain(period.previous)
}

/// Pairs of a bare reading and an answer of a cold host, whose start is not counted.
pub(super) fn pairs<'h, F>(
    (runtime, database): (&Runtime, &Database),
    budget: Duration,
    reading: &Reading,
    answer: impl Fn(Arc<Flowmastery>) -> F + 'h,
) -> Fallible<Pairs>
where
    F: Future<Output = Fallible<()>>,
{
    Pairs::measure(
        budget,
        || Ok(timed(|| runtime.block_on(reading.run(&database.bare)))?.0),
        || {
            let host = Arc::new(runtime.block_on(cold(database))?);
            Ok(timed(|| runtime.block_on(answer(host)))?.0)
        },
    )
}

/// That a summary of executions, as serialised, says what was counted.
pub(super) fn check(what: &str, answer: &Value, count: &Count) -> Fallible<()> {
    let say = |field: &str| {
        format!("{what}: {field} is {} and not what was counted", answer.get(field).unwrap_or(&Value::Null))
    };
    for (field, known) in [
        ("total_executions", count.total()),
        ("successful_executions", count.success),
        ("failed_executions", count.failed),
        ("canceled_executions", count.canceled),
    ] {
        if answer.get(field).and_then(Value::as_i64) != Some(known) {
            return Err(format!("{}: {known}", say(field)).into());
        }
    }
    let timed: i64 = count.durations.values().sum();
    let seconds = [
        ("avg_execution_time", count.millis as f64 / timed as f64, 1e-6),
        ("p50_execution_time", count.quantile(0.5) as f64, 0.01),
        ("p95_execution_time", count.quantile(0.95) as f64, 0.01),
        ("p99_execution_time", count.quantile(0.99) as f64, 0.01),
    ];
    for (field, millis, most_off) in seconds {
        let found = answer.get(field).and_then(Value::as_f64).unwrap_or(f64::NAN) * 1000.0;
        let off = (found - millis).abs() / millis;
        if off.is_nan() || off > most_off {
            return Err(format!("{}: {millis} ms", say(field)).into());
        }
    }
    Ok(())
}
