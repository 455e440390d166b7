//! Runs the benchmarks and prints their table: `scripts/bench` starts what they need and calls this.

use clap::Parser;
use flowmastery_benches::{
    Fallible, aggregate, flood, http, ingest, login, measure::Effort, n8n_process, publish, query,
    report::Report, scale, start,
};

/// What hands in rows, and what it is called on the command line.
type Section = (&'static str, fn(&mut Report) -> Fallible<()>);

/// In the order of the table.
const SECTIONS: &[Section] = &[
    ("aggregate", aggregate::run),
    ("ingest", ingest::run),
    ("query", query::run),
    ("http", http::run),
    ("login", login::run),
    ("flood", flood::run),
    ("start", start::run),
    ("scale", scale::run),
];

/// Measures FlowMastery, each figure against a limit of the same run.
#[derive(Parser)]
struct Arguments {
    /// All of the table in five minutes, with fewer and smaller rounds.
    #[arg(long)]
    quick: bool,
    /// Be one of the servers that a section measures.
    #[arg(long, hide = true)]
    serve: Option<String>,
    /// Is the simulated n8n servers of a benchmark, with so many executions a minute.
    #[arg(long, hide = true)]
    be_n8n: Option<u32>,
    /// Writes what is measured into this page, between its marks, under this heading.
    #[arg(long, num_args = 2, value_names = ["PAGE", "HEADING"])]
    write: Vec<String>,
    /// Only these sections.
    sections: Vec<String>,
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
fn main() -> Fallible<()> {
    let arguments = Arguments::parse();
    if let Some(server) = arguments.serve {
        return http::host::serve(&server);
    }
    if let Some(a_minute) = arguments.be_n8n {
        return tokio::runtime::Runtime::new()?.block_on(n8n_process::be_n8n(a_minute));
    }
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
    if let [page, heading] = &arguments.write[..] {
        publish::write(&report, page.as_ref(), heading)?;
    }
    Ok(())
}
