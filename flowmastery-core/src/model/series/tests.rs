//! Borders by hand around daylight-saving changes and in zones at odd offsets, and which buckets points are made of.

use proptest::{prelude::*, sample::select};

use super::*;

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn query(interval: Option<&str>, from: &str, to: &str, tz: &str) -> SeriesQuery {
    let period = PeriodQuery::parse(None, (Some(from), Some(to)), Some(tz), None);
    SeriesQuery::parse(interval, period).unwrap()
}

fn plan(interval: &str, from: &str, to: &str, tz: &str) -> SeriesPlan {
    query(Some(interval), from, to, tz).at(instant("2030-01-01T00:00:00Z"))
}

/// The borders as texts without their date's century, seconds and zone: `26-03-28T23:00`.
fn borders(interval: &str, from: &str, to: &str, tz: &str) -> Vec<String> {
    let borders = plan(interval, from, to, tz).borders(None).unwrap();
    borders.iter().map(|border| border.to_string().chars().skip(2).take(14).collect()).collect()
}

fn lengths(interval: &str, from: &str, to: &str, tz: &str) -> Vec<i64> {
    let borders = plan(interval, from, to, tz).borders(None).unwrap();
    borders.windows(2).map(|pair| (pair[1].as_millis() - pair[0].as_millis()) / 60_000).collect()
}

#[test]
fn days_in_berlin_have_23_hours_in_spring_and_25_in_autumn() {
    assert_eq!(
        borders("day", "2026-03-28", "2026-03-31", "Europe/Berlin"),
        ["26-03-27T23:00", "26-03-28T23:00", "26-03-29T22:00", "26-03-30T22:00"]
    );
    assert_eq!(
        borders("day", "2026-10-24", "2026-10-27", "Europe/Berlin"),
        ["26-10-23T22:00", "26-10-24T22:00", "26-10-25T23:00", "26-10-26T23:00"]
    );
}

#[test]
fn days_in_new_york_have_23_hours_in_spring_and_25_in_autumn() {
    assert_eq!(
        borders("day", "2026-03-07", "2026-03-10", "America/New_York"),
        ["26-03-07T05:00", "26-03-08T05:00", "26-03-09T04:00", "26-03-10T04:00"]
    );
    assert_eq!(
        borders("day", "2026-10-31", "2026-11-03", "America/New_York"),
        ["26-10-31T04:00", "26-11-01T04:00", "26-11-02T05:00", "26-11-03T05:00"]
    );
}

#[test]
fn days_in_kathmandu_begin_at_a_quarter_past() {
    assert_eq!(
        borders("day", "2026-05-01", "2026-05-03", "Asia/Kathmandu"),
        ["26-04-30T18:15", "26-05-01T18:15", "26-05-02T18:15"]
    );
    assert_eq!(
        borders("hour", "2026-05-01T18:00:00Z", "2026-05-01T19:30:00Z", "Asia/Kathmandu"),
        ["26-05-01T18:00", "26-05-01T18:15", "26-05-01T19:15", "26-05-01T19:30"]
    );
}

#[test]
fn lord_howe_moves_its_clocks_by_half_an_hour() {
    assert_eq!(
        borders("day", "2026-04-04", "2026-04-07", "Australia/Lord_Howe"),
        ["26-04-03T13:00", "26-04-04T13:00", "26-04-05T13:30", "26-04-06T13:30"]
    );
    assert_eq!(
        borders("day", "2026-10-03", "2026-10-06", "Australia/Lord_Howe"),
        ["26-10-02T13:30", "26-10-03T13:30", "26-10-04T13:00", "26-10-05T13:00"]
    );
    // 1:30 to 2:00 is shown twice in autumn, 2:00 to 2:30 never in spring.
    assert_eq!(
        borders("hour", "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", "Australia/Lord_Howe"),
        ["26-04-04T14:00", "26-04-04T15:00", "26-04-04T15:30", "26-04-04T16:30"]
    );
    assert_eq!(
        borders("hour", "2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z", "Australia/Lord_Howe"),
        ["26-10-03T14:30", "26-10-03T15:30", "26-10-03T16:00", "26-10-03T17:00"]
    );
}

#[test]
fn the_day_that_apia_skipped_makes_no_point() {
    assert_eq!(
        borders("day", "2011-12-28", "2012-01-02", "Pacific/Apia"),
        ["11-12-28T10:00", "11-12-29T10:00", "11-12-30T10:00", "11-12-31T10:00", "12-01-01T10:00"]
    );
    assert_eq!(
        borders("week", "2011-12-26", "2012-01-09", "Pacific/Apia"),
        ["11-12-26T10:00", "12-01-01T10:00", "12-01-08T10:00"]
    );
    assert!(lengths("hour", "2011-12-29", "2012-01-01", "Pacific/Apia").iter().all(|minutes| *minutes == 60));
}

