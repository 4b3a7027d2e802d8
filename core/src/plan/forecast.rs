//! What a plan will do at the earliest, for people to read before the start: times per wave and how much of the
//! fleet is exposed. Pure arithmetic; calendars and gates are not known here.

use super::spec::{Plan, PlannedWave};
use crate::time::Span;

/// One wave's earliest window, counted from the start of the rollout.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct WaveForecast {
    /// Position in the plan.
    pub wave: usize,
    /// Begins at the earliest.
    pub begins: Span,
    /// Has settled at the earliest.
    pub settles: Span,
    /// Regions that serve the new release, wholly or in part, once this wave has settled.
    pub exposed: usize,
}

/// The earliest course of all waves. Preparing and shifting are taken as instant: only bakes and soaks count.
#[must_use]
pub fn forecast(plan: &Plan) -> Vec<WaveForecast> {
    let mut clock = Span::ZERO;
    let mut exposed = std::collections::BTreeSet::new();
    let mut waves = Vec::new();
    for (wave, planned) in plan.waves.iter().enumerate() {
        let begins = clock;
        clock = clock.plus(wave_span(planned));
        exposed.extend(planned.regions.iter());
        waves.push(WaveForecast { wave, begins, settles: clock, exposed: exposed.len() });
        clock = clock.plus(planned.soak);
    }
    waves
}

fn wave_span(wave: &PlannedWave) -> Span {
    let one = wave.steps.iter().fold(Span::ZERO, |sum, step| sum.plus(step.bake));
    let rounds = (wave.regions.len() as u64).div_ceil(u64::from(wave.max_parallel.max(1)));
    one.times(rounds)
}
