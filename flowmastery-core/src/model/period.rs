//! Periods: which span of time an answer covers, with borders in the caller's time zone.
//!
//! Every border is a quarter hour, because rollups are. The days of all zones begin on one today; where an offset of
//! the past did not (local mean time), borders are rounded outwards.

#[cfg(test)]
mod tests;

use jiff::{ToSpan, civil::Date, tz::TimeZone};

use crate::{
    clock::Timestamp,
    error::{Faults, FieldError},
    model::{
        execution::Class,
        rollup::{Range, Width},
    },
};

/// What a caller asked for, checked: `?period=`, or `?from=&to=`, with `?tz=` and `?include=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodQuery {
    span: Asked,
    tz: TimeZone,
    classes: &'static [Class],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The current hour and the 23 before.
    Hours24,
    /// Today and the days before, so many in all.
    Days(i32),
    All,
    Between(Range),
}

/// The spans that an answer covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// What is counted; `from` lies at the beginning of time for `all`. `to` is the end of the hour or day that is running.
    pub current: Range,
    /// What trends compare with: the same elapsed length just before; `None` for `all`, and before the period has begun.
    pub previous: Option<Range>,
    /// Whether the period is `all`.
    pub is_all: bool,
}

impl PeriodQuery {
    /// Checks the query parameters as given; `None` where one is absent. Dates are read in the time zone.
    ///
    /// # Errors
    /// Every fault, each with its parameter's name.
    pub fn parse(
        period: Option<&str>,
        from_to: (Option<&str>, Option<&str>),
        tz: Option<&str>,
        include: Option<&str>,
    ) -> Result<Self, Vec<FieldError>> {
        let mut faults = Faults::default();
        let tz = faults.check(parse_zone(tz)).unwrap_or(TimeZone::UTC);
        let classes = faults.check(parse_include(include));
        let from = from_to.0.and_then(|text| faults.check(parse_border("from", text, &tz)));
        let to = from_to.1.and_then(|text| faults.check(parse_border("to", text, &tz)));
        let span = match (period, from_to) {
            (period, (None, None)) => faults.check(parse_period(period)),
            (None, (Some(_), Some(_))) => from.zip(to).and_then(|(from, to)| faults.check(between(from, to))),
            (None, (given, _)) => {
                let missing = if given.is_some() { "to" } else { "from" };
                faults.push(FieldError::new(missing, "A start needs an end, and an end a start."));
                None
            }
            (Some(_), _) => {
                faults.push(FieldError::new("period", "Give a period, or from and to, but not both."));
                None
            }
        };
        let query = span.zip(classes).map(|(span, classes)| Self { span, tz, classes });
        faults.finish(query).map_err(|error| error.fields().to_vec())
    }

    /// The borders as they are at `now`.
    pub fn at(&self, now: Timestamp) -> Period {
        let current = match self.span {
            Asked::Between(range) => range,
            Asked::Hours24 => {
                let to = self.hour_end(now);
                Range { from: Timestamp::from_millis(to.as_millis() - Width::Day.millis()), to }
            }
            Asked::Days(days) => Range { from: self.day_start(now, 1 - days), to: self.day_start(now, 1) },
            Asked::All => Range { from: Timestamp::from_millis(0), to: self.day_start(now, 1) },
        };
        let current = Range { from: Width::Quarter.floor(current.from), to: Width::Quarter.ceil(current.to) };
        let is_all = matches!(self.span, Asked::All);
        Period { current, previous: if is_all { None } else { previous(current, now) }, is_all }
    }

    /// The classes that count.
    pub fn classes(&self) -> &[Class] {
        self.classes
    }

    /// Where days, weeks and months begin.
    pub fn tz(&self) -> &TimeZone {
        &self.tz
    }

    /// End of the hour that a clock in the zone shows at `now`.
    fn hour_end(&self, now: Timestamp) -> Timestamp {
        let offset = i64::from(self.tz.to_offset(now.to_jiff()).seconds()) * 1000;
        let local = Timestamp::from_millis(now.as_millis() + offset);
        Timestamp::from_millis(Width::Hour.floor(local).as_millis() + Width::Hour.millis() - offset)
    }

