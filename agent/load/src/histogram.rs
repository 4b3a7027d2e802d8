//! Counts durations in buckets at most 3.2 % wide. It does not know what was measured.

use std::time::Duration;

/// Values below this have a bucket of their own.
const EXACT: u64 = 64;
/// Buckets per power of two above.
const PER_DOUBLING: u64 = 32;
/// Up to 2^36 µs, nineteen hours; longer ones count as that.
const MAX_MICROS: u64 = (1 << 36) - 1;
const BUCKETS: usize = (EXACT + 30 * PER_DOUBLING) as usize;

/// How often a duration was seen, in microseconds with an error of at most 3.2 %.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum_micros: u64,
    max_micros: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, sum_micros: 0, max_micros: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(MAX_MICROS).min(MAX_MICROS);
        self.buckets[bucket(micros)] += 1;
        self.count += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
        self.max_micros = self.max_micros.max(micros);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that a share of `quantile` (0 to 1) does not exceed; zero when nothing was counted.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = ((quantile.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(last_of(index).min(self.max_micros));
            }
        }
        Duration::ZERO
    }

    /// Every bucket that is not empty: its largest value in microseconds, and how many it has.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let counted = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(index, count)| (last_of(index), *count))
    }

    /// Half were no slower than this.
    pub fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// One in a hundred was slower than this.
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// The slowest, exactly.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_micros)
    }

    /// The mean; zero when nothing was counted.
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.sum_micros.checked_div(self.count).unwrap_or(0))
    }
}

fn bucket(micros: u64) -> usize {
    if micros < EXACT {
        return micros as usize;
    }
    let power = u64::from(micros.ilog2());
    let within = (micros >> (power - 5)) % PER_DOUBLING;
    (EXACT + (power - 6) * PER_DOUBLING + within) as usize
}

/// The largest value of a bucket.
fn last_of(index: usize) -> u64 {
    let index = index as u64;
    if index < EXACT {
        return index;
    }
    let (doubling, within) = ((index - EXACT) / PER_DOUBLING, (index - EXACT) % PER_DOUBLING);
    ((PER_DOUBLING + within + 1) << (doubling + 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        for micros in (0..5_000).chain((0..36).map(|power| 1 << power)).chain([MAX_MICROS]) {
            let last = last_of(bucket(micros));
            assert!(last >= micros && last - micros <= micros / 32, "{micros} in a bucket up to {last}");
            assert!(last == MAX_MICROS || bucket(last + 1) == bucket(micros) + 1);
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.p99(), histogram.mean()), (Duration::ZERO, Duration::ZERO));
        for millis in 1..=1_000 {
            histogram.add(Duration::from_millis(millis));
        }
        for (quantile, millis) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1_000)] {
            let (found, wanted) = (histogram.quantile(quantile), Duration::from_millis(millis));
            assert!(found >= wanted && found <= wanted.mul_f64(1.032), "{quantile}: {found:?}");
        }
        assert_eq!(histogram.max(), Duration::from_secs(1));
        assert_eq!(histogram.mean(), Duration::from_micros(500_500));
        histogram.add(Duration::MAX);
        assert_eq!(histogram.max(), Duration::from_micros(MAX_MICROS));
    }
}
