//! A plan played in virtual time, as `simulate` shows it: once as it should go, and once for each failure that was asked
//! for. What decides is core, what is modelled is `meridian-simulate`; here manifests become a plan, and courses become text.

pub(crate) mod chart;
mod json;
mod text;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_calendar::local;
use meridian_core::id::RegionId;
use meridian_core::plan::{HashedPlan, Plan, PlannedWave};
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::LaneAt;
use meridian_core::time::{Span, Timestamp};
use meridian_simulate::{Assumptions, Course, Failure, Slowness, Unplayable, Watched, simulate, watched};

use crate::args::Simulate;
use crate::error::CliError;
use crate::manifest::{Document, MeasuredFile};
use crate::reference;
use world::World;

/// Everything that was played.
pub(crate) struct Simulation {
    pub(crate) plan: Arc<HashedPlan>,
    /// What was assumed of regions, but for failures.
    pub(crate) assumed: Assumptions,
    /// The clocks of regions that say which they have.
    pub(crate) zones: BTreeMap<RegionId, String>,
    pub(crate) from: Timestamp,
    /// What was assumed because no manifest says it.
    pub(crate) told: Vec<String>,
    /// The first one without failures.
    pub(crate) runs: Vec<Run>,
    /// What comes after that one, if it becomes stable.
    pub(crate) watched: Option<Watched>,
}

/// One play.
pub(crate) struct Run {
    /// What goes wrong in it.
    pub(crate) failures: Vec<Failure>,
    pub(crate) course: Course,
}

impl Simulation {
    /// Makes the plan and plays it.
    pub(crate) fn play(
        documents: &[Document],
        asked: &Simulate,
        evidence: MeasuredFile,
        from: Timestamp,
    ) -> Result<Self, CliError> {
        let World { plan, zones, watch, told } = World::of(documents, asked)?;
        let assumed = assumed(asked, evidence)?;
        let mut cases = vec![Vec::new()];
        for together in &asked.fail {
            let failures: Result<Vec<_>, _> = together.split(',').map(|text| Failure::parse(&plan, text)).collect();
            cases.push(failures.map_err(|why| wrong("--fail", &why))?);
        }
        let play = |failures: Vec<Failure>| {
            let assumed = Assumptions { failures: failures.clone(), ..assumed.clone() };
            let course = simulate(&plan, &assumed, from).map_err(|why| unplayable(&why))?;
            Ok(Run { failures, course })
        };
        let runs: Result<Vec<Run>, CliError> = cases.into_iter().map(play).collect();
        let runs = runs?;
        let watched = runs.first().and_then(|run| watched(&run.course, &watch, &assumed));
        Ok(Self { plan, assumed, zones, from, told, runs, watched })
    }

    /// The course without failures.
    pub(crate) fn calm(&self) -> &Course {
        &self.runs.first().expect("the calm course is always played").course
    }

    /// A moment by the clock of a region, if it says which it has.
    fn local_in(&self, region: &RegionId, moment: Timestamp) -> Option<String> {
        local(moment, self.zones.get(region)?).ok()
    }

    /// A moment by the clock of the first region of a wave that says which it has, and the region.
    fn local_of(&self, wave: &PlannedWave, moment: Timestamp) -> Option<(String, &RegionId)> {
        let (region, _) = wave.regions.iter().find_map(|region| self.zones.get_key_value(region))?;
        Some((self.local_in(region, moment)?, region))
    }
}

/// Whether a wait is for the calendar or for people; all others end by the rollout's own doing.
const fn is_gate(wait: &Wait) -> bool {
    match wait {
        Wait::Held(_)
        | Wait::Human(_)
        | Wait::Quarantine { .. }
        | Wait::Drift { .. }
        | Wait::Approvals { .. }
        | Wait::Checklist { .. }
        | Wait::Feedback { .. }
        | Wait::Stopped { .. }
        | Wait::Window { .. }
        | Wait::Freeze { .. }
        | Wait::Train { .. }
        | Wait::Callback { .. }
        | Wait::Members { .. }
        | Wait::Vetoed { .. } => true,
        Wait::Soak { .. }
        | Wait::Retention { .. }
        | Wait::Contact { .. }
        | Wait::Parallel { .. }
        | Wait::Skew { .. }
        | Wait::Ready { .. }
        | Wait::Confirm { .. }
        | Wait::WayBack { .. }
        | Wait::Bake { .. }
        | Wait::Evidence { .. }
        | Wait::Requests { .. }
        | Wait::BackPace { .. }
        | Wait::Votes { .. }
        | Wait::Owner => false,
    }
}

/// `canary/2`, or where a region is without a step.
fn place(plan: &Plan, at: LaneAt) -> String {
    let wave = |wave: usize| plan.waves.get(wave).map(|wave| wave.id.as_str()).unwrap_or_default();
    match (at, at.step()) {
        (_, Some(step)) => format!("{} {}/{}", at.as_str(), wave(step.wave), step.step + 1),
        (LaneAt::Preparing { wave: of }, None) => format!("{} for {}", at.as_str(), wave(of)),
        (
            LaneAt::Waiting
            | LaneAt::Shifting(_)
            | LaneAt::Baking(_)
            | LaneAt::Settled(_)
            | LaneAt::Reverting
            | LaneAt::Reverted,
            None,
        ) => at.as_str().to_owned(),
    }
}

/// The names of what fails together.
fn names(failures: &[Failure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn assumed(asked: &Simulate, evidence: MeasuredFile) -> Result<Assumptions, CliError> {
    let standard = Assumptions::default();
    let span = |given: Option<std::time::Duration>, otherwise: Span| {
        given.map_or(otherwise, |given| Span::from_millis(u64::try_from(given.as_millis()).unwrap_or(u64::MAX)))
    };
    let mut slow = BTreeMap::new();
    for text in &asked.slow {
        let form = || CliError::Usage(format!("--slow {text:?}: write REGION=FACTOR, e.g. eu-west=3"));
        let (region, factor) = text.split_once('=').ok_or_else(form)?;
        let factor = Slowness::parse(factor).map_err(|why| CliError::Usage(format!("--slow {text:?}: {why}")))?;
        slow.insert(reference::region(region)?, factor);
    }
    Ok(Assumptions {
        prepare: span(asked.prepare, standard.prepare),
        shift: span(asked.shift, standard.shift),
        consent: span(asked.approve_after, standard.consent),
        measured: evidence.everywhere,
        regions: evidence.regions,
        kpis: evidence.kpis,
        slow,
        ..standard
    })
}

fn wrong(option: &str, why: &Unplayable) -> CliError {
    CliError::Usage(format!("{option}: {why}"))
}

fn unplayable(why: &Unplayable) -> CliError {
    match why {
        Unplayable::NoSuchRegion { .. } | Unplayable::NoSuchStep { .. } | Unplayable::NoFailure(_) => {
            CliError::Usage(why.to_string())
        }
        Unplayable::Timetable { .. } | Unplayable::Open(_) | Unplayable::Endless(_) => {
            CliError::Flawed(why.to_string())
        }
    }
}