    /// Start of the day so many days after today; `now` itself only beyond the ends of the calendar.
    fn day_start(&self, now: Timestamp, days: i32) -> Timestamp {
        let today = self.tz.to_datetime(now.to_jiff()).date();
        start_of(today.saturating_add(days.days()), &self.tz).unwrap_or(now)
    }
}

impl Default for PeriodQuery {
    fn default() -> Self {
        Self { span: Asked::Days(30), tz: TimeZone::UTC, classes: &[Class::Production] }
    }
}

/// As long before the period as it has lasted at `now`, in whole quarter hours.
fn previous(current: Range, now: Timestamp) -> Option<Range> {
    let reached = current.to.min(Width::Quarter.ceil(now));
    let elapsed = reached.as_millis() - current.from.as_millis();
    let from = Timestamp::from_millis(current.from.as_millis() - elapsed);
    (elapsed > 0).then_some(Range { from, to: current.from })
}

/// The first instant of a day; of one that a zone skipped, the first of the next.
pub(in crate::model) fn start_of(date: Date, tz: &TimeZone) -> Option<Timestamp> {
    date.to_zoned(tz.clone()).ok().map(|start| start.timestamp().into())
}

fn parse_period(text: Option<&str>) -> Result<Asked, FieldError> {
    match text {
        None | Some("30d") => Ok(Asked::Days(30)),
        Some("24h") => Ok(Asked::Hours24),
        Some("7d") => Ok(Asked::Days(7)),
        Some("90d") => Ok(Asked::Days(90)),
        Some("365d") => Ok(Asked::Days(365)),
        Some("all") => Ok(Asked::All),
        Some(_) => Err(FieldError::new("period", "A period is 24h, 7d, 30d, 90d, 365d or all.")),
    }
}

fn parse_zone(text: Option<&str>) -> Result<TimeZone, FieldError> {
    let Some(name) = text else { return Ok(TimeZone::UTC) };
    let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown());
    zone.ok_or_else(|| FieldError::new("tz", "This is not the name of a time zone, such as Europe/Berlin."))
}

fn parse_include(text: Option<&str>) -> Result<&'static [Class], FieldError> {
    match text {
        None => Ok(&[Class::Production]),
        Some("manual") => Ok(&[Class::Production, Class::Manual]),
        Some("all") => Ok(&Class::ALL),
        Some(_) => Err(FieldError::new("include", "What can be included is manual or all.")),
    }
}

fn parse_border(field: &str, text: &str, tz: &TimeZone) -> Result<Timestamp, FieldError> {
    read_instant(text, tz)
        .filter(|instant| is_date(text) || Width::Quarter.floor(*instant) == *instant)
        .ok_or_else(|| {
            FieldError::new(
                field,
                "This is neither a date nor an RFC 3339 date-time with an offset, on a quarter hour.",
            )
        })
}

/// An instant as a filter gives it: RFC 3339, or a date, which is the start of that day in UTC.
pub(in crate::model) fn parse_instant(field: &str, text: &str) -> Result<Timestamp, FieldError> {
    let instant = read_instant(text, &TimeZone::UTC);
    instant.ok_or_else(|| {
        FieldError::new(field, "This is neither a date nor an RFC 3339 date-time with an offset.")
    })
}

fn read_instant(text: &str, tz: &TimeZone) -> Option<Timestamp> {
    if is_date(text) { text.parse().ok().and_then(|date| start_of(date, tz)) } else { Timestamp::parse(text) }
}

fn is_date(text: &str) -> bool {
    text.len() == "2026-12-31".len()
}

fn between(from: Timestamp, to: Timestamp) -> Result<Asked, FieldError> {
    if from < to {
        Ok(Asked::Between(Range { from, to }))
    } else {
        Err(FieldError::new("to", "The end lies after the start; it is not part of the period."))
    }
}
