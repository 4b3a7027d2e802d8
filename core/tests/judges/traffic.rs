//! Synthetic traffic: requests per second on two slots, errors by chance, latencies with a long tail, gathered over a
//! sliding window as an agent does it.

use std::collections::{BTreeMap, VecDeque};

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{
    Answers, Check, Evidence, Histogram, Measure, Pin, StepRef, Tally, Verdict, judge_check,
};
use meridian_core::id::RolloutId;
use meridian_core::time::Span;

/// The window of the evidence, in seconds.
const WINDOW: usize = 60;

/// What happens in a step.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Requests per second, on each slot.
    pub per_second: u64,
    /// Probability of an error on the new release's slot.
    pub errors: f64,
    /// And on the other one.
    pub other_errors: f64,
    /// How many times longer the new release takes.
    pub slower: f64,
}

/// One second on both slots.
type Second = (Tally, Tally);

/// A step that is looked at every second.
pub struct Step {
    rates: Rates,
    random: u64,
    window: VecDeque<Second>,
    evidence: Evidence,
}

impl Step {
    pub fn new(rates: Rates, seed: u64) -> Self {
        let pin = Pin {
            rollout: RolloutId::new("r").unwrap(),
            step: StepRef { wave: 0, step: 0 },
            digest: Digest::of(b"x"),
            epoch: Epoch::new(0, 1),
        };
        let evidence = Evidence {
            pin,
            from: Span::ZERO,
            to: Span::ZERO,
            requests: 0,
            errors: 0,
            latency: Histogram::default(),
            probes: BTreeMap::new(),
            other: Tally::default(),
            whole: Answers::default(),
            asked: BTreeMap::new(),
            load: None,
        };
        Self { rates, random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, window: VecDeque::new(), evidence }
    }

    /// Another second passes; what does the check say?
    pub fn second(&mut self, check: &Check) -> Verdict {
        // Drawing a latency costs most of the time, so it is left out where nobody asks.
        let timed = matches!(check.measure, Measure::Latency { .. } | Measure::LatencyShift { .. });
        let ours = self.tally(self.rates.errors, timed.then_some(self.rates.slower));
        let theirs = self.tally(self.rates.other_errors, timed.then_some(1.0));
        self.evidence.whole.requests += ours.answers.requests;
        self.evidence.whole.errors += ours.answers.errors;
        let mut of_ours = Tally {
            answers: Answers { requests: self.evidence.requests, errors: self.evidence.errors },
            latency: std::mem::take(&mut self.evidence.latency),
        };
        change(&mut of_ours, &ours, u64::wrapping_add);
        change(&mut self.evidence.other, &theirs, u64::wrapping_add);
        self.window.push_back((ours, theirs));
        if self.window.len() > WINDOW {
            let (ours, theirs) = self.window.pop_front().unwrap();
            change(&mut of_ours, &ours, u64::wrapping_sub);
            change(&mut self.evidence.other, &theirs, u64::wrapping_sub);
        }
        let Tally { answers: Answers { requests, errors }, latency } = of_ours;
        (self.evidence.requests, self.evidence.errors, self.evidence.latency) = (requests, errors, latency);
        judge_check(check, &self.evidence)
    }

    fn tally(&mut self, errors: f64, slower: Option<f64>) -> Tally {
        let mut tally = Tally::default();
        for _ in 0..self.rates.per_second {
            tally.answers.requests += 1;
            tally.answers.errors += u64::from(self.uniform() < errors);
            let Some(slower) = slower else { continue };
            // Exponential with a mean of 20 ms, in buckets that grow by a tenth as those of the data planes do.
            let micros = -self.uniform().max(1e-12).ln() * 20_000.0 * slower;
            let bound = 1.1_f64.powi((micros.max(1.0).ln() / 1.1_f64.ln()).ceil() as i32) as u64;
            *tally.latency.buckets.entry(bound).or_default() += 1;
        }
        tally
    }

    /// Between 0 and 1, by a xorshift generator with a multiplied output (Vigna 2016).
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn change(sum: &mut Tally, by: &Tally, how: fn(u64, u64) -> u64) {
    sum.answers.requests = how(sum.answers.requests, by.answers.requests);
    sum.answers.errors = how(sum.answers.errors, by.answers.errors);
    for (bound, count) in &by.latency.buckets {
        let all = sum.latency.buckets.entry(*bound).or_default();
        *all = how(*all, *count);
    }
}
