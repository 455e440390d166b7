//! The allocations of a page and of a warm request, against the table that is kept: the same on every machine, so that a change shows.

use std::error::Error;

use flowmastery_benches::{
    counted::Work,
    counts::{self, Counts},
};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// How much more or less than in the table is passed over, for dependencies change.
const TOLERANCE: f64 = 0.05;
/// Caches tidy up once in a while, so what most of these took counts.
const RUNS: usize = 25;

#[test]
fn a_page_and_a_warm_request_allocate_what_the_table_says() -> Result<(), Box<dyn Error>> {
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut found = Counts::new();
    for name in Work::NAMES {
        let mut work = Work::prepare(name)?;
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let before = dhat::HeapStats::get();
            work.run()?;
            let after = dhat::HeapStats::get();
            runs.push((after.total_blocks - before.total_blocks, after.total_bytes - before.total_bytes));
        }
        runs.sort_unstable();
        let (allocations, bytes) = runs[RUNS / 2];
        found.insert((name.to_owned(), "allocations".to_owned()), allocations);
        found.insert((name.to_owned(), "bytes".to_owned()), bytes);
    }
    if std::env::var_os("FLOWMASTERY_WRITE_COUNTS").is_some() {
        counts::keep(&found)?;
    }
    let differences = counts::differences(&counts::kept()?, &found, TOLERANCE);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
