//! Aggregation under criterion, for work on it: `cargo bench -p flowmastery-benches --bench aggregate`. The ratio that is published is
//! measured in pairs by `scripts/bench aggregate`.

use criterion::{Criterion, Throughput};
use flowmastery_benches::{
    Fallible,
    aggregate::{aggregate_all, check, parse_all, sample},
};

fn main() -> Fallible<()> {
    let sample = sample();
    check(&sample)?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(sample.executions() as u64));
    group.bench_function("parse only", |bencher| bencher.iter(|| parse_all(&sample)));
    group.bench_function("bytes to deltas", |bencher| bencher.iter(|| aggregate_all(&sample)));
    group.finish();
    criterion.final_summary();
    Ok(())
}
