//! The rates themselves: which checks, which traffic, and the bounds that they keep.

use super::traffic::{Rates, Step};
use meridian_core::evidence::{Check, Measure, Outcome};
use meridian_core::time::Span;
use meridian_core::weight::Weight;

/// Looks per step: one a second for five minutes.
const CLEAN_SECONDS: u64 = 300;
/// A rise has to be found within this.
const DETECT_SECONDS: u64 = 60;

fn share(basis_points: u64) -> Weight {
    Weight::from_basis_points(basis_points).unwrap()
}

fn steps() -> u64 {
    option_env!("JUDGES_STEPS").and_then(|text| text.parse().ok()).unwrap_or(100)
}

fn check(name: &str, measure: Measure, sample_min: u64) -> Check {
    Check { name: name.to_owned(), measure, sample_min }
}

/// The checks at the settings that the documentation recommends.
fn recommended() -> Vec<Check> {
    vec![
        check("errors", Measure::ErrorRatio { max: share(100) }, 500),
        check("more-errors", Measure::ErrorDifference { max: share(100) }, 500),
        check("errors-slowly", Measure::ErrorSequence { max: share(50) }, 1),
        check("burn", Measure::BudgetBurn { budget: share(10), factor: 10 }, 500),
        check("slower", Measure::LatencyShift { tolerance: share(2_500) }, 100),
        check("p99", Measure::Latency { quantile: share(9_900), max: Span::from_millis(500) }, 500),
    ]
}

/// The share of steps, in percent, in which a check fails at any look up to `seconds`.
fn failing(check: &Check, rates: Rates, seconds: u64, seed: u64) -> f64 {
    let steps = steps();
    let failed = (0..steps).filter(|step| {
        let mut step = Step::new(rates, seed.wrapping_mul(1_000_003) + step);
        (0..seconds).any(|_| step.second(check).outcome == Outcome::Fail)
    });
    100.0 * failed.count() as f64 / steps as f64
}

const CLEAN: Rates = Rates { per_second: 50, errors: 0.001, other_errors: 0.001, slower: 1.0 };

#[test]
fn clean_steps_are_not_taken_back() {
    for check in recommended() {
        for per_second in [5, 50] {
            let wrong = failing(&check, Rates { per_second, ..CLEAN }, CLEAN_SECONDS, per_second);
            println!("clean {per_second}/s {}: {wrong:.2} % of the steps fail", check.name);
            assert!(wrong <= 1.0, "{} at {per_second}/s fails {wrong} % of clean steps", check.name);
        }
    }
}

#[test]
fn a_rise_from_a_thousandth_to_a_fiftieth_is_found_within_a_minute() {
    let risen = Rates { errors: 0.02, ..CLEAN };
    for check in recommended().into_iter().filter(|check| !matches!(check.name.as_str(), "slower" | "p99")) {
        let found = failing(&check, risen, DETECT_SECONDS, 7);
        println!("2 % errors at 50/s {}: found in {found:.2} % of the steps", check.name);
        let known = if matches!(check.measure, Measure::ErrorDifference { .. }) { 98.0 } else { 99.0 };
        assert!(found >= known, "{} finds {found} %", check.name);
    }
}

#[test]
fn answers_that_take_twice_as_long_are_found_within_a_minute() {
    let slower = Rates { slower: 2.0, ..CLEAN };
    let check = recommended().into_iter().find(|check| check.name == "slower").unwrap();
    let found = failing(&check, slower, DETECT_SECONDS, 11);
    println!("twice as slow at 50/s: found in {found:.2} % of the steps");
    assert!(found >= 99.0, "{found} %");
}
