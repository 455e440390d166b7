//! How long to wait before a request is tried again: what the server asks for, else exponential backoff with full jitter.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::entropy::{Entropy, random};

/// The longest wait before the second try; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait of all. A server that asks for a longer one is not asked again.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// The wait after so many failures: as the server `asked`, else a random part of the backoff.
pub(super) fn delay(entropy: &dyn Entropy, failures: u32, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked {
        return asked;
    }
    let doublings = failures.saturating_sub(1).min(16);
    let backoff = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    // Without randomness the whole backoff is the polite choice.
    let share =
        random(entropy).map_or(1.0, |bytes| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX));
    backoff.mul_f64(share)
}

/// Reads `Retry-After`: seconds, or a date that is compared with the answer's own `Date`, so that clocks need not agree.
pub(super) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let parser = DateTimeParser::new();
    let until = parser.parse_timestamp(value).ok()?;
    let now = parser.parse_timestamp(date?.trim()).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind, Result};

    /// Fills with one byte; without one it fails.
    #[derive(Debug)]
    struct Fixed(Option<u8>);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<()> {
            buffer.fill(self.0.ok_or_else(|| Error::new(Kind::Unavailable, "none"))?);
            Ok(())
        }
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let waits = |failures| delay(&Fixed(Some(0xff)), failures, None).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 100].map(waits), [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(delay(&Fixed(Some(0)), 5, None), Duration::ZERO);
        let half = delay(&Fixed(Some(0x7f)), 5, None).as_secs_f64();
        assert!((7.9..8.1).contains(&half), "{half}");
    }

    #[test]
    fn without_randomness_the_whole_backoff_is_waited() {
        assert_eq!(delay(&Fixed(None), 2, None), Duration::from_secs(2));
    }

    #[test]
    fn what_the_server_asks_for_takes_the_place_of_the_backoff() {
        let asked = |seconds| delay(&Fixed(Some(0)), 1, Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!([0, 7, 30].map(asked), [0, 7, 30]);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let date = Some("Sun, 22 Nov 2026 23:26:01 GMT");
        let seconds = |value| retry_after(value, date).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds("Sun, 22 Nov 2026 23:26:18 GMT"), Some(17));
        assert_eq!(seconds("Sun, 22 Nov 2026 23:25:00 GMT"), Some(0));
        assert_eq!(retry_after("Sun, 22 Nov 2026 23:26:18 GMT", None), None);
        for value in ["", "soon", "-1", "1.5"] {
            assert_eq!(seconds(value), None, "{value}");
        }
    }
}
