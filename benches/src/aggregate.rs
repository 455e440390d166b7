//! Aggregation throughput: n8n's bytes to rollup differences with their sketches, against parsing the same bytes and nothing else.

use std::{collections::HashSet, hint::black_box, time::Duration};

use flowmastery_core::{
    clock::Timestamp,
    model::{
        execution::Status,
        rollup::{BucketKey, Fold, Tally},
    },
    n8n::wire::decode_executions,
};
use serde::Deserialize;

use crate::{
    Fallible,
    measure::{Pairs, timed_on_core},
    report::{Report, Row},
    sample::{Answer, ROWS_PER_PAGE, Sample},
};

/// 2026-01-05T00:00:00Z, after every execution of the sample.
const NOW: Timestamp = Timestamp::from_millis(1_767_571_200_000);

/// What n8n keeps by default: 10,000 executions, here of three days.
pub fn sample() -> Sample {
    Sample::generate(40, 72 * 60)
}

/// The row `aggregate`.
///
/// # Errors
/// When a side does not give the known answer.
pub fn run(report: &mut Report) -> Fallible<()> {
    let sample = sample();
    check(&sample)?;
    let budget = Duration::from_secs(report.effort.pick(5, 20));
    let against = |limit: fn(&Sample) -> Fallible<()>| {
        let limit = || Ok(timed_on_core(|| limit(&sample))?.0);
        Pairs::measure(budget, limit, || Ok(timed_on_core(|| aggregate_all(&sample))?.0))
    };
    let pairs = against(parse_all)?;
    report.note(format!(
        "aggregate: {} pages of {ROWS_PER_PAGE} executions of 200 workflows, {} bytes; one thread, its time on the core; {} pairs after one of warm-up; quartiles {:.2} to {:.2}",
        sample.pages.len(),
        sample.pages.iter().map(Vec::len).sum::<usize>(),
        pairs.rounds,
        pairs.quartiles.0,
        pairs.quartiles.1,
    ));
    report.note(format!(
        "aggregate: against the same parse of each page after one check that it is UTF-8, which is how ours begins: {:.2}",
        against(parse_all_as_text)?.speed,
    ));
    report.row(Row::rate("aggregate", (sample.executions() as f64, "executions/s"), &pairs, 0.8));
    Ok(())
}

/// That both sides do what they say.
///
/// # Errors
/// When one does not give the known answer.
pub fn check(sample: &Sample) -> Fallible<()> {
    if aggregated(sample)? != sample.answer {
        return Err("aggregating does not give the known answer".into());
    }
    if parsed(sample)? != sample.answer.counts {
        return Err("parsing does not give the known counts".into());
    }
    Ok(())
}

/// The limit: the same bytes into borrowed rows of the same ten keys.
///
/// # Errors
/// When a page is not n8n's.
pub fn parse_all(sample: &Sample) -> Fallible<()> {
    parse(sample, |page| Ok(serde_json::from_slice(page)?), sink)
}

/// A limit that knows a trick: texts need no check of their own in a page that is UTF-8 as a whole.
fn parse_all_as_text(sample: &Sample) -> Fallible<()> {
    parse(sample, |page| Ok(serde_json::from_str(str::from_utf8(page)?)?), sink)
}

/// What is measured: each page decoded and folded, and its differences taken out.
///
/// # Errors
/// When a page is not n8n's.
pub fn aggregate_all(sample: &Sample) -> Fallible<()> {
    aggregate(sample, |delta| {
        black_box(delta);
    })
}

fn aggregate(sample: &Sample, mut sink: impl FnMut((&BucketKey, &Tally))) -> Fallible<()> {
    for page in &sample.pages {
        let executions = decode_executions(page)?.items;
        let mut fold = Fold::with_capacity(executions.len());
        for execution in executions {
            fold.read(execution, None, NOW);
        }
        fold.deltas().iter().for_each(&mut sink);
    }
    Ok(())
}

fn sink(row: &Execution<'_>) {
    black_box(row);
}

fn parse<'a>(
    sample: &'a Sample,
    read: impl Fn(&'a [u8]) -> Fallible<Page<'a>>,
    mut sink: impl FnMut(&Execution<'a>),
) -> Fallible<()> {
    for page in &sample.pages {
        let page = read(page)?;
        black_box(page.next_cursor);
        page.data.iter().for_each(&mut sink);
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<Execution<'a>>,
    next_cursor: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "n8n's ten keys, all of which the parser fills in")]
struct Execution<'a> {
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

fn aggregated(sample: &Sample) -> Fallible<Answer> {
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

fn parsed(sample: &Sample) -> Fallible<[i64; 8]> {
    let mut counts = [0; 8];
    let read = |page| Ok(serde_json::from_slice(page)?);
    parse(sample, read, |row| {
        if let Some(count) = counts.get_mut(Status::from_n8n(row.status).index()) {
            *count += 1;
        }
    })?;
    Ok(counts)
}
