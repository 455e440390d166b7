//! Counts instructions under valgrind and holds them against the table that is kept; `scripts/counts` builds and starts it.
//!
//! Each work runs in a process of its own, a few times and many times: what the many take more is theirs, whatever starting takes. Starting
//! differs by a million from process to process, so there are as many as make that little.

use std::process::Command;

use clap::{Parser, Subcommand};
use flowmastery_benches::{
    Fallible,
    counted::Work,
    counts::{self, Counts},
};

/// How much more or less than in the table is passed over: compilers and dependencies change.
const TOLERANCE: f64 = 0.1;

/// Counts instructions.
#[derive(Parser)]
struct Arguments {
    /// Keeps what is found, after a change that is meant.
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// Does a work so many times, to be counted from outside.
    Run {
        /// Which.
        work: String,
        /// How often.
        times: u64,
    },
}

#[expect(clippy::print_stdout, reason = "what was found")]
fn main() -> Fallible<()> {
    let arguments = Arguments::parse();
    if let Some(Part::Run { work, times }) = arguments.part {
        let mut work = Work::prepare(&work)?;
        return (0..times).try_for_each(|_| work.run());
    }
    let mut found = Counts::new();
    for work in Work::NAMES {
        let [few, many] = Work::runs(work);
        let each = instructions(work, many)?.saturating_sub(instructions(work, few)?) / (many - few);
        println!("{work} instructions {each}");
        found.insert((work.to_owned(), "instructions".to_owned()), each);
    }
    if arguments.write {
        counts::keep(&found)?;
    }
    let differences = counts::differences(&counts::kept()?, &found, TOLERANCE);
    if differences.is_empty() { Ok(()) } else { Err(differences.join("; ").into()) }
}

/// What a process takes that does a work so many times.
fn instructions(work: &str, times: u64) -> Fallible<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let output = valgrind.args(["run", work, &times.to_string()]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let total = said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, total)| total.trim());
    match total {
        Some(total) if output.status.success() => Ok(total.parse()?),
        _ => Err(format!("valgrind: {said}").into()),
    }
}
