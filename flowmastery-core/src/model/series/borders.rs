//! Where hours, days, weeks and months begin in a time zone.

use std::iter;

use jiff::{
    ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};

use crate::{
    clock::Timestamp,
    model::{period::start_of, rollup::Width},
};

/// Starts of hours, from that in which an instant lies: full hours on the clock, and the instants at which it is moved. Where it is moved
/// by whole hours these are the same; Lord Howe's half hour leaves half an hour that is shown once only, or twice.
pub(super) fn hours(at: Timestamp, tz: &TimeZone) -> impl Iterator<Item = Timestamp> {
    iter::successors(Some(hour_start(at, tz)), |start| Some(hour_end(*start, tz)))
}

/// Starts of days, from that in which an instant lies. A day that the zone skipped starts where the next one does.
pub(super) fn days(at: Timestamp, tz: &TimeZone) -> impl Iterator<Item = Timestamp> {
    starts(date_of(at, tz), tz, |day| day.checked_add(1.day()).ok())
}

/// Starts of weeks, which are Mondays.
pub(super) fn weeks(at: Timestamp, tz: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let date = date_of(at, tz);
    let monday = date.saturating_sub(i32::from(date.weekday().to_monday_zero_offset()).days());
    starts(monday, tz, |day| day.checked_add(1.week()).ok())
}

/// Starts of months.
pub(super) fn months(at: Timestamp, tz: &TimeZone) -> impl Iterator<Item = Timestamp> {
    starts(date_of(at, tz).first_of_month(), tz, |day| day.checked_add(1.month()).ok())
}

fn starts(first: Date, tz: &TimeZone, next: fn(&Date) -> Option<Date>) -> impl Iterator<Item = Timestamp> {
    iter::successors(Some(first), next).map_while(|day| start_of(day, tz))
}

fn date_of(at: Timestamp, tz: &TimeZone) -> Date {
    tz.to_datetime(at.to_jiff()).date()
}

fn hour_start(at: Timestamp, tz: &TimeZone) -> Timestamp {
    let offset = tz.to_offset(at.to_jiff());
    let start = full_hour(at, offset);
    if tz.to_offset(start.to_jiff()) == offset {
        return start;
    }
    // The clock was moved since: the hour began then.
    let moved = tz.preceding(at.plus(MILLISECOND).to_jiff()).find(|moved| moved.offset() == offset);
    moved.map_or(start, |moved| moved.timestamp().into()).max(start)
}

fn hour_end(start: Timestamp, tz: &TimeZone) -> Timestamp {
    let offset = tz.to_offset(start.to_jiff());
    let end = Timestamp::from_millis(full_hour(start, offset).as_millis() + Width::Hour.millis());
    if tz.to_offset(end.minus(MILLISECOND).to_jiff()) == offset {
        return end;
    }
    let moved = tz.following(start.to_jiff()).find(|moved| moved.offset() != offset);
    moved.map_or(end, |moved| moved.timestamp().into()).min(end)
}

const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);

/// The last full hour on a clock with an offset.
fn full_hour(at: Timestamp, offset: Offset) -> Timestamp {
    let offset = i64::from(offset.seconds()) * 1000;
    let local = Width::Hour.floor(Timestamp::from_millis(at.as_millis() + offset));
    Timestamp::from_millis(local.as_millis() - offset)
}
