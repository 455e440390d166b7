//! Borders around daylight-saving changes, in zones at odd offsets, and every fault of the parameters.

use proptest::{prelude::*, sample::select};

use super::*;

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"];

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn range(from: &str, to: &str) -> Range {
    Range { from: instant(from), to: instant(to) }
}

fn period(period: &str, tz: &str, now: &str) -> Period {
    PeriodQuery::parse(Some(period), (None, None), Some(tz), None).unwrap().at(instant(now))
}

fn between(from: &str, to: &str, tz: &str) -> Period {
    let query = PeriodQuery::parse(None, (Some(from), Some(to)), Some(tz), None).unwrap();
    query.at(instant("2030-01-01T00:00:00Z"))
}

fn hours(range: Range) -> f64 {
    range.to.since(range.from).as_secs_f64() / 3600.0
}

fn faults(
    period: Option<&str>,
    from_to: (Option<&str>, Option<&str>),
    tz: &str,
    include: &str,
) -> Vec<String> {
    let faults = PeriodQuery::parse(period, from_to, Some(tz), Some(include)).unwrap_err();
    faults.into_iter().map(|fault| fault.field).collect()
}

#[test]
fn thirty_days_of_production_in_utc_are_the_default() {
    let parsed = PeriodQuery::parse(None, (None, None), None, None).unwrap();
    for query in [parsed, PeriodQuery::default()] {
        let period = query.at(instant("2026-03-30T10:20:00Z"));
        assert_eq!(period.current, range("2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z"));
        assert_eq!(period.previous, Some(range("2026-01-30T13:30:00Z", "2026-03-01T00:00:00Z")));
        assert!(!period.is_all);
        assert_eq!(query.classes(), [Class::Production]);
    }
}

#[test]
fn included_classes_are_added() {
    let classes = |include| {
        let query = PeriodQuery::parse(None, (None, None), None, Some(include)).unwrap();
        query.classes().to_vec()
    };
    assert_eq!(classes("manual"), [Class::Production, Class::Manual]);
    assert_eq!(classes("all"), Class::ALL);
}

#[test]
fn spring_in_berlin_has_a_day_of_23_hours_and_autumn_one_of_25() {
    let spring = period("7d", "Europe/Berlin", "2026-03-29T12:00:00Z");
    assert_eq!(spring.current, range("2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"));
    let autumn = period("7d", "Europe/Berlin", "2026-10-25T12:00:00Z");
    assert_eq!(autumn.current, range("2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"));
    assert_eq!(hours(between("2026-03-29", "2026-03-30", "Europe/Berlin").current), 23.0);
    assert_eq!(hours(between("2026-10-25", "2026-10-26", "Europe/Berlin").current), 25.0);
}

#[test]
fn spring_and_autumn_in_new_york_shift_the_borders() {
    let spring = period("7d", "America/New_York", "2026-03-08T12:00:00Z");
    assert_eq!(spring.current, range("2026-03-02T05:00:00Z", "2026-03-09T04:00:00Z"));
    let autumn = period("7d", "America/New_York", "2026-11-01T12:00:00Z");
    assert_eq!(autumn.current, range("2026-10-26T04:00:00Z", "2026-11-02T05:00:00Z"));
}

#[test]
fn kathmandu_has_its_days_and_hours_at_a_quarter_past() {
    let days = period("7d", "Asia/Kathmandu", "2026-05-05T18:20:00Z");
    assert_eq!(days.current, range("2026-04-29T18:15:00Z", "2026-05-06T18:15:00Z"));
    let hours = period("24h", "Asia/Kathmandu", "2026-05-05T18:14:59.999Z");
    assert_eq!(hours.current, range("2026-05-04T18:15:00Z", "2026-05-05T18:15:00Z"));
}

#[test]
fn lord_howe_moves_its_clocks_by_half_an_hour() {
    assert_eq!(hours(between("2026-04-05", "2026-04-06", "Australia/Lord_Howe").current), 24.5);
    assert_eq!(hours(between("2026-10-04", "2026-10-05", "Australia/Lord_Howe").current), 23.5);
}

#[test]
fn the_day_that_apia_skipped_is_empty() {
    let week = period("7d", "Pacific/Apia", "2011-12-31T12:00:00Z");
    assert_eq!(week.current, range("2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z"));
    let eve = period("7d", "Pacific/Apia", "2011-12-30T09:59:00Z");
    assert_eq!(eve.current.to, instant("2011-12-30T10:00:00Z"));
    assert_eq!(faults(None, (Some("2011-12-30"), Some("2011-12-31")), "Pacific/Apia", "all"), ["to"]);
}

