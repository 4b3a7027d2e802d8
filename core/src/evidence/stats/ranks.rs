//! The Mann–Whitney test: are values of one sample greater than those of another? Asked of two histograms, so that
//! many values are one tie and a million requests cost as much as their buckets.
//!
//! Exact by counting every way to deal the ranks while the samples are small; beyond that the normal approximation with
//! the correction for ties and for continuity (Mann and Whitney 1947; Lehmann, Nonparametrics, 1.2 and appendix A).

use std::collections::BTreeMap;

use super::special::normal_upper_tail;

/// Up to so many values in all every deal is counted: at most C(40, 20), which a `f64` holds exactly.
pub const EXACT_VALUES_MAX: u64 = 40;

/// One distinct value and how often each sample has it.
#[derive(Clone, Copy, Debug)]
struct Tie {
    ours: u64,
    theirs: u64,
}

/// The probability of ranks at least as high as ours if both samples come from one source: small means that ours are
/// greater. `None` if a sample is empty. Buckets are given by upper bound and number of values.
#[must_use]
pub fn greater(ours: &BTreeMap<u64, u64>, theirs: &BTreeMap<u64, u64>) -> Option<f64> {
    let ties = ties(ours, theirs);
    let (n, m) =
        ties.iter().fold((0_u64, 0_u64), |(n, m), tie| (n.saturating_add(tie.ours), m.saturating_add(tie.theirs)));
    if n == 0 || m == 0 {
        return None;
    }
    Some(if n.saturating_add(m) <= EXACT_VALUES_MAX { exact(&ties, n) } else { approximate(&ties, n, m) })
}

fn ties(ours: &BTreeMap<u64, u64>, theirs: &BTreeMap<u64, u64>) -> Vec<Tie> {
    let mut merged: BTreeMap<u64, Tie> = BTreeMap::new();
    for (bound, count) in ours {
        merged.entry(*bound).or_insert(Tie { ours: 0, theirs: 0 }).ours += count;
    }
    for (bound, count) in theirs {
        merged.entry(*bound).or_insert(Tie { ours: 0, theirs: 0 }).theirs += count;
    }
    merged.into_values().filter(|tie| tie.ours + tie.theirs > 0).collect()
}

/// Twice the midrank of each value, so that ranks stay whole numbers: once per value, in order.
fn doubled_ranks(ties: &[Tie]) -> Vec<usize> {
    let mut ranks = Vec::new();
    for tie in ties {
        let size = usize::try_from(tie.ours + tie.theirs).expect("the exact test is asked for few values only");
        let first = ranks.len() + 1;
        ranks.extend(std::iter::repeat_n(2 * first + size - 1, size));
    }
    ranks
}

/// Counts, over every way to choose which `n` of the values are ours, how many give a sum of ranks at least as high.
fn exact(ties: &[Tie], n: u64) -> f64 {
    let n = usize::try_from(n).expect("the exact test is asked for few values only");
    let ranks = doubled_ranks(ties);
    let (mut observed, mut at) = (0, 0);
    for tie in ties {
        let (ours, all) = (tie.ours as usize, (tie.ours + tie.theirs) as usize);
        observed += ours * ranks[at];
        at += all;
    }
    let sum_max: usize = ranks.iter().sum();
    // ways[k][s]: choices of k values with sum s among those seen so far.
    let mut ways = vec![vec![0_u64; sum_max + 1]; n + 1];
    ways[0][0] = 1;
    for rank in ranks {
        for k in (1..=n).rev() {
            let (lower, upper) = ways.split_at_mut(k);
            let (from, to) = (&lower[k - 1], &mut upper[0]);
            for sum in rank..=sum_max {
                to[sum] += from[sum - rank];
            }
        }
    }
    let all: u64 = ways[n].iter().sum();
    let at_least: u64 = ways[n][observed..].iter().sum();
    at_least as f64 / all as f64
}

