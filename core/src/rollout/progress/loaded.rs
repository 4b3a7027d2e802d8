//! What the load of a step came to, kept with the record when the step's verdict has consequences: numbers that are not
//! there any more when somebody asks why a stage was left.

use super::LaneView;
use crate::evidence::{LoadFigures, StepRef};
use crate::id::RegionId;
use crate::observation::Sight;
use crate::rollout::state::{LaneAt, LoadReport};
use crate::rollout::step::Draft;
use crate::time::Timestamp;

/// Keeps what the load of the step that bakes here has come to, if there was any. The latest of a step counts.
pub(in crate::rollout) fn note(draft: &mut Draft, sight: &Sight, region: &RegionId) {
    let view = LaneView::new(&draft.next, region, sight);
    let LaneAt::Baking(step) = view.at() else { return };
    let Some(report) = report(&view, step, draft.now) else { return };
    let lane = draft.next.lanes.get_mut(region).expect("a lane view is made by a name of the plan");
    lane.loads.retain(|known| known.step != step);
    lane.loads.push(report);
}

fn report(view: &LaneView<'_>, step: StepRef, at: Timestamp) -> Option<LoadReport> {
    let evidence = view.evidence_on(step).filter(|_| view.record.plan.is_under_load(step))?;
    let figures = LoadFigures::from(evidence.load.as_ref()?);
    Some(LoadReport { step, epoch: evidence.pin.epoch, at, figures, verdict: view.verdict(step)? })
}