#[test]
fn a_day_has_as_many_hours_as_the_clock_shows() {
    for (day, next, tz, hours) in [
        ("2026-03-29", "2026-03-30", "Europe/Berlin", 23),
        ("2026-10-25", "2026-10-26", "Europe/Berlin", 25),
        ("2026-03-08", "2026-03-09", "America/New_York", 23),
        ("2026-11-01", "2026-11-02", "America/New_York", 25),
        ("2026-05-01", "2026-05-02", "Asia/Kathmandu", 24),
    ] {
        assert_eq!(lengths("hour", day, next, tz), vec![60; hours], "{day} in {tz}");
    }
    let mut spring = vec![60; 23];
    spring.insert(2, 30);
    assert_eq!(lengths("hour", "2026-10-04", "2026-10-05", "Australia/Lord_Howe"), spring);
    let mut autumn = vec![60; 24];
    autumn.insert(2, 30);
    assert_eq!(lengths("hour", "2026-04-05", "2026-04-06", "Australia/Lord_Howe"), autumn);
}

#[test]
fn weeks_start_on_monday_and_are_cut_at_the_borders() {
    assert_eq!(
        borders("week", "2026-03-25", "2026-04-08", "Europe/Berlin"),
        ["26-03-24T23:00", "26-03-29T22:00", "26-04-05T22:00", "26-04-07T22:00"]
    );
    assert_eq!(
        borders("week", "2026-03-23", "2026-04-06", "UTC"),
        ["26-03-23T00:00", "26-03-30T00:00", "26-04-06T00:00"]
    );
}

#[test]
fn months_start_on_the_first_and_are_cut_at_the_borders() {
    assert_eq!(
        borders("month", "2026-02-10", "2026-05-02", "America/New_York"),
        ["26-02-10T05:00", "26-03-01T05:00", "26-04-01T04:00", "26-05-01T04:00", "26-05-02T04:00"]
    );
    assert_eq!(borders("month", "2026-02-10", "2026-02-11", "UTC"), ["26-02-10T00:00", "26-02-11T00:00"]);
}

#[test]
fn hours_are_the_default_for_two_days_at_most() {
    let of = |period: Option<&str>, from_to, tz| {
        let period = PeriodQuery::parse(period, from_to, tz, None);
        SeriesQuery::parse(None, period).unwrap().at(instant("2026-05-05T12:00:00Z")).interval()
    };
    assert_eq!(of(Some("24h"), (None, None), None), Interval::Hour);
    for period in [None, Some("7d"), Some("365d"), Some("all")] {
        assert_eq!(of(period, (None, None), None), Interval::Day);
    }
    let berlin = Some("Europe/Berlin");
    assert_eq!(of(None, (Some("2026-10-24"), Some("2026-10-26")), berlin), Interval::Hour, "49 hours");
    assert_eq!(
        of(None, (Some("2026-03-28"), Some("2026-03-30T00:15:00+02:00")), berlin),
        Interval::Day,
        "47¼ hours"
    );
}

#[test]
fn all_begins_with_the_interval_of_the_oldest_bucket() {
    let all = |interval: &str, tz: &str, oldest: Option<&str>| {
        let period = PeriodQuery::parse(Some("all"), (None, None), Some(tz), None);
        let plan = SeriesQuery::parse(Some(interval), period).unwrap().at(instant("2026-03-10T12:00:00Z"));
        plan.check().unwrap();
        plan.borders(oldest.map(instant)).map(|borders| borders.first().map(ToString::to_string))
    };
    let oldest = Some("2026-02-11T18:45:00Z");
    for (interval, tz, first) in [
        ("month", "Europe/Berlin", "2026-01-31T23:00:00.000Z"),
        ("week", "Europe/Berlin", "2026-02-08T23:00:00.000Z"),
        ("day", "Asia/Kathmandu", "2026-02-11T18:15:00.000Z"),
        ("hour", "Asia/Kathmandu", "2026-02-11T18:15:00.000Z"),
        ("hour", "UTC", "2026-02-11T18:00:00.000Z"),
    ] {
        assert_eq!(all(interval, tz, oldest), Ok(Some(first.to_owned())), "{interval} in {tz}");
    }
    assert_eq!(all("day", "UTC", None), Ok(None), "nothing ran yet");
    assert_eq!(all("day", "UTC", Some("2026-03-11T00:00:00Z")), Ok(None), "nothing but the future");
    assert_eq!(all("hour", "UTC", Some("2024-01-01T00:00:00Z")), Err(TooManyPoints));
}

#[test]
fn ten_thousand_points_are_the_most() {
    let hours = |to: &str| plan("hour", "2025-01-01T00:00:00Z", to, "UTC").check();
    assert_eq!(hours("2026-02-21T16:00:00Z"), Ok(()));
    assert_eq!(hours("2026-02-21T16:15:00Z"), Err(TooManyPoints));
    assert_eq!(plan("hour", "0001-01-01", "9999-01-01", "Europe/Berlin").check(), Err(TooManyPoints));
    assert_eq!(plan("month", "1500-01-01", "2300-01-01", "Europe/Berlin").check(), Ok(()));
}