fn approximate(ties: &[Tie], n: u64, m: u64) -> f64 {
    let (n, m) = (n as f64, m as f64);
    let total = n + m;
    let (mut below, mut rank_sum, mut tied) = (0.0, 0.0, 0.0);
    for tie in ties {
        let size = tie.ours as f64 + tie.theirs as f64;
        rank_sum += tie.ours as f64 * (below + (size + 1.0) / 2.0);
        below += size;
        tied += size * size * size - size;
    }
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let mean = n * m / 2.0;
    let variance = n * m / 12.0 * (total + 1.0 - tied / (total * (total - 1.0)));
    if variance <= 0.0 {
        // Every value is the same: nothing is greater.
        return 1.0;
    }
    normal_upper_tail((u - mean - 0.5) / variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[u64]) -> BTreeMap<u64, u64> {
        values.iter().fold(BTreeMap::new(), |mut sample, value| {
            *sample.entry(*value).or_default() += 1;
            sample
        })
    }

    fn p(ours: &[u64], theirs: &[u64]) -> f64 {
        greater(&sample(ours), &sample(theirs)).unwrap()
    }

    /// Every choice, one after the other: slow, and too simple to be wrong.
    fn enumerated(ours: &[u64], theirs: &[u64]) -> f64 {
        let all: Vec<u64> = ours.iter().chain(theirs).copied().collect();
        let u = |mine: &[u64], yours: &[u64]| -> u64 {
            mine.iter().flat_map(|a| yours.iter().map(move |b| if a > b { 2 } else { u64::from(a == b) })).sum()
        };
        let observed = u(ours, theirs);
        let (mut at_least, mut choices) = (0_u64, 0_u64);
        for bits in 0_u32..1 << all.len() {
            if bits.count_ones() as usize != ours.len() {
                continue;
            }
            let (mine, yours): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(i, _)| bits >> i & 1 == 1);
            let plain = |side: Vec<(usize, &u64)>| side.into_iter().map(|(_, value)| *value).collect::<Vec<_>>();
            choices += 1;
            at_least += u64::from(u(&plain(mine), &plain(yours)) >= observed);
        }
        at_least as f64 / choices as f64
    }

    #[test]
    fn small_samples_are_exact() {
        let table: [(&[u64], &[u64]); 8] = [
            (&[4, 5, 6], &[1, 2, 3]),
            (&[1, 2, 3], &[4, 5, 6]),
            (&[1, 2, 3], &[1, 2, 3]),
            (&[1], &[1]),
            (&[2, 2, 7, 9], &[1, 2, 2, 2, 8, 8]),
            (&[9, 10, 11, 12, 13, 14, 15, 16], &[1, 2, 3, 4, 5, 6, 7, 8]),
            (&[5, 5, 5], &[5, 5, 5, 5]),
            (&[1, 3, 5, 7, 9, 11], &[2, 4, 6, 8, 10, 12, 14]),
        ];
        for (ours, theirs) in table {
            let (got, expect) = (p(ours, theirs), enumerated(ours, theirs));
            assert!((got - expect).abs() < 1e-12, "{ours:?} {theirs:?}: {got} is not {expect}");
        }
        // Critical values of the published tables: n = m = 8, U = 15 is the last one below 5 % on one side.
        assert!((p(&[4, 5, 6], &[1, 2, 3]) - 0.05).abs() < 1e-12);
        assert!((p(&[9, 10, 11, 12, 13, 14, 15, 16], &[1, 2, 3, 4, 5, 6, 7, 8]) - 1.0 / 12_870.0).abs() < 1e-12);
    }

    #[test]
    fn both_ways_agree_where_they_meet() {
        for shift in 0..12 {
            let ours: Vec<u64> = (0..20).map(|i| 10 + 3 * i + 2 * shift).collect();
            let theirs: Vec<u64> = (0..20).map(|i| 11 + 3 * i).collect();
            let merged = ties(&sample(&ours), &sample(&theirs));
            let (exact, approximate) = (exact(&merged, 20), approximate(&merged, 20, 20));
            assert!((exact - approximate).abs() < 0.005, "shift {shift}: {exact} and {approximate}");
        }
    }

    #[test]
    fn large_samples_with_ties_are_told_apart_and_equal_ones_are_not() {
        let fast = BTreeMap::from([(1_000, 900_000), (2_000, 90_000), (5_000, 10_000)]);
        let slow = BTreeMap::from([(1_000, 890_000), (2_000, 95_000), (5_000, 15_000)]);
        assert!(greater(&slow, &fast).unwrap() < 1e-9);
        assert!(greater(&fast, &slow).unwrap() > 0.999);
        assert!((greater(&fast, &fast).unwrap() - 0.5).abs() < 0.01);
        let flat = BTreeMap::from([(1_000, 1_000)]);
        assert!((greater(&flat, &flat).unwrap() - 1.0).abs() < f64::EPSILON, "all one tie");
        assert_eq!(greater(&BTreeMap::new(), &fast), None);
        assert_eq!(greater(&fast, &BTreeMap::from([(7, 0)])), None);
    }
}
