//! Gates in the shell: what is known from elsewhere than the rollout's own record and its regions, kept by following the
//! store, and compared by the decisions that rest on it. It decides nothing.

mod callbacks;
mod opinions;
mod stops;

use meridian_core::observation::Sight;
use meridian_core::plan::Plan;
use meridian_core::rollout::gates::feedback::is_behind;
use meridian_core::rollout::state::{Phase, Rollout};
use meridian_core::watch::Opinion;
use meridian_store::{Expect, Key, layout};
use tokio_util::sync::CancellationToken;

pub use callbacks::Asker;
pub use stops::StopCall;

pub(super) use callbacks::Asking;
pub(super) use opinions::Opinions;
pub(super) use stops::Stopped;

use super::books::Kept;
use super::runner::RunnerHandle;
use super::{Engine, Shared};
use crate::error::EngineError;
use stops::Standing;

/// What is known at one moment.
pub(super) struct Known {
    stops: Option<Standing>,
    opinion: Option<Kept<Opinion>>,
}

impl Shared {
    /// What is known for a rollout of this plan.
    pub(super) fn known(&self, plan: &Plan) -> Known {
        Known { stops: self.stops.get(), opinion: self.opinions.of(plan) }
    }
}

impl Known {
    /// Whether it is known where the line is stopped; who does not know it moves nothing forward.
    pub fn has_stops(&self) -> bool {
        self.stops.is_some()
    }

    /// Adds it to what is seen of the lanes.
    pub fn fill(&self, sight: &mut Sight, record: &Rollout) {
        self.stops.iter().for_each(|stops| stops::fill(sight, record, &stops.value));
        opinions::fill(sight, self.opinion.as_ref());
    }

    /// What has to be so still when a forward decision is committed.
    pub fn checks(&self, before: &Rollout, next: &Rollout) -> Vec<(Key, Expect)> {
        let stops = self.stops.as_ref().map(|stops| (layout::stops(), stops.expect));
        let plan = &next.plan;
        let opinion = self.opinion.as_ref().filter(|_| leaves_pilot(before, next));
        let opinion = opinion.map(|kept| (layout::opinion(&plan.service, &plan.release.version), kept.expect));
        stops.into_iter().chain(opinion).collect()
    }
}

fn leaves_pilot(before: &Rollout, next: &Rollout) -> bool {
    let wave = |record: &Rollout| if let Phase::Running(run) = &record.phase { Some(run.wave) } else { None };
    let (Some(from), Some(to)) = (wave(before), wave(next)) else { return false };
    (from..to).any(|wave| is_behind(&next.plan, wave))
}

impl Engine {
    /// Follows everything that gates ask until `shutdown`.
    pub(super) async fn follow_gates(self, shutdown: CancellationToken) {
        tokio::join!(stops::run(self.clone(), shutdown.clone()), opinions::run(self, shutdown));
    }

    /// Reads anew what a decision rested on that was no longer so.
    pub(super) async fn read_gate(&self, key: &Key) -> Result<(), EngineError> {
        if *key == layout::stops() { self.read_stops().await } else { self.read_opinion(key).await }
    }

    /// Rollouts of these plans look again: something that they do not keep has changed.
    fn look_where(&self, asks: impl Fn(&Plan) -> bool) {
        let runners = self.shared.runners.lock().expect("no holder of this lock panics");
        let is_asked = |runner: &&RunnerHandle| runner.held.borrow().as_ref().is_none_or(|(held, _)| asks(&held.plan));
        runners.values().filter(is_asked).for_each(RunnerHandle::look_again);
    }
}
