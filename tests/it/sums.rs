//! Numbers that have to agree, over random data and random questions, on both databases: points, workflows and clients sum to what
//! stands above them, statuses to their total, and percentiles are those of the executions.

use std::collections::BTreeMap;

use flowmastery_core::{
    clock::Timestamp,
    model::execution::{Execution, Status},
};
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    executions::{Dice, success},
    world::{ADMIN, NOW, World},
};
use serde_json::Value;

both_backends!(everything_sums_to_what_stands_above_it, percentiles_are_one_percent_off_at_most);

const QUARTER: i64 = 900_000;
const DAY: i64 = 96 * QUARTER;

fn now() -> i64 {
    Timestamp::parse(NOW).unwrap().as_millis()
}

/// An execution of the last 500 days, or of the next two: any status, mode and workflow, with the faults that n8n has.
fn random_execution(id: i64, dice: &mut Dice) -> Execution {
    let back = DAY * dice.pick(&[1, 1, 8, 40, 120, 500]);
    let started = Timestamp::from_millis(now() + 2 * DAY - dice.below((back + 2 * DAY) as u64) as i64);
    let workflow = format!("w{}", dice.below(7));
    let run = success(id, &workflow, started, dice.below(100_000));
    let status = dice.pick(&Status::ALL);
    let mode = dice.pick(&["webhook", "trigger", "retry", "manual", "cli", "new-mode"]);
    let stopped_at = match dice.below(10) {
        0 => None,
        1 => Some(Timestamp::from_millis(started.as_millis() - 5)),
        _ => run.stopped_at.filter(|_| status.is_terminal()),
    };
    let started_at = if status == Status::New { None } else { run.started_at };
    Execution { status, mode: mode.into(), started_at, stopped_at, ..run }
}

/// A random period, zone and choice of classes, as a query.
fn random_query(dice: &mut Dice) -> String {
    let zones = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/St_Johns",
    ];
    let period = match dice.pick(&["24h", "7d", "30d", "90d", "365d", "all", "", "", "", ""]) {
        "" => {
            let from = now() / QUARTER * QUARTER - dice.below(500 * 96) as i64 * QUARTER;
            let quarters = dice.pick(&[3, 100, 800, 9_000, 50_000]);
            let to = from + (1 + dice.below(quarters) as i64) * QUARTER;
            format!("from={}&to={}", Timestamp::from_millis(from), Timestamp::from_millis(to))
        }
        period => format!("period={period}"),
    };
    let include = dice.pick(&["", "&include=manual", "&include=all"]);
    format!("{period}&tz={}{include}", dice.pick(&zones))
}

/// Counts, in the order total, successful, failed, canceled, unfinished.
type Counts = [i64; 5];

/// The counts of an object whose names end like this; their parts sum to the total.
fn counts(object: &Value, suffix: &str) -> Counts {
    let names = ["total", "successful", "failed", "canceled", "unfinished"];
    let counts = names.map(|name| object[format!("{name}{suffix}")].as_i64().unwrap());
    assert_eq!(counts[0], counts[1..].iter().sum::<i64>(), "{object}");
    counts
}

fn sum(counts: impl IntoIterator<Item = Counts>) -> Counts {
    counts.into_iter().fold(Counts::default(), |mut sum, counts| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    })
}

/// The counts of a series by start, which ascend.
fn points(series: &Value) -> BTreeMap<String, Counts> {
    let points = series["points"].as_array().unwrap();
    let starts: Vec<_> = points.iter().map(|point| point["start"].as_str().unwrap()).collect();
    assert!(starts.is_sorted_by(|a, b| a < b), "{starts:?}");
    points.iter().map(|point| (point["start"].as_str().unwrap().to_owned(), counts(point, ""))).collect()
}

/// Asks everything once and compares; whether there was a series.
async fn check(world: &World, admin: &str, clients: &[i64], query: &str, interval: &str) -> bool {
    let get = async |path: &str| world.get(&format!("/api/v1/metrics/{path}"), admin).await;
    let all = get(&format!("all?{query}")).await.expect(200);
    let mut series = BTreeMap::<String, Vec<Counts>>::new();
    let mut summaries = Vec::new();
    for (client, listed) in clients.iter().zip(all["clients"].as_array().unwrap()) {
        let summary = get(&format!("client/{client}?{query}")).await.expect(200);
        assert_eq!(&summary, listed, "{query}");
        let workflows = get(&format!("client/{client}/workflows?{query}")).await.expect(200);
        assert_eq!(workflows["summary"], summary, "{query}");
        let total = counts(&summary, "_executions");
        let parts = workflows["workflows"].as_array().unwrap().iter();
        assert_eq!(sum(parts.map(|part| counts(part, "_executions"))), total, "workflows, {query}");
        let answer = get(&format!("client/{client}/timeseries?{query}{interval}")).await;
        if answer.status == 422 {
            assert_eq!(get(&format!("all/timeseries?{query}{interval}")).await.status, 422);
            return false;
        }
        let points = points(&answer.expect(200));
        assert_eq!(sum(points.values().copied()), total, "points, {query}{interval}");
        points.into_iter().for_each(|(start, counts)| series.entry(start).or_default().push(counts));
        summaries.push(total);
    }
    assert_eq!(all["total_executions"].as_i64().unwrap(), sum(summaries)[0], "clients, {query}");
    let whole = points(&get(&format!("all/timeseries?{query}{interval}")).await.expect(200));
    let series: BTreeMap<_, _> = series.into_iter().map(|(start, counts)| (start, sum(counts))).collect();
    assert_eq!(whole, series, "all points, {query}{interval}");
    true
}

