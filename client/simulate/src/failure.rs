//! Failures as people name them: which region, and from which step on.

use std::fmt;

use meridian_core::evidence::StepRef;
use meridian_core::id::RegionId;
use meridian_core::plan::{Plan, PlannedWave};

use crate::assume::{Unplayable, no_such_region};

/// The word for what is before the first step of a wave.
const PREPARE: &str = "prepare";

/// One region fails.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Failure {
    /// Which.
    pub region: RegionId,
    /// When.
    pub at: FailAt,
    /// As it is named: `eu-west@canary/2`.
    pub name: String,
}

/// Where on its way a region fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum FailAt {
    /// The new release does not come up.
    Prepare,
    /// From this step on it answers everything badly, late, and no probe.
    Step(StepRef),
}

impl Failure {
    /// Reads `REGION@STEP`, where steps count from one over all waves of the region, `REGION@WAVE/STEP`, where they count in
    /// the wave, or `prepare` in place of the step.
    ///
    /// # Errors
    /// If it is none of them, or names what the plan does not have.
    pub fn parse(plan: &Plan, text: &str) -> Result<Self, Unplayable> {
        let (name, step) = text.split_once('@').ok_or_else(|| Unplayable::NoFailure(text.to_owned()))?;
        let region = plan.lanes.keys().find(|region| region.as_str() == name);
        let region = region.ok_or_else(|| no_such_region(plan, name))?;
        let steps = steps_of(plan, region);
        let named = |(wave, at): &(&PlannedWave, StepRef)| format!("{}/{}", wave.id, at.step + 1);
        let (wave, word) = step.split_once('/').map_or((None, step), |(wave, word)| (Some(wave), word));
        let mut own = steps.iter().filter(|(of, _)| wave.is_none_or(|wave| of.id.as_str() == wave));
        let number = word.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let found = match (word, number) {
            // A region is brought up once: for its first wave.
            (PREPARE, _) => own.next().filter(|(_, at)| Some(*at) == steps.first().map(|(_, at)| *at)),
            (_, Some(number)) => own.nth(number),
            (_, None) => None,
        };
        let Some((wave, at)) = found else {
            let known: Vec<String> = steps.iter().map(named).collect();
            let known = format!("prepare, {}", known.join(", "));
            return Err(Unplayable::NoSuchStep { region: region.clone(), step: step.to_owned(), known });
        };
        let (at, name) = match word {
            PREPARE => (FailAt::Prepare, format!("{region}@{}/{PREPARE}", wave.id)),
            _ => (FailAt::Step(*at), format!("{region}@{}/{}", wave.id, at.step + 1)),
        };
        Ok(Self { region: region.clone(), at, name })
    }
}

/// All steps of a region in its order.
fn steps_of<'p>(plan: &'p Plan, region: &RegionId) -> Vec<(&'p PlannedWave, StepRef)> {
    let waves = plan.waves.iter().enumerate().filter(|(_, wave)| wave.regions.contains(region));
    waves.flat_map(|(wave, of)| (0..of.steps.len()).map(move |step| (of, StepRef { wave, step }))).collect()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
