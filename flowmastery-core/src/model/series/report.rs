//! What answers hold: the points of a series.

use serde::Serialize;

use super::{Interval, SeriesPlan};
use crate::{
    clock::Timestamp,
    id::ClientId,
    model::{report::ExecutionNumbers, rollup::Tally},
};

/// The executions that started from `start` on and before the next point, or the end of the period. Durations in seconds; counts are
/// null before the first collection succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Point {
    /// Its first instant: the start of an hour, day, week or month in the time zone, or of the period.
    pub start: Timestamp,
    /// successful + failed + canceled + unfinished.
    pub total: Option<i64>,
    /// `success`.
    pub successful: Option<i64>,
    /// `error` and `crashed`.
    pub failed: Option<i64>,
    /// `canceled`.
    pub canceled: Option<i64>,
    /// `new`, `running`, `waiting`, `unknown`.
    pub unfinished: Option<i64>,
    /// Mean of stopped − started over `success` and `error`, in seconds.
    pub avg_execution_time: Option<f64>,
    /// 95th percentile in seconds, at most 1 % off.
    pub p95_execution_time: Option<f64>,
}

impl Point {
    /// The point of a tally; `None` where nothing is known.
    fn of(start: Timestamp, tally: Option<&Tally>) -> Self {
        let numbers = tally.map_or(ExecutionNumbers::UNKNOWN, ExecutionNumbers::of);
        Self {
            start,
            total: numbers.total_executions,
            successful: numbers.successful_executions,
            failed: numbers.failed_executions,
            canceled: numbers.canceled_executions,
            unfinished: numbers.unfinished_executions,
            avg_execution_time: numbers.avg_execution_time,
            p95_execution_time: numbers.p95_execution_time,
        }
    }
}

/// A series over all clients: sums of what is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Series {
    /// How long points are.
    pub interval: Interval,
    /// The IANA time zone in which they begin.
    pub tz: String,
    /// Every point of the period, also where nothing ran.
    pub points: Vec<Point>,
}

impl Series {
    /// The series of a plan: a tally for each of the starts, null throughout where nothing is known.
    pub fn of(plan: &SeriesPlan, points: &[(Timestamp, Tally)], known: bool) -> Self {
        let point = |(start, tally): &(Timestamp, Tally)| Point::of(*start, known.then_some(tally));
        Self {
            interval: plan.interval(),
            tz: plan.tz().to_owned(),
            points: points.iter().map(point).collect(),
        }
    }
}

/// The series of a client.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClientSeries {
    /// Whose.
    pub client_id: ClientId,
    /// The points.
    #[serde(flatten)]
    pub series: Series,
}
