//! A test of a rate that may be looked at after every request: the confidence sequence of a Bernoulli rate by a mixture
//! over Beta priors (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, section 3). However often one looks, the
//! probability of ever being wrong about the limit stays below the level; so it may stop as soon as it knows, which is
//! what few requests need.

use super::special::ln_beta;

/// What a sequence says of a rate and a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The rate lies above the limit.
    Above,
    /// The rate lies below the limit.
    Below,
    /// Not known yet.
    Open,
}

/// On which side of `limit` the rate lies that gave `hits` out of `trials`, wrong with a probability of at most `level` over
/// all looks of one sequence, for each side.
///
/// # Panics
/// If `limit` is not within 0 and 1, or `level` not strictly between them.
#[must_use]
pub fn side(hits: u64, trials: u64, limit: f64, level: f64) -> Side {
    assert!((0.0..=1.0).contains(&limit), "a rate lies between 0 and 1");
    assert!(level > 0.0 && level < 1.0, "a level lies between 0 and 1");
    let hits = hits.min(trials);
    if trials == 0 {
        return Side::Open;
    }
    // Impossible under the limit, whatever the sample.
    if limit <= 0.0 {
        return if hits > 0 { Side::Above } else { Side::Open };
    }
    if limit >= 1.0 {
        return if hits < trials { Side::Below } else { Side::Open };
    }
    if ln_wealth(hits, trials, limit) < -level.ln() {
        return Side::Open;
    }
    if hits as f64 > limit * trials as f64 { Side::Above } else { Side::Below }
}

/// The logarithm of what a gambler has who began with one and bet against `rate`: under that rate it is at most one on
/// average, at any time. The bets are those of a Beta(1/2, 1/2) prior, which wastes little on either side.
fn ln_wealth(hits: u64, trials: u64, rate: f64) -> f64 {
    let (s, f) = (hits as f64, (trials - hits) as f64);
    ln_beta(s + 0.5, f + 0.5) - ln_beta(0.5, 0.5) - s * rate.ln() - f * (1.0 - rate).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_sides_and_stays_open_on_little() {
        let table = [
            (0, 0, Side::Open),
            (0, 10, Side::Open),
            (1, 10, Side::Open),
            (10, 10, Side::Above),
            (50, 1_000, Side::Above),
            (10, 1_000, Side::Open),
            (0, 2_000, Side::Below),
            (20_000, 1_000_000, Side::Above),
            (5_000, 1_000_000, Side::Below),
            (u64::MAX, 5, Side::Above),
        ];
        for (hits, trials, expect) in table {
            assert_eq!(side(hits, trials, 0.01, 0.01), expect, "{hits} of {trials}");
        }
        assert_eq!(side(1, 1_000_000, 0.0, 0.01), Side::Above);
        assert_eq!(side(0, 1_000_000, 0.0, 0.01), Side::Open);
        assert_eq!(side(999, 1_000, 1.0, 0.01), Side::Below);
        assert_eq!(side(1_000, 1_000, 1.0, 0.01), Side::Open);
    }

    #[test]
    fn the_wealth_of_a_fair_game_is_fair() {
        // Over every outcome of ten trials at the rate itself, the expected wealth is exactly one.
        let rate = 0.3_f64;
        let mut mean = 0.0;
        let mut choose = 1.0;
        for hits in 0..=10_u64 {
            let probability = choose * rate.powi(hits as i32) * (1.0 - rate).powi(10 - hits as i32);
            mean += probability * ln_wealth(hits, 10, rate).exp();
            choose = choose * (10 - hits) as f64 / (hits + 1) as f64;
        }
        assert!((mean - 1.0).abs() < 1e-10, "{mean}");
    }
}
