//! What is taken for granted of the regions: how long things take there and what is measured.

use std::collections::BTreeMap;
use std::fmt;

use meridian_core::id::{KpiId, RegionId};
use meridian_core::plan::Plan;
use meridian_core::rollout::open::OpenRefused;
use meridian_core::time::Span;
use meridian_core::watch::{Decimal, Opinion};
use meridian_core::weight::Weight;

use crate::failure::Failure;

/// The best that can be said of a release.
const BEST_SCORE: u64 = 5;

/// Everything that is assumed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assumptions {
    /// How long a slot takes to come up.
    pub prepare: Span,
    /// How long traffic takes to move, confirmed by read-back.
    pub shift: Span,
    /// How long a slot takes to drain and stop.
    pub stop: Span,
    /// How long people take to consent to a wave that asks for it, and to sign off an item of the checklist.
    pub consent: Span,
    /// What every region measures.
    pub measured: Measured,
    /// What these measure instead.
    pub regions: BTreeMap<RegionId, Measured>,
    /// What KPIs come to after the launch; of others nothing is known.
    pub kpis: BTreeMap<KpiId, Decimal>,
    /// Where everything takes longer.
    pub slow: BTreeMap<RegionId, Slowness>,
    /// What goes wrong.
    pub failures: Vec<Failure>,
}

/// What a region measures while a step is in effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Measured {
    /// Requests a minute that come to the region.
    pub requests: u64,
    /// The share of them that a cohort's header or cookie picks out.
    pub cohort: Weight,
    /// On the new release.
    pub new: Answered,
    /// On the release before.
    pub old: Answered,
}

/// How a release answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Answered {
    /// The share that is answered badly.
    pub errors: Weight,
    /// The share of probes that fail.
    pub probes: Weight,
    /// The longest that an answer takes; the shortest takes half as long.
    pub latency: Span,
}

/// How many times as long as assumed everything takes in a region: from 1, in steps of a thousandth.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Slowness(u32);

/// A factor that is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no factor; write a number from 1 to 1000 with at most three decimals, e.g. 2.5")]
pub struct InvalidSlowness(String);

/// Why a plan can't be played like this.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unplayable {
    /// Something is assumed of a region that the plan does not have.
    #[error("the plan has no region {region}; its regions are {known}")]
    NoSuchRegion {
        /// Which.
        region: String,
        /// The plan's own.
        known: String,
    },
    /// A failure at a step that the region does not take.
    #[error("{region} has no step {step}; it takes {known}")]
    NoSuchStep {
        /// Where.
        region: RegionId,
        /// As written.
        step: String,
        /// The region's own.
        known: String,
    },
    /// Something that is no failure.
    #[error("{0:?} is no failure; write REGION@STEP, REGION@WAVE/STEP or REGION@WAVE/prepare, e.g. eu-west@2")]
    NoFailure(String),
    /// The timetable can't be read by a region's clock.
    #[error("{region}: {refusal}")]
    Timetable {
        /// Where.
        region: RegionId,
        /// Why.
        refusal: meridian_calendar::Refusal,
    },
    /// The rollout can't be opened.
    #[error(transparent)]
    Open(#[from] OpenRefused),
    /// It never ends.
    #[error("the rollout does not end within {0} looks")]
    Endless(usize),
}

impl Default for Assumptions {
    /// A slot is up in 30 s, traffic moves in 2 s, a slot stops in 10 s; people consent at once, nothing fails.
    fn default() -> Self {
        Self {
            prepare: Span::from_secs(30),
            shift: Span::from_secs(2),
            stop: Span::from_secs(10),
            consent: Span::ZERO,
            measured: Measured::default(),
            regions: BTreeMap::new(),
            kpis: BTreeMap::new(),
            slow: BTreeMap::new(),
            failures: Vec::new(),
        }
    }
}

impl Default for Measured {
    /// 3000 requests a minute, one in a hundred of a cohort, no errors, answers within 20 ms.
    fn default() -> Self {
        let answered = Answered { errors: Weight::NONE, probes: Weight::NONE, latency: Span::from_millis(20) };
        let cohort = Weight::from_basis_points(100).expect("a hundredth is below the whole");
        Self { requests: 3000, cohort, new: answered, old: answered }
    }
}

impl Assumptions {
    /// What a region measures.
    #[must_use]
    pub fn measured_in(&self, region: &RegionId) -> Measured {
        self.regions.get(region).copied().unwrap_or(self.measured)
    }

    /// Refuses what is assumed of regions that the plan does not have.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Unplayable> {
        let named = self.regions.keys().chain(self.slow.keys()).chain(self.failures.iter().map(|it| &it.region));
        match named.into_iter().find(|region| !plan.lanes.contains_key(*region)) {
            Some(region) => Err(no_such_region(plan, region.as_str())),
            None => Ok(()),
        }
    }
}

/// What people say of the release when they are asked: as many answers as are needed, all of them the best.
pub(crate) fn praise(answers_min: u32) -> Opinion {
    let answers = u64::from(answers_min);
    Opinion { answers, scores: BEST_SCORE * answers, blockers: 0 }
}

pub(crate) fn no_such_region(plan: &Plan, region: &str) -> Unplayable {
    let known: Vec<_> = plan.lanes.keys().map(RegionId::as_str).collect();
    Unplayable::NoSuchRegion { region: region.to_owned(), known: known.join(", ") }
}

impl Slowness {
    /// As long as assumed.
    pub const NONE: Self = Self(1000);
    const MOST: u32 = 1_000_000;

    /// From a number such as `3` or `2.5`.
    ///
    /// # Errors
    /// Anything else, below 1, and above 1000.
    pub fn parse(text: &str) -> Result<Self, InvalidSlowness> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = digits(whole) && digits(part) && whole.len() <= 4 && part.len() <= 3;
        let part = format!("{part:0<3}");
        let thousandths = fits.then(|| Some(whole.parse::<u32>().ok()? * 1000 + part.parse::<u32>().ok()?)).flatten();
        let thousandths = thousandths.filter(|it| (Self::NONE.0..=Self::MOST).contains(it));
        thousandths.map(Self).ok_or_else(|| InvalidSlowness(text.to_owned()))
    }

    /// How long something takes that was assumed to take `span`.
    #[must_use]
    pub const fn of(self, span: Span) -> Span {
        Span::from_millis(span.times(self.0 as u64).millis() / 1000)
    }
}

impl fmt::Display for Slowness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_read_and_written_alike() {
        for text in ["1", "2.5", "3.125", "1000"] {
            assert_eq!(Slowness::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "0.5", "x", "1.2345", "-2", "1000.1", "1e3", ".5", "99999999999", "2."] {
            assert!(Slowness::parse(text).is_err(), "{text}");
        }
        assert_eq!(Slowness::parse("2.5").unwrap().of(Span::from_secs(10)), Span::from_secs(25));
    }
}
