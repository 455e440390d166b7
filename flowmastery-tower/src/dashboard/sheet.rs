//! Numbers as CSV, for spreadsheets: plain numbers, instants in RFC 3339, and nothing that a spreadsheet would run.

use bytes::Bytes;
use flowmastery_core::{
    clock::Timestamp,
    error::{Error, Result},
    model::{listing::ListedExecution, report::WorkflowMetrics, series::Point},
};

/// What the columns of workflows are called.
pub(crate) const WORKFLOWS: [&str; 14] = [
    "workflow_id",
    "workflow_name",
    "status",
    "total_executions",
    "successful_executions",
    "failed_executions",
    "canceled_executions",
    "unfinished_executions",
    "success_rate",
    "avg_execution_time",
    "p50_execution_time",
    "p95_execution_time",
    "time_saved_hours",
    "last_execution",
];
/// What the columns of a series are called.
pub(crate) const SERIES: [&str; 8] = [
    "start",
    "total",
    "successful",
    "failed",
    "canceled",
    "unfinished",
    "avg_execution_time",
    "p95_execution_time",
];
/// What the columns of executions are called.
pub(crate) const EXECUTIONS: [&str; 8] =
    ["id", "workflow_id", "workflow_name", "status", "mode", "started_at", "stopped_at", "execution_time"];

/// Rows as CSV.
///
/// # Errors
/// None that is known: it is written into memory.
pub(crate) fn rows<R: IntoIterator<Item = String>>(rows: impl IntoIterator<Item = R>) -> Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.into_iter().map(harmless)).map_err(Error::internal)?;
    }
    Ok(writer.into_inner().map_err(|error| Error::internal(error.to_string()))?.into())
}

/// The row of the columns' names.
pub(crate) fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A spreadsheet computes what begins like a formula: such a text is given a quote before it, which makes it a text. Numbers are numbers.
fn harmless(cell: String) -> String {
    // Some take the wide letters of East Asian keyboards for the same.
    let begins = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let is_formula = cell.starts_with(begins) && cell.parse::<f64>().is_err();
    if is_formula { format!("'{cell}") } else { cell }
}

fn count(count: Option<i64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

fn number(number: Option<f64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn instant(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// The row of a workflow.
pub(crate) fn workflow(workflow: &WorkflowMetrics) -> Vec<String> {
    let numbers = &workflow.executions;
    vec![
        workflow.workflow_id.as_str().to_owned(),
        workflow.workflow_name.clone(),
        workflow.status.as_str().to_owned(),
        count(numbers.total_executions),
        count(numbers.successful_executions),
        count(numbers.failed_executions),
        count(numbers.canceled_executions),
        count(numbers.unfinished_executions),
        number(numbers.success_rate),
        number(numbers.avg_execution_time),
        number(numbers.p50_execution_time),
        number(numbers.p95_execution_time),
        number(workflow.time_saved_hours),
        instant(workflow.last_execution),
    ]
}

/// The row of a point.
pub(crate) fn point(point: &Point) -> Vec<String> {
    let counts = [point.total, point.successful, point.failed, point.canceled, point.unfinished];
    let mut row = vec![instant(Some(point.start))];
    row.extend(counts.map(count));
    row.extend([point.avg_execution_time, point.p95_execution_time].map(number));
    row
}

/// The row of an execution.
pub(crate) fn execution(execution: &ListedExecution) -> Vec<String> {
    vec![
        execution.id.to_string(),
        execution.workflow_id.as_str().to_owned(),
        execution.workflow_name.clone(),
        execution.status.as_str().to_owned(),
        execution.mode.to_string(),
        instant(execution.started_at),
        instant(execution.stopped_at),
        number(execution.execution_time),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let row: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
        String::from_utf8(rows([row]).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn nothing_is_a_formula() {
        for cell in ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "＝1+1", "＠SUM(A1)"] {
            let written = line(&[cell, "x"]);
            let read =
                csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes()).records().next();
            assert_eq!(&read.unwrap().unwrap()[0], format!("'{cell}"), "{cell:?}");
        }
    }

    #[test]
    fn numbers_and_names_are_what_they_are() {
        assert_eq!(line(&["-4", "1.5", "a, \"b\"", "ü😀"]), "-4,1.5,\"a, \"\"b\"\"\",ü😀\n");
    }
}
