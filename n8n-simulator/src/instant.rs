//! Instants as n8n writes them: `YYYY-MM-DDTHH:MM:SS.mmmZ`, without a formatter of every form, for pages have hundreds.

use flowmastery_core::clock::Timestamp;
use serde::{Serialize, Serializer};

/// An instant in JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Iso(pub(crate) Timestamp);

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match written(self.0).as_ref().map(|bytes| std::str::from_utf8(bytes)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            // Years that have no four digits.
            _ => serializer.collect_str(&self.0),
        }
    }
}

fn written(instant: Timestamp) -> Option<[u8; 24]> {
    let millis = instant.as_millis();
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = date(days);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (at, digits, value) in [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, of_day / 3_600_000),
        (14, 2, of_day / 60_000 % 60),
        (17, 2, of_day / 1000 % 60),
        (20, 3, of_day % 1000),
    ] {
        let mut left = value;
        for digit in text.get_mut(at..at + digits)?.iter_mut().rev() {
            *digit = b'0' + u8::try_from(left % 10).ok()?;
            left /= 10;
        }
    }
    Some(text)
}

/// Year, month and day of the day so many after 1970-01-01, by Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) =
        (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_core_writes_them() {
        for millis in [
            0,
            -1,
            1,
            951_782_399_999,
            951_782_400_000,
            1_795_389_722_212,
            4_107_542_400_000,
            -62_135_596_800_000,
        ] {
            let instant = Timestamp::from_millis(millis);
            let json = serde_json::to_string(&Iso(instant)).unwrap();
            assert_eq!(json, format!("\"{instant}\""));
        }
    }
}
