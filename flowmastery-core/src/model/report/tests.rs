//! Trends where there is a base and where there is none, and the rounding of what is shown.

use super::*;
use crate::{
    id::ExecutionId,
    model::{
        execution::{Execution, Status},
        rollup::Sign,
    },
};

/// So many executions of each status; those that end well or with an error take `millis`.
fn tally(successful: u32, failed: u32, running: u32, millis: i64) -> Tally {
    let mut tally = Tally::default();
    let all = [(Status::Success, successful), (Status::Error, failed), (Status::Running, running)];
    for (status, times) in all {
        let execution = Execution {
            id: ExecutionId(1),
            workflow_id: "w".into(),
            status,
            mode: "trigger".into(),
            started_at: Some(Timestamp::from_millis(0)),
            stopped_at: Some(Timestamp::from_millis(millis)),
            retry_of: None,
            retry_success_id: None,
        };
        (0..times).for_each(|_| tally.record(&execution, Sign::Plus));
    }
    tally
}

#[test]
fn trends_are_changes_against_the_span_before() {
    let trends = Trends::between(&tally(2, 1, 0, 3000), &tally(1, 1, 0, 4000));
    assert_eq!(trends.execution_trend, Some(50.0));
    assert_eq!(trends.success_rate_trend, Some(16.67));
    assert_eq!(trends.performance_trend, Some(25.0), "faster is positive");
    let slower = Trends::between(&tally(1, 0, 0, 9000), &tally(3, 0, 0, 4500));
    assert_eq!(slower.execution_trend, Some(-66.67));
    assert_eq!(slower.performance_trend, Some(-100.0));
}

#[test]
fn there_is_no_trend_without_a_base() {
    let nothing = Trends { execution_trend: None, success_rate_trend: None, performance_trend: None };
    assert_eq!(Trends::between(&tally(5, 1, 0, 1000), &Tally::default()), nothing);
    assert_eq!(Trends::between(&Tally::default(), &Tally::default()), nothing);
    let stopped = Trends::between(&Tally::default(), &tally(4, 0, 0, 1000));
    assert_eq!(stopped, Trends { execution_trend: Some(-100.0), ..nothing });
    let unfinished = Trends::between(&tally(1, 0, 0, 1000), &tally(0, 0, 2, 1000));
    assert_eq!(unfinished, Trends { execution_trend: Some(-50.0), ..nothing });
    let instant = Trends::between(&tally(1, 0, 0, 1000), &tally(1, 0, 0, 0));
    assert_eq!(instant.performance_trend, None, "nothing is a multiple of 0 ms");
}

#[test]
fn no_change_is_zero_without_a_sign() {
    let same = Trends::between(&tally(1, 0, 0, 1000), &tally(1, 0, 0, 1000));
    let json = serde_json::to_string(&same).unwrap();
    assert_eq!(json, r#"{"execution_trend":0.0,"success_rate_trend":0.0,"performance_trend":0.0}"#);
    let barely = Trends::between(&tally(1, 0, 0, 1_000_001), &tally(1, 0, 0, 1_000_000));
    assert!(barely.performance_trend.unwrap().is_sign_positive(), "-0 % is shown as 0 %");
    let rate = Trends::between(&tally(99_999, 50_001, 0, 1), &tally(100_000, 50_000, 0, 1));
    assert!(rate.success_rate_trend.unwrap().is_sign_positive(), "-0 points are shown as 0 points");
}

#[test]
fn numbers_are_in_seconds_and_percent() {
    let numbers = ExecutionNumbers::of(&tally(2, 1, 1, 1234));
    assert_eq!(numbers.total_executions, Some(4));
    assert_eq!((numbers.successful_executions, numbers.failed_executions), (Some(2), Some(1)));
    assert_eq!((numbers.canceled_executions, numbers.unfinished_executions), (Some(0), Some(1)));
    assert_eq!(numbers.success_rate, Some(66.67));
    assert_eq!(numbers.avg_execution_time, Some(1.234));
    for percentile in [numbers.p50_execution_time, numbers.p95_execution_time, numbers.p99_execution_time] {
        assert!((percentile.unwrap() - 1.234).abs() <= 0.01234);
    }
}

#[test]
fn of_nothing_the_counts_are_zero_and_the_rest_is_null() {
    let numbers = ExecutionNumbers::of(&Tally::default());
    let known = ExecutionNumbers {
        total_executions: Some(0),
        successful_executions: Some(0),
        failed_executions: Some(0),
        canceled_executions: Some(0),
        unfinished_executions: Some(0),
        ..ExecutionNumbers::UNKNOWN
    };
    assert_eq!(numbers, known);
}

#[test]
fn rounding_is_half_away_from_zero() {
    assert_eq!([0.125, -0.125, 33.333, 2.0].map(two_decimals), [0.13, -0.13, 33.33, 2.0]);
    assert_eq!([0.0, 1.0, 999.9996, 0.5].map(seconds), [0.0, 0.001, 1.0, 0.0005]);
}
