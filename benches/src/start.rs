//! The standalone server by itself: from its start to the first answer, and its memory while nothing happens.

use std::{path::Path, time::Duration};

use crate::{
    Fallible,
    measure::{quantile, timed},
    program::{Program, ask},
    report::{Report, Row},
};

/// In milliseconds.
const COLD_START_LIMIT: f64 = 100.0;
/// In MiB, resident.
const IDLE_LIMIT: f64 = 25.0;
/// How long a server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(4);

/// The rows `cold-start` and `memory-idle`.
///
/// # Errors
/// When the server does not answer.
pub fn run(report: &mut Report) -> Fallible<()> {
    let directory = tempfile::tempdir()?;
    let (new, first) = first_answer(directory.path())?;
    drop(first);
    let starts = report.effort.pick(9, 25);
    let mut times = Vec::with_capacity(starts);
    for _ in 0..starts {
        times.push(first_answer(directory.path())?.0);
    }
    let median = quantile(times.iter().copied(), 0.5);
    let size = Program::file()?.metadata()?.len() as f64 / (1024.0 * 1024.0);
    report.note(format!(
        "cold-start: the process of the standalone server to its first answer (GET /health over loopback), existing SQLite database; median of {starts}, \
         {:.0} to {:.0} ms; a new database with its schema and key {new:.0} ms; size of the program {size:.1} MiB",
        quantile(times.iter().copied(), 0.0),
        quantile(times.iter().copied(), 1.0),
    ));
    report.row(Row::quantity("cold-start", (median, "ms"), COLD_START_LIMIT, 1.0));

    let (_, idle) = first_answer(directory.path())?;
    std::thread::sleep(IDLE);
    let usage = idle.usage()?;
    report.note(format!(
        "memory-idle: resident, {} s after its first answer; {:.1} MiB at most since its start",
        IDLE.as_secs(),
        usage.peak_mib
    ));
    report.row(Row::quantity("memory-idle", (usage.resident_mib, "MiB"), IDLE_LIMIT, 1.0));
    Ok(())
}

/// Milliseconds from the start of the process to its first answer.
fn first_answer(directory: &Path) -> Fallible<(f64, Program)> {
    let (time, program) = timed(|| {
        let program = Program::start(directory, &[])?;
        ask(program.address(), "GET /health HTTP/1.1", "")?;
        Ok(program)
    })?;
    Ok((time.as_secs_f64() * 1e3, program))
}
