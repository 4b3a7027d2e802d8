//! A histogram of durations with fixed bounds, counted without locks. It knows numbers only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::control::Latency;

/// How many bounds: 100 µs to about 18 s, two per doubling.
const BOUNDS: usize = 36;

/// Upper bounds in microseconds, inclusive. A factor of the square root of two keeps the error of a quantile below 20 %
/// over five decades, with one screen of numbers.
const BOUNDS_US: [u64; BOUNDS] = {
    let mut bounds = [0; BOUNDS];
    let mut at = 0;
    while at < BOUNDS {
        let doublings = at / 2;
        bounds[at] = if at % 2 == 0 { 100 << doublings } else { (14_142 << doublings) / 100 };
        at += 1;
    }
    bounds
};

/// Counts durations.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// Per bound, not cumulative; the last one holds what is slower than every bound.
    counts: [AtomicU64; BOUNDS + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) const fn new() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BOUNDS + 1], sum_us: AtomicU64::new(0) }
    }

    /// Counts one. Relaxed: readers compare two readings over seconds, not single requests.
    pub(crate) fn observe(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US.partition_point(|bound| *bound < took_us);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }

    /// As told by the control API: cumulative, and consistent in itself (the count is the sum of the buckets read).
    pub(crate) fn read(&self) -> Latency {
        let mut total = 0_u64;
        let mut cumulative: Vec<u64> = Vec::with_capacity(BOUNDS + 1);
        for count in &self.counts {
            total = total.saturating_add(count.load(Ordering::Relaxed));
            cumulative.push(total);
        }
        cumulative.truncate(BOUNDS);
        Latency { bounds_us: BOUNDS_US.to_vec(), cumulative, count: total, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow_by_the_root_of_two() {
        assert_eq!(&BOUNDS_US[..5], &[100, 141, 200, 282, 400]);
        assert!(BOUNDS_US.is_sorted_by(|a, b| a < b));
        assert_eq!(BOUNDS_US[34], 13_107_200);
    }

    #[test]
    fn a_duration_falls_under_its_bound() {
        let histogram = Histogram::new();
        for us in [0, 100, 101, 200, 1_000_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let read = histogram.read();
        assert_eq!(&read.cumulative[..3], &[2, 3, 4]);
        assert_eq!(read.cumulative.last(), Some(&4), "the slowest is beyond the last bound");
        assert_eq!((read.count, read.sum_us), (5, 1_000_000_401));
    }
}
