//! Numbers, durations and instants as people read them. What is not known is a dash, never a zero.

use flowmastery_core::{
    clock::Timestamp,
    model::{client::Progress, freshness::FreshnessStatus, report::PeriodBorders},
};
use jiff::tz::TimeZone;

const UNKNOWN: &str = "–";

/// A count with its thousands apart.
pub(crate) fn count(count: Option<i64>) -> String {
    let Some(count) = count else { return UNKNOWN.to_owned() };
    let digits = count.unsigned_abs().to_string();
    let mut text = String::new();
    if count < 0 {
        text.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent, with one decimal.
pub(crate) fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| UNKNOWN.to_owned(), |rate| format!("{rate:.1} %"))
}

/// A duration of seconds, in the two units that say most.
pub(crate) fn duration(seconds: Option<f64>) -> String {
    match seconds {
        None => UNKNOWN.to_owned(),
        Some(short) if short < 0.9995 => format!("{:.0} ms", short * 1000.0),
        Some(short) if short < 59.95 => format!("{short:.1} s"),
        Some(long) => {
            let seconds = long.round() as u64;
            match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
                (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
                (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
            }
        }
    }
}

/// Hours that were saved.
pub(crate) fn hours(hours: Option<f64>) -> String {
    match hours {
        None => UNKNOWN.to_owned(),
        Some(many) if many >= 100.0 => format!("{} h", count(Some(many.round() as i64))),
        Some(few) => format!("{few:.1} h"),
    }
}

/// A change, with its sign and unit; nothing where there is no base.
pub(crate) fn change(by: Option<f64>, unit: &str) -> Option<String> {
    let by = by?;
    let sign = if by > 0.0 {
        "+"
    } else if by < 0.0 {
        "−"
    } else {
        "±"
    };
    Some(format!("{sign}{:.1} {unit}", by.abs()))
}

/// An instant as a clock on a wall shows it.
pub(crate) fn instant(at: Option<Timestamp>, tz: &TimeZone) -> String {
    at.map_or_else(
        || UNKNOWN.to_owned(),
        |at| at.to_jiff().to_zoned(tz.clone()).strftime("%-d %b %Y, %H:%M").to_string(),
    )
}

/// A period from its first to its last instant.
pub(crate) fn borders(period: &PeriodBorders, tz: &TimeZone) -> String {
    let from =
        period.from.map_or_else(|| "Since the first execution".to_owned(), |from| instant(Some(from), tz));
    format!("{from} – {}, {}", instant(Some(period.to), tz), tz.iana_name().unwrap_or("UTC"))
}

/// The most characters of a name in a table.
const LONGEST: usize = 200;

/// A name as it is given, but for one that would fill the page.
pub(crate) fn name(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// How long ago something was, roughly.
pub(crate) fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else { return "never".to_owned() };
    let plural = |count: u64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
    match now.since(at).as_secs() {
        seconds if seconds < 60 => "just now".to_owned(),
        seconds if seconds < 3600 => plural(seconds / 60, "minute"),
        seconds if seconds < 86_400 => plural(seconds / 3600, "hour"),
        seconds => plural(seconds / 86_400, "day"),
    }
}

/// How far a back-fill is.
pub(crate) fn progress(progress: &Progress) -> String {
    let executions = count(Some(progress.executions));
    let back_to =
        progress.oldest.map(|oldest| format!(", back to {}", instant(Some(oldest), &TimeZone::UTC)));
    format!("{executions} executions were read so far{}.", back_to.unwrap_or_default())
}

/// A state in a word or two.
pub(crate) const fn state(status: FreshnessStatus) -> &'static str {
    match status {
        FreshnessStatus::Live => "Live",
        FreshnessStatus::Collecting => "Collecting",
        FreshnessStatus::Stale => "Out of date",
        FreshnessStatus::NotConfigured => "Not connected",
        FreshnessStatus::AuthFailed => "Key refused",
        FreshnessStatus::MissingScope => "Key lacks a scope",
        FreshnessStatus::Unreachable => "Unreachable",
        FreshnessStatus::NotN8n => "Not an n8n",
        _ => "Unknown",
    }
}

/// How bad a state is, as a class of the style sheet.
pub(crate) const fn tone(status: FreshnessStatus) -> &'static str {
    match status {
        FreshnessStatus::Live => "good",
        FreshnessStatus::Collecting | FreshnessStatus::NotConfigured => "calm",
        FreshnessStatus::Stale => "warn",
        _ => "bad",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash_and_never_a_zero() {
        let utc = TimeZone::UTC;
        for text in [count(None), percent(None), duration(None), hours(None), instant(None, &utc)] {
            assert_eq!(text, UNKNOWN);
        }
        assert_eq!(change(None, "%"), None);
    }

    #[test]
    fn counts_have_their_thousands_apart() {
        let counts = [0, 7, 999, 1000, 12_345, 1_234_567, -4_200].map(|number| count(Some(number)));
        assert_eq!(counts, ["0", "7", "999", "1,000", "12,345", "1,234,567", "−4,200"]);
    }

    #[test]
    fn durations_have_the_units_that_say_most() {
        let shown = [0.0, 0.25, 0.9999, 1.0, 59.94, 59.96, 60.0, 3599.4, 3600.0, 90_061.0];
        assert_eq!(
            shown.map(|seconds| duration(Some(seconds))),
            [
                "0 ms",
                "250 ms",
                "1.0 s",
                "1.0 s",
                "59.9 s",
                "1 min 00 s",
                "1 min 00 s",
                "59 min 59 s",
                "1 h 00 min",
                "25 h 01 min"
            ]
        );
    }

    #[test]
    fn changes_have_a_sign() {
        let shown = [5.25, -3.0, 0.0].map(|by| change(Some(by), "%").unwrap());
        assert_eq!(shown, ["+5.2 %", "−3.0 %", "±0.0 %"]);
    }

    #[test]
    fn instants_are_those_of_the_time_zone() {
        let at = Timestamp::from_millis(1_767_571_200_000);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(instant(Some(at), &berlin), "5 Jan 2026, 01:00");
        let ago_of = |seconds| ago(Some(at), at.plus(Duration::from_secs(seconds)));
        assert_eq!(
            [59, 60, 7200, 200_000].map(ago_of),
            ["just now", "1 minute ago", "2 hours ago", "2 days ago"]
        );
        assert_eq!(ago(None, at), "never");
    }
}