async fn everything_sums_to_what_stands_above_it(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let mut dice = Dice(20_260_310);
    let mut clients = Vec::new();
    for (name, runs) in [("many", 1_200), ("some", 150), ("none", 0)] {
        let client = world.client(&admin, name).await;
        world.store_executions(client, (1..=runs).map(|id| random_execution(id, &mut dice)).collect()).await;
        clients.push(client);
    }
    let mut series = 0;
    for _ in 0..100 {
        let interval =
            dice.pick(&["", "&interval=hour", "&interval=day", "&interval=week", "&interval=month"]);
        let query = random_query(&mut dice);
        series += usize::from(check(&world, &admin, &clients, &query, interval).await);
    }
    assert!(series > 65, "only {series} series");
}

/// Durations in milliseconds, by the shape of their distribution.
fn durations(shape: &str, count: usize, dice: &mut Dice) -> Vec<u64> {
    let log_normal =
        |dice: &mut Dice, median: f64, sigma: f64| (median * (sigma * dice.normal()).exp()) as u64;
    let one = |at: usize, dice: &mut Dice| match shape {
        "log-normal" => log_normal(dice, 2_000.0, 1.5),
        "bimodal" if dice.below(10) < 9 => log_normal(dice, 20.0, 0.3),
        "bimodal" => log_normal(dice, 600_000.0, 0.1),
        "constant" => 4_321,
        // Each far from the one before, so that a wrong rank is far off, and at the ends of what there can be.
        _ => [0, 1, 49, 50, 51, 3_600_000, 31_536_000_000][at % 7] + (at as u64 % 3) * (1 << (at % 30)),
    };
    (0..count).map(|at| one(at, dice)).collect()
}

/// The duration at rank ⌈q · n⌉, in seconds.
fn exact(durations: &mut [u64], q: f64) -> f64 {
    durations.sort_unstable();
    let rank = ((q * durations.len() as f64).ceil() as usize).max(1);
    durations[rank - 1] as f64 / 1000.0
}

#[track_caller]
fn assert_near(told: &Value, durations: &mut [u64], q: f64) {
    if durations.is_empty() {
        assert!(told.is_null(), "{told}");
        return;
    }
    let (told, exact) = (told.as_f64().unwrap(), exact(durations, q));
    assert!((told - exact).abs() <= 0.01 * exact + 1e-6, "q {q}: {told} for {exact}");
}

async fn percentiles_are_one_percent_off_at_most(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let mut dice = Dice(7);
    for shape in ["log-normal", "bimodal", "constant", "adversarial"] {
        let client = world.client(&admin, shape).await;
        let runs: Vec<_> = durations(shape, 1_500, &mut dice)
            .into_iter()
            .enumerate()
            .map(|(at, millis)| {
                let start = now() - dice.below(20 * DAY as u64) as i64;
                let workflow = format!("w{}", dice.below(3));
                (start, millis, success(at as i64 + 1, &workflow, Timestamp::from_millis(start), millis))
            })
            .collect();
        world.store_executions(client, runs.iter().map(|(.., run)| run.clone()).collect()).await;
        let get = async |path: &str| {
            let path = format!("/api/v1/metrics/client/{client}{path}");
            world.get(&path, &admin).await.expect(200)
        };
        let mut all: Vec<_> = runs.iter().map(|(_, millis, _)| *millis).collect();
        for answer in [get("?tz=Asia/Kathmandu").await, get("/workflows").await["summary"].clone()] {
            for (q, name) in [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")] {
                assert_near(&answer[format!("{name}_execution_time")], &mut all, q);
            }
            let mean = all.iter().sum::<u64>() as f64 / all.len() as f64 / 1000.0;
            assert!((answer["avg_execution_time"].as_f64().unwrap() - mean).abs() < 1e-5 * mean.max(1.0));
        }
        for interval in ["hour", "day", "week", "month"] {
            let series = get(&format!("/timeseries?tz=Asia/Kathmandu&interval={interval}")).await;
            let points = series["points"].as_array().unwrap();
            let starts = points.iter().map(|point| Timestamp::parse(point["start"].as_str().unwrap()));
            let starts: Vec<_> = starts.map(|start| start.unwrap().as_millis()).collect();
            let ends = starts.iter().copied().skip(1).chain([i64::MAX]);
            for ((point, start), end) in points.iter().zip(&starts).zip(ends) {
                let inside = runs.iter().filter(|(at, ..)| (*start..end).contains(at));
                let mut inside: Vec<_> = inside.map(|(_, millis, _)| *millis).collect();
                assert_near(&point["p95_execution_time"], &mut inside, 0.95);
            }
        }
    }
}
