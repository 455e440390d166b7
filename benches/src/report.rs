//! What a run of the benchmarks found: rows of the table, what was said on the way, and curves.

use std::fmt;

use crate::measure::{Effort, Pairs};

/// What a ratio has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least:.2}"),
            Self::AtMost(most) => write!(f, "≤ {most:.2}"),
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As the table calls it, for example `ingest-sqlite`.
    pub name: &'static str,
    /// Ours, in `unit`.
    pub figure: f64,
    /// What it is held against, in `unit`.
    pub limit: f64,
    /// Of both, for example `executions/s`.
    pub unit: &'static str,
    /// Of ours and the limit.
    pub ratio: f64,
    /// What the ratio has to be.
    pub target: Target,
}

impl Row {
    /// A rate that should be high: so much work in each run.
    pub fn rate(name: &'static str, (work, unit): (f64, &'static str), pairs: &Pairs, least: f64) -> Self {
        let (figure, limit) = (work / pairs.ours, work / pairs.limit);
        Self { name, figure, limit, unit, ratio: pairs.speed, target: Target::AtLeast(least) }
    }

    /// A time that should be short, in milliseconds.
    pub fn millis(name: &'static str, pairs: &Pairs, most: f64) -> Self {
        let (figure, limit) = (pairs.ours * 1e3, pairs.limit * 1e3);
        Self { name, figure, limit, unit: "ms", ratio: 1.0 / pairs.speed, target: Target::AtMost(most) }
    }

    /// A quantity that must not be more than a stated one, or than `most` times of a measured one.
    pub fn quantity(name: &'static str, (figure, unit): (f64, &'static str), limit: f64, most: f64) -> Self {
        Self { name, figure, limit, unit, ratio: figure / limit, target: Target::AtMost(most) }
    }

    /// Whether the target is reached.
    pub fn is_met(&self) -> bool {
        match self.target {
            Target::AtLeast(least) => self.ratio >= least,
            Target::AtMost(most) => self.ratio <= most,
        }
    }

    /// `met` or `short`.
    pub fn verdict(&self) -> &'static str {
        if self.is_met() { "met" } else { "short" }
    }
}

/// A curve, or several, with names for a legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The name of its file, without an ending.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// Name and unit of both axes, which are logarithmic.
    pub axes: (&'static str, &'static str),
    /// Name and points of each curve.
    pub curves: Vec<(&'static str, Vec<(f64, f64)>)>,
}

/// What is found in a run, said as it comes.
#[derive(Debug)]
pub struct Report {
    /// How much time there is.
    pub effort: Effort,
    rows: Vec<Row>,
    notes: Vec<String>,
    plots: Vec<Plot>,
}

impl Report {
    /// One with nothing in it.
    pub fn new(effort: Effort) -> Self {
        Self { effort, rows: Vec::new(), notes: Vec::new(), plots: Vec::new() }
    }

    /// Says how something is measured: sizes, warm-up, concurrency, spread.
    #[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        println!("{note}");
        self.notes.push(note);
    }

    /// Hands in a row.
    #[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
    pub fn row(&mut self, row: Row) {
        println!("{}", Line(&row));
        self.rows.push(row);
    }

    /// Hands in curves.
    pub fn plot(&mut self, plot: Plot) {
        self.plots.push(plot);
    }

    /// What was said.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The curves.
    pub fn plots(&self) -> &[Plot] {
        &self.plots
    }

    /// The table in Markdown.
    pub fn table(&self) -> String {
        let head = "| name | figure | limit | ratio | target | verdict |\n|---|---:|---:|---:|---:|---|\n";
        self.rows.iter().fold(head.to_owned(), |table, row| table + &Line(row).to_string() + "\n")
    }
}

/// A row as a line of the table.
struct Line<'r>(&'r Row);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.0;
        let amount = |value: f64| format!("{} {}", number(value), row.unit);
        write!(
            f,
            "| {} | {} | {} | {:.2} | {} | {} |",
            row.name,
            amount(row.figure),
            amount(row.limit),
            row.ratio,
            row.target,
            row.verdict()
        )
    }
}

/// Three digits that count, thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 99.95 {
        return format!("{value:.digits$}", digits = if value.abs() < 9.995 { 2 } else { 1 });
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_target_is_met() {
        let pairs = Pairs::of(&[(1.0, 1.25)]);
        let mut report = Report::new(Effort::Quick);
        report.row(Row::rate("aggregate", (2_500_000.0, "executions/s"), &pairs, 0.8));
        report.row(Row::millis("year-report", &pairs, 1.2));
        report.row(Row::quantity("memory-idle", (22.2, "MiB"), 25.0, 1.0));
        let lines: Vec<_> = report.table().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "| aggregate | 2,000,000 executions/s | 2,500,000 executions/s | 0.80 | ≥ 0.80 | met |",
                "| year-report | 1,250 ms | 1,000 ms | 1.25 | ≤ 1.20 | short |",
                "| memory-idle | 22.2 MiB | 25.0 MiB | 0.89 | ≤ 1.00 | met |",
            ]
        );
    }
}
