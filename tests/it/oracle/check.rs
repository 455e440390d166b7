//! The oracle: what must stand in the database, and what every number must be, from what the simulator knows of each run.

use std::collections::{BTreeMap, BTreeSet};

use flowmastery_core::{
    access::{actor::Actor, scope::TenantScope},
    id::UserId,
    model::{
        execution::{Class, Status},
        period::PeriodQuery,
        report::ExecutionNumbers,
    },
};

use super::{case::Case, database::Row};

pub(super) async fn check(case: &Case<'_>) {
    let mut rows = case.shared.rows(case.client).await;
    let open: Vec<_> = rows.iter().filter(|row| is_open(row)).map(|row| row.execution.clone()).collect();
    rows.extend(case.aged.iter().cloned());
    let problems = [matched(case, &rows), misplaced(&rows), numbers(case, &rows).await, verified(case).await];
    let problems: Vec<_> = problems.into_iter().flatten().collect();
    assert!(
        problems.is_empty(),
        "{problems:#?}\nopen: {open:?}\nhappened: {:#?}",
        case.told.iter().rev().take(60).rev().collect::<Vec<_>>()
    );
}

fn is_open(row: &Row) -> bool {
    matches!(row.execution.status, Status::New | Status::Running | Status::Waiting)
}

/// Every row is one run of the history, no run has two, and those that n8n has stand as they are.
fn matched(case: &Case<'_>, rows: &[Row]) -> Vec<String> {
    let mut problems = Vec::new();
    let state = case.n8n.state();
    let mut by_id = BTreeMap::<i64, Vec<usize>>::new();
    for record in state.log() {
        by_id.entry(record.id).or_default().push(record.serial);
    }
    let mut row_of = BTreeMap::<usize, &Row>::new();
    for row in rows {
        let execution = &row.execution;
        let same = |serial: &&usize| {
            let record = &state.log()[**serial];
            let starts = case.looks.get(*serial).into_iter().flatten().map(|look| look.1);
            record.run.workflow_id == execution.workflow_id.as_str()
                && starts.into_iter().any(|start| start == execution.started_at)
        };
        let serials = by_id.get(&execution.id.0).map_or(&[][..], Vec::as_slice);
        match serials.iter().find(same) {
            None => problems.push(format!("a row is no run: {row:?}")),
            Some(serial) => {
                if let Some(other) = row_of.insert(*serial, row) {
                    problems.push(format!("a run is counted twice: {other:?} {row:?}"));
                }
            }
        }
    }
    let ended = state.log().iter().filter(|record| record.gone.is_none() && !record.run.is_open());
    let newest = ended.map(|record| record.id).max().unwrap_or(0);
    for record in state.log() {
        let (run, row) = (&record.run, row_of.get(&record.serial));
        match row {
            // Nothing tells of a wait that n8n 1 hides behind another id that is not there, until something runs after it.
            None if record.gone.is_none() && run.status == "waiting" && record.id > newest => {}
            None if record.gone.is_none() => problems.push(format!("missing: {record:?}")),
            None if case.met.contains(&record.serial) => problems.push(format!("lost: {record:?}")),
            None => {}
            Some(row) => {
                let execution = &row.execution;
                let look = (execution.status.as_str(), execution.started_at, execution.stopped_at);
                let is_now = look == (run.status.as_str(), run.started_at, run.stopped_at);
                if record.gone.is_none() && !is_now {
                    problems.push(format!("differs: {record:?} {row:?}"));
                }
                let looked = case.looks.get(&record.serial).into_iter().flatten();
                let mut looked = looked.map(|(status, start, stop)| (status.as_str(), *start, *stop));
                if execution.status != Status::Unknown && !looked.any(|seen| seen == look) {
                    problems.push(format!("never looked so: {record:?} {row:?}"));
                }
                if record.gone.is_some() && is_open(row) {
                    problems.push(format!("gone and still open: {record:?} {row:?}"));
                }
            }
        }
    }
    problems
}

fn misplaced(rows: &[Row]) -> Vec<String> {
    let wrong = rows.iter().filter(|row| !row.is_in_its_bucket());
    wrong.map(|row| format!("counted in another quarter hour: {row:?}")).collect()
}

