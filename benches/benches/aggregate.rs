//! Aggregation throughput: n8n's bytes to rollup differences, against parsing the same bytes and nothing else.
//!
//! `cargo bench -p flowmastery-benches --bench aggregate`. The sample is what n8n keeps by default: 10,000 executions, here of three
//! days. Both sides are measured in the same run and checked against a known answer outside of the timed part.

use std::{collections::HashSet, error::Error, hint::black_box, time::Instant};

use criterion::{Criterion, Throughput};
use flowmastery_benches::{Answer, Sample};
use flowmastery_core::{
    clock::Timestamp,
    model::{
        execution::Status,
        rollup::{BucketKey, Fold, Tally},
    },
    n8n::wire::decode_executions,
};
use serde::Deserialize;

/// 2026-01-05T00:00:00Z, after every execution of the sample.
const NOW: Timestamp = Timestamp::from_millis(1_767_571_200_000);

/// Rounds of the comparison at the end.
const ROUNDS: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let sample = Sample::generate(40, 72);
    assert_eq!(aggregated(&sample)?, sample.answer, "aggregating gives the known answer");
    assert_eq!(parsed(&sample)?, sample.answer.counts, "parsing gives the known counts");

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(sample.executions() as u64));
    group.bench_function("parse only", |bencher| bencher.iter(|| parse_all(&sample)));
    group.bench_function("bytes to deltas", |bencher| bencher.iter(|| aggregate_all(&sample)));
    group.finish();
    criterion.final_summary();
    report(&sample);
    Ok(())
}

fn parse_all(sample: &Sample) -> bool {
    parse(sample, |row| {
        black_box(row);
    })
    .is_ok()
}

fn aggregate_all(sample: &Sample) -> bool {
    aggregate(sample, |delta| {
        black_box(delta);
    })
    .is_ok()
}

/// What is measured: each page decoded and folded, and its differences taken out.
fn aggregate(sample: &Sample, mut sink: impl FnMut((&BucketKey, &Tally))) -> Result<(), Box<dyn Error>> {
    for page in &sample.pages {
        let executions = decode_executions(page)?.items;
        let mut fold = Fold::with_capacity(executions.len());
        for execution in executions {
            fold.read(execution, None, NOW);
        }
        fold.deltas().for_each(&mut sink);
    }
    Ok(())
}

/// The limit: the same bytes into borrowed rows of the same ten keys.
fn parse<'a>(sample: &'a Sample, mut sink: impl FnMut(&Row<'a>)) -> Result<(), Box<dyn Error>> {
    for page in &sample.pages {
        let page: Page<'a> = serde_json::from_slice(page)?;
        black_box(page.next_cursor);
        page.data.iter().for_each(&mut sink);
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<Row<'a>>,
    next_cursor: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "n8n's ten keys, all of which the parser fills in")]
struct Row<'a> {
    id: &'a str,
    finished: bool,
    mode: &'a str,
    retry_of: Option<&'a str>,
    retry_success_id: Option<&'a str>,
    status: &'a str,
    started_at: Option<&'a str>,
    stopped_at: Option<&'a str>,
    workflow_id: &'a str,
    wait_till: Option<&'a str>,
}

fn aggregated(sample: &Sample) -> Result<Answer, Box<dyn Error>> {
    let (mut total, mut buckets) = (Tally::default(), HashSet::new());
    aggregate(sample, |(key, delta)| {
        total.merge(delta);
        buckets.insert(key.clone());
    })?;
    Ok(Answer {
        counts: *total.counts(),
        durations: total.sketch().count(),
        duration_sum_millis: total.duration_sum_millis(),
        buckets: buckets.len(),
    })
}

fn parsed(sample: &Sample) -> Result<[i64; 8], Box<dyn Error>> {
    let mut counts = [0; 8];
    parse(sample, |row| {
        if let Some(count) = counts.get_mut(Status::from_n8n(row.status).index()) {
            *count += 1;
        }
    })?;
    Ok(counts)
}

/// Prints both rates and their ratio, each side's fastest of many rounds in turn, so that what else the machine does tells on neither.
#[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
fn report(sample: &Sample) {
    let per_second = |run: fn(&Sample) -> bool| {
        let start = Instant::now();
        black_box(run(sample));
        sample.executions() as f64 / start.elapsed().as_secs_f64()
    };
    let (mut limit, mut ours) = (0.0f64, 0.0f64);
    for _ in 0..ROUNDS {
        limit = limit.max(per_second(parse_all));
        ours = ours.max(per_second(aggregate_all));
    }
    println!("parse only:      {limit:>12.0} executions/s");
    println!("bytes to deltas: {ours:>12.0} executions/s");
    println!("ratio:           {:>12.3}", ours / limit);
}