#[test]
fn twenty_four_hours_end_with_the_hour_that_is_running() {
    let before = period("24h", "UTC", "2026-01-02T09:59:59.999Z");
    assert_eq!(before.current, range("2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z"));
    assert_eq!(before.previous, Some(range("2025-12-31T10:00:00Z", "2026-01-01T10:00:00Z")));
    let after = period("24h", "UTC", "2026-01-02T10:00:00Z");
    assert_eq!(after.current, range("2026-01-01T11:00:00Z", "2026-01-02T11:00:00Z"));
    assert_eq!(after.previous, Some(range("2025-12-31T12:00:00Z", "2026-01-01T11:00:00Z")));
}

#[test]
fn all_has_no_period_before_it() {
    let all = period("all", "Europe/Berlin", "2026-07-01T12:00:00Z");
    assert_eq!(all.current, range("1970-01-01T00:00:00Z", "2026-07-01T22:00:00Z"));
    assert_eq!((all.previous, all.is_all), (None, true));
}

#[test]
fn a_past_span_is_compared_with_its_whole_length_and_a_running_one_with_what_elapsed() {
    let from_to = (Some("2026-02-01T00:00:00+01:00"), Some("2026-02-01T01:00:00Z"));
    let query = PeriodQuery::parse(None, from_to, None, None).unwrap();
    let at = |now| query.at(instant(now)).previous;
    assert_eq!(at("2026-03-01T00:00:00Z"), Some(range("2026-01-31T21:00:00Z", "2026-01-31T23:00:00Z")));
    assert_eq!(at("2026-01-31T23:15:01Z"), Some(range("2026-01-31T22:30:00Z", "2026-01-31T23:00:00Z")));
    assert_eq!(at("2026-01-31T23:00:00Z"), None);
    assert_eq!(at("2026-01-01T00:00:00Z"), None);
}

#[test]
fn borders_at_the_odd_offsets_of_the_past_are_rounded_outwards() {
    let past = between("1880-01-01", "1880-01-02", "Europe/Berlin").current;
    assert_eq!(past, range("1879-12-31T23:00:00Z", "1880-01-01T23:15:00Z"));
}

#[test]
fn every_fault_is_named_at_once() {
    let all = faults(Some("1d"), (Some("yesterday"), Some("2026-01-01T00:01:00Z")), "Mars/Olympus", "some");
    assert_eq!(all, ["tz", "include", "from", "to", "period"]);
    assert_eq!(faults(Some("1d"), (None, None), "UTC", "all"), ["period"]);
    assert_eq!(faults(Some(""), (None, None), "", ""), ["tz", "include", "period"]);
    assert_eq!(faults(Some("7d"), (None, Some("2026-01-01")), "UTC", "all"), ["period"]);
    assert_eq!(faults(None, (Some("2026-01-01"), None), "UTC", "all"), ["to"]);
    assert_eq!(faults(None, (None, Some("2026-01-01")), "UTC", "all"), ["from"]);
    assert_eq!(faults(None, (Some("2026-01-02"), Some("2026-01-02")), "UTC", "all"), ["to"]);
    for text in
        ["", "2026-13-01", "2026-01-01T00:00:00", "20260101", "2026-01-01T00:00:00.001Z", "9999-12-31"]
    {
        assert_eq!(
            faults(None, (Some("2025-01-01"), Some(text)), "America/New_York", "all"),
            ["to"],
            "{text}"
        );
    }
}

#[test]
fn zones_are_known_without_the_machine_knowing_them() {
    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    for zone in ZONES {
        assert!(bundled.get(zone).is_ok(), "{zone}");
    }
}

proptest! {
    #[test]
    fn borders_are_quarter_hours_that_hold_now_and_follow_each_other(
        zone in select(&ZONES), name in select(&["24h", "7d", "30d", "90d", "365d"]), now in 1_000_000_000_000..2_000_000_000_000i64
    ) {
        let query = PeriodQuery::parse(Some(name), (None, None), Some(zone), None).unwrap();
        let now = Timestamp::from_millis(now);
        let Period { current, previous, .. } = query.at(now);
        let previous = previous.unwrap();
        for border in [current.from, current.to, previous.from, previous.to] {
            prop_assert_eq!(border, Width::Quarter.floor(border));
        }
        prop_assert!(current.from <= now && now < current.to);
        prop_assert_eq!(previous.to, current.from);
        let elapsed = now.as_millis() - current.from.as_millis();
        let length = previous.to.as_millis() - previous.from.as_millis();
        prop_assert!((elapsed..elapsed + Width::Quarter.millis()).contains(&length));
    }
}