/// The answers for everything, against sums over the rows.
async fn numbers(case: &Case<'_>, rows: &[Row]) -> Vec<String> {
    let mut problems = Vec::new();
    let admin = Actor::admin(UserId(1));
    for (include, classes) in [(None, &[Class::Production][..]), (Some("all"), &Class::ALL[..])] {
        let span = (Some("2000-01-01"), Some("2100-01-01"));
        let query = PeriodQuery::parse(None, span, None, include).unwrap();
        let report = case.app.metrics().workflows(admin, case.client, &query).await.unwrap();
        let counted: Vec<_> = rows.iter().filter(|row| classes.contains(&row.execution.class())).collect();
        compare("client", &report.summary.executions, &counted, &mut problems);
        let mut of_workflows = BTreeSet::new();
        for workflow in &report.workflows {
            let own = counted.iter().copied().filter(|row| row.execution.workflow_id == workflow.workflow_id);
            let own: Vec<_> = own.collect();
            compare(workflow.workflow_id.as_str(), &workflow.executions, &own, &mut problems);
            of_workflows.insert(workflow.workflow_id.clone());
        }
        for row in counted.iter().filter(|row| !of_workflows.contains(&row.execution.workflow_id)) {
            problems.push(format!("its workflow is not in the report: {row:?}"));
        }
    }
    problems
}

fn compare(what: &str, numbers: &ExecutionNumbers, rows: &[&Row], problems: &mut Vec<String>) {
    let of = |statuses: &[Status]| {
        rows.iter().filter(|row| statuses.contains(&row.execution.status)).count() as i64
    };
    let successful = of(&[Status::Success]);
    let failed = of(&[Status::Error, Status::Crashed]);
    let canceled = of(&[Status::Canceled]);
    let expected = [rows.len() as i64, successful, failed, canceled];
    let found = [
        numbers.total_executions,
        numbers.successful_executions,
        numbers.failed_executions,
        numbers.canceled_executions,
    ];
    if found != expected.map(Some) {
        problems.push(format!("{what}: {expected:?} by the oracle, {found:?} answered"));
    }
    let rate = (successful + failed > 0)
        .then(|| (successful as f64 / (successful + failed) as f64 * 10_000.0).round() / 100.0);
    if numbers.success_rate != rate {
        problems.push(format!("{what}: rate {rate:?} by the oracle, {:?} answered", numbers.success_rate));
    }
    let mut times: Vec<i64> = rows.iter().filter_map(|row| duration(row)).collect();
    times.sort_unstable();
    let mean = times.iter().sum::<i64>() as f64 / times.len() as f64 / 1000.0;
    let near = |found: Option<f64>, exact: f64, off: f64| {
        if times.is_empty() {
            found.is_none()
        } else {
            found.is_some_and(|found| (found - exact).abs() <= off * exact + 1e-6)
        }
    };
    let rank = |q: f64| times.get((q * times.len() as f64).ceil().max(1.0) as usize - 1).copied();
    let exact = |q: f64| rank(q).unwrap_or(0) as f64 / 1000.0;
    let all_near = near(numbers.avg_execution_time, mean, 0.0)
        && near(numbers.p50_execution_time, exact(0.50), 0.01)
        && near(numbers.p95_execution_time, exact(0.95), 0.01)
        && near(numbers.p99_execution_time, exact(0.99), 0.01);
    if !all_near {
        problems.push(format!("{what}: times {times:?}, answered {numbers:?}"));
    }
}

/// Whole milliseconds, by the definition of an execution time.
fn duration(row: &Row) -> Option<i64> {
    let execution = &row.execution;
    let ended = matches!(execution.status, Status::Success | Status::Error);
    let span = execution.stopped_at?.as_millis() - execution.started_at?.as_millis();
    (ended && span >= 0).then_some(span)
}

/// What `flowmastery verify` finds.
async fn verified(case: &Case<'_>) -> Vec<String> {
    let scope = TenantScope::client(case.client);
    let recount = case.shared.store.recount(scope, case.client).await.unwrap();
    let mut problems = recount.differing;
    match case.app.verifications().client(case.client, None).await {
        Ok(verification) if !verification.is_explained() => problems.push(format!("{verification:?}")),
        Ok(_) => {}
        Err(error) => problems.push(error.to_string()),
    }
    problems
}
