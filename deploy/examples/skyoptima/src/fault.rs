//! Which requests fail: an exact, evenly spread share, so that a demo and a test always see the same.
//! It does not know what a request or a failure is.

/// Resolution of a ratio: one in a million.
const WHOLE: u64 = 1_000_000;

/// A share of all requests, exact over every million and never off by more than one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    per_million: u64,
}

impl Share {
    /// A share of `ratio`, which lies between 0 and 1.
    pub(crate) fn new(ratio: f64) -> Self {
        Self { per_million: (ratio.clamp(0.0, 1.0) * WHOLE as f64).round() as u64 }
    }

    /// Whether the request with this number (counted from 0) belongs to the share.
    ///
    /// It does when the running total of the share passes a whole number at it.
    pub(crate) fn takes(self, sequence: u64) -> bool {
        let step = self.per_million;
        (sequence % WHOLE) * step % WHOLE + step >= WHOLE
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    fn taken(ratio: f64, requests: u64) -> u64 {
        (0..requests).filter(|&sequence| Share::new(ratio).takes(sequence)).count() as u64
    }

    #[test]
    fn the_share_is_exact() {
        assert_eq!(taken(0.0, 10_000), 0);
        assert_eq!(taken(1.0, 10_000), 10_000);
        assert_eq!(taken(0.2, 10_000), 2_000);
        assert_eq!(taken(0.333, 10_000), 3_330);
        assert_eq!(taken(0.000_001, 3_000_000), 3);
    }

    #[test]
    fn it_is_spread_evenly() {
        for window in 0..50 {
            let count = (window * 5..window * 5 + 5).filter(|&n| Share::new(0.2).takes(n)).count();
            assert_eq!(count, 1, "window {window}");
        }
    }

    #[test]
    fn the_last_request_there_can_be_is_no_trouble() {
        Share::new(0.5).takes(u64::MAX);
    }
}
