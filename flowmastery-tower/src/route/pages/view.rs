//! What the pages of numbers are asked for: a period, the points of its chart, and which rows of a table.

use flowmastery_core::{
    clock::Timestamp,
    error::FieldError,
    model::{
        period::PeriodQuery,
        rollup::Range,
        series::{Interval, SeriesQuery},
    },
};
use jiff::{ToSpan, civil::Date};

use super::{
    super::{
        Call, Field,
        FieldKind::{Integer, Text},
        extract::Values,
    },
    home::now,
};
use crate::{
    dashboard::asked::{Asked, CUSTOM, DEFAULT_PERIOD, STATES, Sort},
    problem::Problem,
};

/// What the pages of numbers take.
pub(super) const VIEW: &[Field] = &[
    Field::optional("period", Text, ""),
    Field::optional("from", Text, ""),
    Field::optional("to", Text, ""),
    Field::optional("interval", Text, ""),
    Field::optional("tz", Text, ""),
    Field::optional("search", Text, ""),
    Field::optional("state", Text, ""),
    Field::optional("sort", Text, ""),
    Field::optional("page", Integer, ""),
    Field::optional("done", Text, ""),
];

/// More points than this are too narrow to be told apart.
const MOST_POINTS: i64 = 400;

/// What was asked for, and what it means.
pub(super) struct View {
    pub(super) asked: Asked,
    pub(super) period: PeriodQuery,
    pub(super) series: SeriesQuery,
    /// What was done before, in a word.
    pub(super) done: String,
}

/// What was asked for, and what it means.
pub(super) fn view(call: &mut Call) -> Result<View, Problem> {
    let now = now(call);
    std::mem::take(&mut call.fields).parse(|values| read(values, now))
}

fn read(values: &Values, now: Timestamp) -> Result<View, Vec<FieldError>> {
    let text = |name| values.optional_text(name).filter(|text| !text.is_empty());
    let tz = text("tz").unwrap_or("UTC");
    let given = date("from", text("from"))?.zip(date("to", text("to"))?);
    let given = given.map(|(from, to)| (from.min(to), from.max(to)));
    let name = text("period").unwrap_or(if given.is_some() { CUSTOM } else { DEFAULT_PERIOD });
    let period = match given.filter(|_| name == CUSTOM) {
        // Whoever chooses days means the last one, too.
        Some((from, to)) => {
            let end = to.saturating_add(1.day()).to_string();
            PeriodQuery::parse(None, (Some(&from.to_string()), Some(&end)), Some(tz), None)?
        }
        None => {
            // Days that are to be chosen begin with those that are shown anyhow.
            let name = if name == CUSTOM { DEFAULT_PERIOD } else { name };
            PeriodQuery::parse(Some(name), (None, None), Some(tz), None)?
        }
    };
    let days = days_of(&period, now);
    let (earlier, later) = days.map_or((None, None), |days| beside(days, name, days_today(&period, now)));
    let (intervals, best) = intervals(&period, now);
    let known = |word: &str| {
        [Interval::Hour, Interval::Day, Interval::Week, Interval::Month]
            .into_iter()
            .find(|each| each.as_str() == word)
    };
    let chosen = checked("interval", text("interval"), known)?;
    // One that was chosen for another period may not fit this one.
    let chosen = chosen.filter(|interval| intervals.contains(interval));
    let interval = chosen.unwrap_or(best);
    let series = SeriesQuery::parse(Some(interval.as_str()), Ok(period.clone()))?;
    let asked = Asked {
        period: name.to_owned(),
        days,
        tz: tz.to_owned(),
        interval,
        interval_chosen: chosen.is_some(),
        intervals,
        earlier,
        later,
        search: text("search").unwrap_or_default().to_owned(),
        state: checked("state", text("state"), state)?.unwrap_or_default().to_owned(),
        sort: checked("sort", text("sort"), Sort::parse)?.unwrap_or_default(),
        page: values.integer("page").and_then(|page| usize::try_from(page).ok()).unwrap_or(1),
    };
    Ok(View { asked, period, series, done: text("done").unwrap_or_default().to_owned() })
}

/// What a word stands for, where there is one.
fn checked<'t, T>(
    field: &str,
    word: Option<&'t str>,
    read: impl Fn(&'t str) -> Option<T>,
) -> Result<Option<T>, Vec<FieldError>> {
    let fault = || vec![FieldError::new(field, "This page knows no such choice.")];
    word.map(|word| read(word).ok_or_else(fault)).transpose()
}

