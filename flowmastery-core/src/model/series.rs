//! Series over time: a period cut into hours, days, weeks or months as a clock and a calendar in the caller's time zone show them.
//!
//! The first and the last point are cut at the period's borders. Borders are quarter hours, because rollups are: where an offset of the
//! past was odd, one is moved back to the quarter hour in which it lies.

mod borders;
mod report;
#[cfg(test)]
mod tests;

use jiff::{ToSpan, tz::TimeZone};
use serde::Serialize;

pub use self::report::{ClientSeries, Point, Series};
use crate::{
    clock::Timestamp,
    error::{Faults, FieldError},
    model::{
        execution::Class,
        period::{Period, PeriodQuery},
        rollup::{Range, Width, cover},
    },
};

/// The most points of an answer.
pub const MAX_POINTS: usize = 10_000;

/// How long the points of a series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Interval {
    /// From one full hour of the clock to the next; what is left of an hour when the clock is moved inside of it is a point of its own.
    Hour,
    /// A day, of 23 or 25 hours where the clock is moved.
    Day,
    /// From Monday on.
    Week,
    /// From the first of the month on.
    Month,
}

impl Interval {
    /// The word for it in a query and in an answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

fn parse_interval(text: &str) -> Result<Interval, FieldError> {
    let all = [Interval::Hour, Interval::Day, Interval::Week, Interval::Month];
    let found = all.into_iter().find(|interval| interval.as_str() == text);
    found.ok_or_else(|| FieldError::new("interval", "An interval is hour, day, week or month."))
}

/// What a caller asked for, checked: a period with `?interval=`.
#[derive(Clone, Debug, Default)]
pub struct SeriesQuery {
    period: PeriodQuery,
    interval: Option<Interval>,
}

impl SeriesQuery {
    /// Checks the interval as given and joins it to a period, or its faults to those of the period.
    ///
    /// # Errors
    /// Every fault, each with its parameter's name.
    pub fn parse(
        interval: Option<&str>,
        period: Result<PeriodQuery, Vec<FieldError>>,
    ) -> Result<Self, Vec<FieldError>> {
        let mut faults = Faults::default();
        let interval = interval.map(|text| faults.check(parse_interval(text)));
        let period = period.map_err(|found| found.into_iter().for_each(|fault| faults.push(fault))).ok();
        let query = period.map(|period| Self { period, interval: interval.flatten() });
        faults.finish(query).map_err(|error| error.fields().to_vec())
    }

    /// The series as it is at `now`. Without an interval its points are hours where the period is two days at most, else days.
    pub fn at(&self, now: Timestamp) -> SeriesPlan {
        let period = self.period.at(now);
        let tz = self.period.tz().clone();
        let interval = self.interval.unwrap_or_else(|| default_interval(period.current, &tz));
        SeriesPlan { interval, tz, period, classes: self.period.classes().to_vec() }
    }
}

/// Two days by the calendar: 49 hours where one of them has 25.
fn default_interval(range: Range, tz: &TimeZone) -> Interval {
    let end = range.from.to_jiff().to_zoned(tz.clone()).checked_add(2.days());
    let is_short = end.is_ok_and(|end| range.to <= end.timestamp().into());
    if is_short { Interval::Hour } else { Interval::Day }
}

/// More points than [`MAX_POINTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPoints;

impl From<TooManyPoints> for FieldError {
    fn from(_: TooManyPoints) -> Self {
        Self::new(
            "interval",
            format!(
                "The period has more than {MAX_POINTS} points; choose a longer interval or a shorter period."
            ),
        )
    }
}

/// A series whose period has its borders.
#[derive(Clone, Debug)]
pub struct SeriesPlan {
    interval: Interval,
    tz: TimeZone,
    period: Period,
    classes: Vec<Class>,
}

impl SeriesPlan {
    /// How long points are.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// The classes that count.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The name of the time zone.
    pub fn tz(&self) -> &str {
        self.tz.iana_name().unwrap_or("UTC")
    }

    /// The period's borders; meaningless at its beginning for `all`.
    pub fn period(&self) -> Period {
        self.period
    }

    /// The start of each point and then the end of the last; none where there is no point. `all` begins with the interval of the
    /// oldest bucket.
    ///
    /// # Errors
    /// [`TooManyPoints`].
    pub fn borders(&self, oldest: Option<Timestamp>) -> Result<Vec<Timestamp>, TooManyPoints> {
        let Range { mut from, to } = self.period.current;
        if self.period.is_all {
            let Some(oldest) = oldest else { return Ok(Vec::new()) };
            // An odd offset of the past could place the start before the quarter hour of the bucket, never behind it.
            from = self.starts(oldest).next().map_or(oldest, |start| start.min(oldest));
        }
        if from >= to {
            return Ok(Vec::new());
        }
        let mut borders = vec![from];
        let mut last = from;
        for start in self.starts(from).take_while(|start| *start < to) {
            if start > last {
                borders.push(start);
                last = start;
            }
            if borders.len() > MAX_POINTS {
                return Err(TooManyPoints);
            }
        }
        borders.push(to);
        Ok(borders)
    }

    /// Whether there are too many points, as far as that can be told before the oldest bucket is known.
    ///
    /// # Errors
    /// [`TooManyPoints`].
    pub fn check(&self) -> Result<(), TooManyPoints> {
        if self.period.is_all { Ok(()) } else { self.borders(None).map(drop) }
    }

    /// Starts of intervals in quarter hours, from that of the interval in which an instant lies.
    fn starts(&self, at: Timestamp) -> Box<dyn Iterator<Item = Timestamp> + '_> {
        let starts: Box<dyn Iterator<Item = Timestamp>> = match self.interval {
            Interval::Hour => Box::new(borders::hours(at, &self.tz)),
            Interval::Day => Box::new(borders::days(at, &self.tz)),
            Interval::Week => Box::new(borders::weeks(at, &self.tz)),
            Interval::Month => Box::new(borders::months(at, &self.tz)),
        };
        Box::new(starts.map(|start| Width::Quarter.floor(start)))
    }
}

/// The buckets that points are made of, for each width the ranges whose buckets follow each other. Ranges of one width never overlap, and
/// no bucket lies in two points.
pub fn buckets(borders: &[Timestamp]) -> [(Width, Vec<Range>); 3] {
    let mut buckets = Width::ALL.map(|width| (width, Vec::<Range>::new()));
    let ranges = borders.iter().zip(borders.iter().skip(1)).map(|(from, to)| Range { from: *from, to: *to });
    for span in ranges.flat_map(cover) {
        let Some((_, runs)) = buckets.iter_mut().find(|(width, _)| *width == span.width) else { continue };
        match runs.last_mut() {
            Some(run) if run.to == span.range.from => run.to = span.range.to,
            _ => runs.push(span.range),
        }
    }
    buckets
}

/// Which point a bucket belongs to; `None` before the first.
pub fn point_of(borders: &[Timestamp], bucket: Timestamp) -> Option<usize> {
    borders.partition_point(|border| *border <= bucket).checked_sub(1)
}
