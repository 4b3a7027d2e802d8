//! The mix of a load: which requests there are, and whose turn it is. There is no chance in it: of any stretch of a load
//! each request has its part, as evenly spread as can be.

/// The methods that a load may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads without the answer's body.
    Head,
    /// Sends.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As HTTP has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers besides those of the whole load.
    pub headers: Vec<(String, String)>,
    /// What is sent along; empty: nothing.
    pub body: Vec<u8>,
    /// How many of it there are, relative to the others; 1 to 1000.
    pub weight: u32,
}

/// Bytes to be written, and what must be known to read the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) bytes: Vec<u8>,
    pub(crate) method: Method,
}

/// Takes turns by weights: each turn everybody earns their weight, and whoever has most pays for all.
#[derive(Debug)]
pub(crate) struct Turns {
    weights: Vec<i64>,
    earned: Vec<i64>,
}

impl Turns {
    pub(crate) fn new(weights: impl Iterator<Item = u32>) -> Self {
        let weights: Vec<i64> = weights.map(i64::from).collect();
        Self { earned: vec![0; weights.len()], weights }
    }

    /// Whose turn it is; the first of those who have earned alike.
    pub(crate) fn next(&mut self) -> usize {
        let (mut first, mut all) = (0, 0);
        for (index, weight) in self.weights.iter().enumerate() {
            self.earned[index] += weight;
            all += weight;
            if self.earned[index] > self.earned[first] {
                first = index;
            }
        }
        self.earned[first] -= all;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_evenly_and_come_round() {
        let mut turns = Turns::new([5, 1, 1].into_iter());
        let taken: Vec<usize> = (0..14).map(|_| turns.next()).collect();
        assert_eq!(taken, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
        for weights in [vec![1], vec![1, 1], vec![3, 1], vec![1000, 1, 7, 20], vec![2, 4, 6]] {
            let mut turns = Turns::new(weights.iter().copied());
            let all: u32 = weights.iter().sum();
            let mut counts = vec![0; weights.len()];
            for turn in 1..=3 * all {
                counts[turns.next()] += 1;
                for (count, weight) in counts.iter().zip(&weights) {
                    // Nobody is ever a whole round ahead or behind.
                    let fair = f64::from(turn) * f64::from(*weight) / f64::from(all);
                    assert!((f64::from(*count) - fair).abs() <= weights.len() as f64, "{weights:?} after {turn}");
                }
            }
            assert_eq!(counts, weights.iter().map(|weight| 3 * weight).collect::<Vec<_>>());
        }
    }
}