fn state(word: &str) -> Option<&str> {
    STATES.into_iter().map(|(state, _)| state).find(|state| *state == word)
}

fn date(field: &str, text: Option<&str>) -> Result<Option<Date>, Vec<FieldError>> {
    let read = text.map(|text| text.parse().map_err(|_| vec![FieldError::new(field, "This is not a date.")]));
    read.transpose()
}

fn date_of(at: Timestamp, period: &PeriodQuery) -> Date {
    period.tz().to_datetime(at.to_jiff()).date()
}

fn days_today(period: &PeriodQuery, now: Timestamp) -> Date {
    date_of(now, period)
}

/// The first and the last day of a period.
fn days_of(period: &PeriodQuery, now: Timestamp) -> Option<(Date, Date)> {
    let at = period.at(now);
    let last = Timestamp::from_millis(at.current.to.as_millis() - 1);
    (!at.is_all).then(|| (date_of(at.current.from, period), date_of(last, period)))
}

type Days = Option<(Date, Date)>;

/// As many days before these, and behind them up to today.
fn beside((from, to): (Date, Date), period: &str, today: Date) -> (Days, Days) {
    // The last 24 hours touch two days, and what is looked for is the one before.
    let length =
        if period == "24h" { 1 } else { from.until(to).map_or(1, |span| i64::from(span.get_days()) + 1) };
    let before = if period == "24h" { from } else { from.saturating_sub(1.day()) };
    let earlier = (before.saturating_sub((length - 1).days()), before);
    let end = to.saturating_add(length.days()).min(today);
    (Some(earlier), (to < today).then(|| (to.saturating_add(1.day()), end)))
}

/// How long points can be so that there are neither too many nor a single one, and how long they best are.
fn intervals(period: &PeriodQuery, now: Timestamp) -> (Vec<Interval>, Interval) {
    let at = period.at(now);
    if at.is_all {
        return (vec![Interval::Week, Interval::Month], Interval::Month);
    }
    let Range { from, to } = at.current;
    let hours = (to.as_millis() - from.as_millis()) / 3_600_000;
    let lengths =
        [(Interval::Hour, 1), (Interval::Day, 24), (Interval::Week, 7 * 24), (Interval::Month, 30 * 24)];
    let fits = lengths.into_iter().filter(|(_, length)| hours / length <= MOST_POINTS && hours > *length);
    let mut fitting: Vec<_> = fits.map(|(interval, _)| interval).collect();
    let best = match hours / 24 {
        ..=2 => Interval::Hour,
        3..=120 => Interval::Day,
        121..=800 => Interval::Week,
        _ => Interval::Month,
    };
    if !fitting.contains(&best) {
        fitting.push(best);
    }
    (fitting, best)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_798_732_800_000);

    fn query(period: Option<&str>, from_to: (Option<&str>, Option<&str>)) -> PeriodQuery {
        PeriodQuery::parse(period, from_to, Some("Europe/Berlin"), None).unwrap()
    }

    #[test]
    fn points_are_never_too_many() {
        for period in ["24h", "7d", "30d", "90d", "365d"] {
            let period = query(Some(period), (None, None));
            let (fitting, best) = intervals(&period, NOW);
            assert!(fitting.contains(&best));
            for interval in fitting {
                let series = SeriesQuery::parse(Some(interval.as_str()), Ok(period.clone())).unwrap();
                let points = series.at(NOW).borders(None).unwrap().len() as i64 - 1;
                assert!((1..=MOST_POINTS + 1).contains(&points), "{interval:?}: {points}");
            }
        }
    }

    #[test]
    fn days_beside_are_as_many() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let period = query(None, (Some("2026-10-01"), Some("2026-10-11")));
        let days = days_of(&period, NOW).unwrap();
        assert_eq!(days, (day("2026-10-01"), day("2026-10-10")));
        let (earlier, later) = beside(days, CUSTOM, day("2026-10-15"));
        assert_eq!(earlier, Some((day("2026-09-21"), day("2026-09-30"))));
        assert_eq!(later, Some((day("2026-10-11"), day("2026-10-15"))), "no further than today");
        assert_eq!(beside(days, CUSTOM, day("2026-10-10")).1, None);
    }
}
