//! Two special functions: the upper tail of the normal distribution and the logarithm of the gamma function. It does not
//! know what they are used for.

use std::f64::consts::{PI, SQRT_2};

/// Where the series of the error function gives way to the continued fraction: both are at full precision there.
const SERIES_UP_TO: f64 = 2.5;
/// Terms after which either expansion has long converged on its side of [`SERIES_UP_TO`].
const TERMS_MAX: u32 = 200;

/// The probability that a standard normal variable exceeds `z`; relative precision better than 1e-12 up to `z` = 35.
#[must_use]
pub fn normal_upper_tail(z: f64) -> f64 {
    let x = z / SQRT_2;
    let tail = if x.abs() <= SERIES_UP_TO { 1.0 - erf_series(x.abs()) } else { erfc_fraction(x.abs()) };
    if x >= 0.0 { 0.5 * tail } else { 1.0 - 0.5 * tail }
}

/// The error function for `0 <= x <= 2.5` by its series without alternating signs (DLMF 7.6.2).
fn erf_series(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..TERMS_MAX {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

/// The complementary error function for `x > 2.5` by its continued fraction (DLMF 7.9.1), evaluated from the far end.
fn erfc_fraction(x: f64) -> f64 {
    let fraction = (1..=TERMS_MAX).rev().fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    (-x * x).exp() / (PI.sqrt() * fraction)
}

/// From here on Stirling's series (DLMF 5.11.1) needs no more than the terms below.
const STIRLING_FROM: f64 = 10.0;

/// The natural logarithm of the gamma function for `x > 0`; absolute precision better than 1e-11.
///
/// # Panics
/// If `x` is not positive.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    assert!(x > 0.0, "the gamma function is asked for positive arguments only");
    let (mut shifted, mut below) = (x, 0.0);
    while shifted < STIRLING_FROM {
        below += shifted.ln();
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0
            - square * (1.0 / 360.0 - square * (1.0 / 1_260.0 - square * (1.0 / 1_680.0 - square / 1_188.0))));
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * PI).ln() + series - below
}

/// The natural logarithm of the beta function for positive arguments.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_tail_is_that_of_published_tables() {
        // Abramowitz and Stegun, table 26.1 and 26.2.
        let table = [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.025),
            (2.326_347_874_040_841, 0.01),
            (3.0, 0.001_349_898_031_630),
            (4.0, 3.167_124_183_311_996e-5),
            (6.0, 9.865_876_450_376_98e-10),
            (-1.0, 0.841_344_746_068_543),
            (10.0, 7.619_853_024_160_527e-24),
        ];
        for (z, expect) in table {
            let got = normal_upper_tail(z);
            assert!(((got - expect) / expect).abs() < 1e-11, "{z}: {got} is not {expect}");
        }
    }

    #[test]
    fn both_expansions_of_the_error_function_meet() {
        let at = SERIES_UP_TO;
        assert!((1.0 - erf_series(at) - erfc_fraction(at)).abs() < 1e-14);
    }

    #[test]
    fn the_gamma_function_is_the_factorial() {
        let mut factorial = 1.0_f64;
        for n in 1..=40 {
            let n = f64::from(n);
            factorial *= n;
            assert!((ln_gamma(n + 1.0) - factorial.ln()).abs() < 1e-11, "{n}");
        }
        assert!((ln_gamma(0.5) - PI.sqrt().ln()).abs() < 1e-11);
        assert!((ln_beta(2.0, 3.0) - (1.0_f64 / 12.0).ln()).abs() < 1e-11);
    }
}
