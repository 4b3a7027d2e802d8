//! The train of a rollout: its first step waits for a departure, later ones do not. A rollback never asks here.

use super::approvals;
use crate::calendar::Departure;
use crate::calendar::rule::{boards, needs};
use crate::evidence::StepRef;
use crate::id::RegionId;
use crate::observation::Sight;
use crate::rollout::event::Order;
use crate::rollout::reason::{Refused, Wait};
use crate::rollout::state::{LaneAt, Rollout};
use crate::rollout::step::Draft;
use crate::time::Timestamp;

/// Whether any region has begun: then it is too late to board, and there is nothing left to miss.
fn has_begun(record: &Rollout) -> bool {
    record.lanes.values().any(|lane| lane.at != LaneAt::Waiting)
}

/// The train that a rollout still waits to begin with.
#[must_use]
pub fn awaited(record: &Rollout) -> Option<&str> {
    record.train.as_deref().filter(|_| !has_begun(record))
}

/// When the first region of a wave may begin with the train, and with which departure.
fn next<'s>(
    record: &Rollout,
    sight: &'s Sight,
    train: &str,
    wave: usize,
    now: Timestamp,
) -> Option<(Timestamp, &'s Departure)> {
    let plan = &record.plan;
    let needs = needs(plan, StepRef { wave, step: 0 });
    let in_region = |region: &RegionId| boards(train, &plan.timetable, &sight.get(region)?.openings, now, needs);
    plan.waves.get(wave)?.regions.iter().filter_map(in_region).min_by_key(|(at, _)| *at)
}

/// Whether the rollout may not begin; then the wait says what it waits for.
pub(in crate::rollout) fn is_shut(draft: &mut Draft, sight: &Sight, wave: usize) -> bool {
    let Some(train) = awaited(&draft.next).map(str::to_owned) else { return false };
    let (departs, increment) = match next(&draft.next, sight, &train, wave, draft.now) {
        Some((at, _)) if at <= draft.now => return false,
        Some((at, departure)) => (Some(at), departure.increment.clone()),
        None => (None, None),
    };
    if let Some(departs) = departs {
        draft.wake_at(departs);
    }
    draft.waits.push(Wait::Train { train, departs, increment });
    true
}

/// Somebody lets a rollout that has not begun wait for another train, or for none.
pub(in crate::rollout) fn change(draft: &mut Draft, _order: Order, train: Option<String>) -> Result<(), Refused> {
    approvals::running(&draft.next, if train.is_some() { "board" } else { "leave" })?;
    if has_begun(&draft.next) {
        return Err(Refused::TrainDeparted);
    }
    let plan = draft.next.plan.clone();
    if let Some(train) = train.as_ref().filter(|train| plan.timetable.trains.iter().all(|known| known.name != **train))
    {
        return Err(Refused::NoSuchTrain { train: train.clone() });
    }
    draft.kind = if train.is_some() { "board" } else { "leave" };
    draft.next.train = train;
    Ok(())
}
