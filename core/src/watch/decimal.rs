//! Numbers as people write them, exact to six digits after the point: what KPIs and scores are measured in. Two servers
//! must never round one number differently, so there is no binary fraction here.

use std::fmt;

/// Digits after the point.
const DIGITS: usize = 6;
/// Parts of one.
const ONE: i64 = 1_000_000;
/// The largest and, negated, the smallest: sums of any history stay far inside what is added up in.
const LARGEST: i64 = 1_000_000_000_000 * ONE;

/// A decimal number between −10¹² and 10¹².
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Decimal(i64);

/// A text that is no such number.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("a number has an optional sign, digits, and at most six digits after a point, and lies within ±10¹²")]
pub struct InvalidDecimal;

impl Decimal {
    /// From millionths; `None` outside the range.
    #[must_use]
    pub const fn from_millionths(millionths: i64) -> Option<Self> {
        if millionths >= -LARGEST && millionths <= LARGEST { Some(Self(millionths)) } else { None }
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// Reads `42`, `-0.5`, `99.95`.
    ///
    /// # Errors
    /// Any other form, more digits, or out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidDecimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(part) || whole.len() > 13 || part.len() > DIGITS {
            return Err(InvalidDecimal);
        }
        let whole: i64 = whole.parse().map_err(|_| InvalidDecimal)?;
        let part: i64 = format!("{part:0<DIGITS$}").parse().map_err(|_| InvalidDecimal)?;
        let millionths = whole * ONE + part;
        Self::from_millionths(if negative { -millionths } else { millionths }).ok_or(InvalidDecimal)
    }

    /// The mean of so many, to the nearest millionth; `None` of none.
    #[must_use]
    pub fn mean(numbers: impl Iterator<Item = Self>) -> Option<(Self, u64)> {
        let (sum, count) = numbers.fold((0_i128, 0_u64), |(sum, count), one| (sum + i128::from(one.0), count + 1));
        let half = i128::from(count / 2);
        let nearest = if sum < 0 { sum - half } else { sum + half };
        let mean = i64::try_from(nearest.checked_div(i128::from(count))?).expect("a mean lies between its numbers");
        Some((Self(mean.clamp(-LARGEST, LARGEST)), count))
    }
}

impl fmt::Display for Decimal {
    /// Without zeros that say nothing: `99.95`, `3`, `-0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        let part = format!("{part:06}");
        let part = part.trim_end_matches('0');
        if part.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{part}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_they_were_written() {
        for text in ["0", "42", "99.95", "-0.5", "0.000001", "1000000000000", "-1000000000000"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Decimal::parse("007.500").unwrap().to_string(), "7.5");
        let bad =
            ["", "-", ".5", "1.", "1e3", "+1", "NaN", "1.0000001", "1000000000000.1", "99999999999999", "1,5", "٣"];
        for text in bad {
            assert_eq!(Decimal::parse(text), Err(InvalidDecimal), "{text:?}");
        }
    }

    #[test]
    fn means_are_rounded_to_the_nearest() {
        let mean =
            |millionths: &[i64]| Decimal::mean(millionths.iter().map(|one| Decimal(*one))).map(|(mean, _)| mean.0);
        assert_eq!(mean(&[]), None);
        for (numbers, expect) in [
            (&[1, 2][..], 2),
            (&[-1, -2], -2),
            (&[1, 1, 2], 1),
            (&[LARGEST, LARGEST], LARGEST),
            (&[-LARGEST], -LARGEST),
        ] {
            assert_eq!(mean(numbers), Some(expect), "{numbers:?}");
        }
    }
}
