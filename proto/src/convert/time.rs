//! Moments and spans: `google.protobuf.Timestamp` and `Duration` to and from whole milliseconds. Nothing is rounded: what
//! does not fit exactly is refused.

use meridian_core::time::{Span, Timestamp};

use super::field::present;
use super::invalid::{At, Invalid, InvalidKind};

/// The last second of the year 9999, which is where `Timestamp` ends.
const TIMESTAMP_SECONDS_MAX: u64 = 253_402_300_799;
/// Ten thousand years, which is where `Duration` ends.
const DURATION_SECONDS_MAX: u64 = 315_576_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A moment from 1970 to 9999 in whole milliseconds.
///
/// # Errors
/// Outside these years, finer than a millisecond, or with a fraction that is none.
pub fn timestamp_from_wire(wire: prost_types::Timestamp) -> Result<Timestamp, Invalid> {
    let prost_types::Timestamp { seconds, nanos } = wire;
    millis(seconds, nanos, TIMESTAMP_SECONDS_MAX).map(Timestamp::from_millis)
}

/// A moment as the wire says it.
#[must_use]
pub fn timestamp_to_wire(moment: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = parts(moment.millis());
    prost_types::Timestamp { seconds, nanos }
}

/// A span from nothing to ten thousand years in whole milliseconds.
///
/// # Errors
/// Negative, longer, finer than a millisecond, or with a fraction that is none.
pub fn span_from_wire(wire: prost_types::Duration) -> Result<Span, Invalid> {
    let prost_types::Duration { seconds, nanos } = wire;
    millis(seconds, nanos, DURATION_SECONDS_MAX).map(Span::from_millis)
}

/// A span as the wire says it.
#[must_use]
pub fn span_to_wire(span: Span) -> prost_types::Duration {
    let (seconds, nanos) = parts(span.millis());
    prost_types::Duration { seconds, nanos }
}

/// A moment that has to be there.
pub(crate) fn moment(field: &str, wire: Option<prost_types::Timestamp>) -> Result<Timestamp, Invalid> {
    timestamp_from_wire(present(field, wire)?).at(field)
}

/// A span that has to be there.
pub(crate) fn span(field: &str, wire: Option<prost_types::Duration>) -> Result<Span, Invalid> {
    span_from_wire(present(field, wire)?).at(field)
}

fn millis(seconds: i64, nanos: i32, seconds_max: u64) -> Result<u64, Invalid> {
    let refuse = |why| Err(Invalid::of(format!("{seconds}s {nanos}ns"), why));
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u64::try_from(nanos)) else {
        return refuse(InvalidKind::TimeOutOfRange);
    };
    if seconds > seconds_max || nanos >= 1000 * NANOS_PER_MILLI {
        return refuse(InvalidKind::TimeOutOfRange);
    }
    if nanos % NANOS_PER_MILLI != 0 {
        return refuse(InvalidKind::TimeTooFine);
    }
    Ok(seconds * 1000 + nanos / NANOS_PER_MILLI)
}

/// Seconds and nanoseconds. A moment past what the wire can say is said as it is, and refused by its reader.
fn parts(millis: u64) -> (i64, i32) {
    let seconds = i64::try_from(millis / 1000).expect("a thousandth of u64::MAX is below i64::MAX");
    let nanos = i32::try_from(millis % 1000 * NANOS_PER_MILLI).expect("less than a second in nanoseconds fits");
    (seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_milliseconds_in_range_are_taken() {
        let at = |seconds, nanos| timestamp_from_wire(prost_types::Timestamp { seconds, nanos }).map(Timestamp::millis);
        assert_eq!(at(0, 0), Ok(0));
        assert_eq!(at(253_402_300_799, 999_000_000), Ok(253_402_300_799_999));
        let table = [
            (-1, 0, InvalidKind::TimeOutOfRange),
            (i64::MIN, 0, InvalidKind::TimeOutOfRange),
            (253_402_300_800, 0, InvalidKind::TimeOutOfRange),
            (i64::MAX, 0, InvalidKind::TimeOutOfRange),
            (0, -1, InvalidKind::TimeOutOfRange),
            (0, 1_000_000_000, InvalidKind::TimeOutOfRange),
            (0, i32::MAX, InvalidKind::TimeOutOfRange),
            (0, 1, InvalidKind::TimeTooFine),
            (0, 1_500_000, InvalidKind::TimeTooFine),
        ];
        for (seconds, nanos, why) in table {
            assert_eq!(at(seconds, nanos).unwrap_err().why, why, "{seconds}s {nanos}ns");
        }
    }

    #[test]
    fn spans_have_their_own_end() {
        let span = |seconds, nanos| span_from_wire(prost_types::Duration { seconds, nanos }).map(Span::millis);
        assert_eq!(span(90, 250_000_000), Ok(90_250));
        assert_eq!(span(315_576_000_000, 0), Ok(315_576_000_000_000));
        assert_eq!(span(315_576_000_001, 0).unwrap_err().why, InvalidKind::TimeOutOfRange);
        assert_eq!(span(-5, 0).unwrap_err().why, InvalidKind::TimeOutOfRange);
        assert_eq!(span(-5, -1).unwrap_err().value, "-5s -1ns");
    }

    #[test]
    fn the_end_of_time_does_not_panic() {
        let wire = timestamp_to_wire(Timestamp::from_millis(u64::MAX));
        assert_eq!(timestamp_from_wire(wire).unwrap_err().why, InvalidKind::TimeOutOfRange);
    }
}
