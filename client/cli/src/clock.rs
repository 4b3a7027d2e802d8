//! Moments and spans for people and for programs. The only file that asks the clock.

use std::time::{Duration, Instant};

use jiff::SpanRelativeTo;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use meridian_core::time::{Span, Timestamp};

/// Now.
#[must_use]
pub fn now() -> Timestamp {
    // Before 1970 there is nothing to say the time of.
    Timestamp::from_millis(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default())
}

/// `2026-11-23T11:02:13Z`; a moment that no calendar has is `?`.
#[must_use]
pub fn iso(moment: Timestamp) -> String {
    formatted(moment, "%Y-%m-%dT%H:%M:%SZ")
}

/// `20261123T110213Z`, as calendars of other programs have it.
#[must_use]
pub fn basic(moment: Timestamp) -> String {
    formatted(moment, "%Y%m%dT%H%M%SZ")
}

/// `11:02:13`, UTC.
#[must_use]
pub fn time_of_day(moment: Timestamp) -> String {
    formatted(moment, "%H:%M:%S")
}

fn formatted(moment: Timestamp, format: &str) -> String {
    let known = i64::try_from(moment.millis()).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    known.map_or_else(|| "?".to_owned(), |known| known.strftime(format).to_string())
}

/// `11-23 11:02`, UTC.
#[must_use]
pub fn minute(moment: Timestamp) -> String {
    formatted(moment, "%m-%d %H:%M")
}

/// Parses `2026-11-30T09:00`, UTC unless an offset is given.
///
/// # Errors
/// If it is no time after 1970.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(civil);
    let millis = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    let fix = "write a time such as 2026-11-30T09:00 or 2026-11-30T09:00+01:00";
    millis.map(Timestamp::from_millis).ok_or_else(|| fix.to_owned())
}

/// How long something of this program takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// From now on.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since then.
    #[must_use]
    pub fn passed(self) -> Duration {
        self.0.elapsed()
    }
}

/// At most two units, for people: `42s`, `3m40s`, `2h10m`, `4d3h`.
#[must_use]
pub fn short(span: Span) -> String {
    let seconds = span.millis() / 1000;
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, size) in units {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        } else if !parts.is_empty() {
            // The second unit is the one right below the first, or none.
            break;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.into_iter().take(2).collect() }
}

/// How long ago, for people.
#[must_use]
pub fn age(moment: Timestamp, now: Timestamp) -> String {
    short(now.since(moment))
}

/// Parses `10s`, `1m30s`, `2h`, `7d`; a day is 24 hours.
///
/// # Errors
/// If it is no span, or none that passes.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let fix = "write a span such as 10s, 1m30s, 2h or 7d";
    let span: jiff::Span = text.parse().map_err(|_| fix.to_owned())?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| fix.to_owned())?;
    let span = Duration::try_from(span).map_err(|_| fix.to_owned())?;
    if span.is_zero() { Err(format!("it is zero; {fix}")) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_at_most_two_neighbouring_units() {
        let table =
            [(0, "0s"), (42, "42s"), (220, "3m40s"), (7800, "2h10m"), (90_061, "1d1h"), (86_401, "1d"), (3600, "1h")];
        for (seconds, text) in table {
            assert_eq!(short(Span::from_secs(seconds)), text);
        }
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(iso(Timestamp::from_millis(1_795_431_600_000)), "2026-11-23T11:00:00Z");
        assert_eq!(iso(Timestamp::from_millis(u64::MAX)), "?");
    }

    #[test]
    fn moments_are_parsed_as_utc_or_by_their_offset() {
        for text in ["2026-11-23T11:00", "2026-11-23T11:00:00Z", "2026-11-23T12:00+01:00"] {
            assert_eq!(parse_moment(text).map(iso), Ok("2026-11-23T11:00:00Z".to_owned()), "{text}");
        }
        for text in ["", "soon", "11:00", "1969-01-01T00:00", "2026-13-01T00:00"] {
            assert!(parse_moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_parsed() {
        for (text, seconds) in [("1m30s", 90), ("2h", 7200), ("7d", 604_800), ("1d12h", 129_600)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "-5s", "0s", "soon", "1mo"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