#[test]
fn an_interval_is_one_of_four_and_its_fault_comes_with_the_others() {
    for interval in ["", "Day", "year", "1h"] {
        let period = PeriodQuery::parse(Some("1d"), (None, None), Some("Mars"), None);
        let faults = SeriesQuery::parse(Some(interval), period).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["interval", "tz", "period"], "{interval}");
    }
}

#[test]
fn a_zone_is_named_as_it_is_spelt() {
    assert_eq!(plan("day", "2026-01-01", "2026-01-02", "europe/berlin").tz(), "Europe/Berlin");
    assert_eq!(SeriesQuery::default().at(instant("2026-01-01T00:00:00Z")).tz(), "UTC");
}

/// How many buckets of each width the points of a series are made of: quarter hours, hours, days.
fn counts(interval: &str, from: &str, to: &str, tz: &str) -> [i64; 3] {
    let borders = plan(interval, from, to, tz).borders(None).unwrap();
    buckets(&borders).map(|(width, ranges)| {
        ranges.iter().map(|range| (range.to.as_millis() - range.from.as_millis()) / width.millis()).sum()
    })
}

#[test]
fn points_are_made_of_the_widest_buckets() {
    assert_eq!(counts("day", "2025-01-01", "2026-01-01", "UTC"), [0, 0, 365]);
    assert_eq!(counts("day", "2025-01-01", "2026-01-01", "Europe/Berlin"), [0, 365 * 24, 0]);
    assert_eq!(counts("day", "2025-01-01", "2026-01-01", "Asia/Kathmandu"), [365 * 4, 365 * 23, 0]);
    assert_eq!(counts("hour", "2025-01-01", "2026-01-01", "Europe/Berlin"), [0, 365 * 24, 0]);
    assert_eq!(counts("week", "2026-01-05", "2026-03-02", "Asia/Tokyo"), [0, 8 * 24, 8 * 6]);
    assert_eq!(counts("month", "2026-01-01", "2027-01-01", "Asia/Kathmandu"), [12 * 4, 12 * 23, 365 - 12]);
}

#[test]
fn ranges_of_buckets_that_follow_each_other_are_one() {
    let ranges = |interval, tz| {
        let borders = plan(interval, "2026-01-01", "2027-01-01", tz).borders(None).unwrap();
        buckets(&borders).map(|(_, ranges)| ranges.len())
    };
    assert_eq!(ranges("day", "UTC"), [0, 0, 1]);
    assert_eq!(ranges("day", "Europe/Berlin"), [0, 1, 0]);
    assert_eq!(ranges("month", "Europe/Berlin"), [0, 13, 12]);
}

proptest! {
    #[test]
    fn points_cover_the_period_and_every_bucket_lies_in_one(
        zone in select(&ZONES), interval in select(&["hour", "day", "week", "month"]),
        from in 1_280_000..2_000_000i64, quarters in 1..4_000i64,
    ) {
        let from = Timestamp::from_millis(from * Width::Quarter.millis());
        let to = Timestamp::from_millis(from.as_millis() + quarters * Width::Quarter.millis());
        let plan = plan(interval, &from.to_string(), &to.to_string(), zone);
        let borders = plan.borders(None).unwrap();
        prop_assert_eq!((borders[0], *borders.last().unwrap()), (from, to));
        prop_assert!(borders.is_sorted_by(|a, b| a < b));
        let ranges = buckets(&borders);
        let mut covered = 0;
        for (width, ranges) in &ranges {
            for range in ranges {
                let mut bucket = range.from;
                while bucket < range.to {
                    let end = Timestamp::from_millis(bucket.as_millis() + width.millis());
                    let point = point_of(&borders, bucket).unwrap();
                    prop_assert!(borders[point] <= bucket && end <= borders[point + 1]);
                    covered += width.millis();
                    bucket = end;
                }
            }
        }
        prop_assert_eq!(covered, to.as_millis() - from.as_millis());
        for border in &borders[1..borders.len() - 1] {
            let local = plan.tz.to_datetime(border.to_jiff());
            prop_assert!(zone == "America/St_Johns" || interval != "day" || local.hour() <= 1, "{local}");
        }
    }

    #[test]
    fn an_interval_starts_at_the_instant_itself_or_before_it(
        zone in select(&ZONES), interval in select(&["hour", "day", "week", "month"]), at in 0..2_000_000i64,
    ) {
        let at = Timestamp::from_millis(at * Width::Quarter.millis());
        let plan = plan(interval, "2026-01-01", "2026-01-02", zone);
        let starts: Vec<_> = plan.starts(at).take(2).collect();
        prop_assert!(starts[0] <= at, "{} {}", starts[0], at);
        prop_assert!(interval == "day" || zone == "America/St_Johns" || at < starts[1], "{} {}", at, starts[1]);
    }
}
