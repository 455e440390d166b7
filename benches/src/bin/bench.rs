//! Runs the benchmarks and prints their table: `scripts/bench` starts what they need and calls this.

use clap::Parser;
use flowmastery_benches::{Fallible, aggregate, ingest, measure::Effort, report::Report};

/// What hands in rows, and what it is called on the command line.
type Section = (&'static str, fn(&mut Report) -> Fallible<()>);

/// In the order of the table.
const SECTIONS: &[Section] = &[("aggregate", aggregate::run), ("ingest", ingest::run)];

/// Measures FlowMastery, each figure against a limit of the same run.
#[derive(Parser)]
struct Arguments {
    /// All of the table in five minutes, with fewer and smaller rounds.
    #[arg(long)]
    quick: bool,
    /// Only these sections.
    sections: Vec<String>,
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
fn main() -> Fallible<()> {
    let arguments = Arguments::parse();
    if let Some(unknown) =
        arguments.sections.iter().find(|name| SECTIONS.iter().all(|(known, _)| known != name))
    {
        let known: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no section is called {unknown}; there are: {}", known.join(", ")).into());
    }
    let mut report = Report::new(if arguments.quick { Effort::Quick } else { Effort::Full });
    for (name, run) in SECTIONS {
        if arguments.sections.is_empty() || arguments.sections.iter().any(|wanted| wanted == name) {
            println!("\n== {name}");
            run(&mut report)?;
        }
    }
    println!("\n{}", report.table());
    Ok(())
}
