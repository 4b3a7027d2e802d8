//! What was committed against what really happened: a server may believe what it likes, a record may only say what is.

use meridian_core::evidence::Measure;
use meridian_core::id::RegionId;
use meridian_core::invariants::Broken;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{LaneAt, Rollout};

use super::Books;
use super::books::require;

/// Checks every move of a decision against the regions themselves.
pub fn moves(books: &Books, before: &Rollout, after: &Rollout) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (region, was) in &before.lanes {
        let Some(is) = after.lanes.get(region) else { continue };
        if was.at == is.at || is.at == LaneAt::Reverting {
            continue;
        }
        let what = || format!("{region} left {:?} for {:?}", was.at, is.at);
        match was.at {
            LaneAt::Shifting(_) => {
                require(&mut broken, "C10", is_confirmed(books, before, region), || format!("{}, unconfirmed", what()));
            }
            LaneAt::Reverting => {
                require(&mut broken, "S7", is_confirmed(books, before, region), || format!("{}, unconfirmed", what()));
            }
            LaneAt::Baking(_) => {
                let asked = before.plan.evidence.checks.iter().any(|check| match check.measure {
                    Measure::ErrorRatio { .. } => true,
                    Measure::Latency { .. }
                    | Measure::Probe { .. }
                    | Measure::ErrorDifference { .. }
                    | Measure::LatencyShift { .. }
                    | Measure::ErrorSequence { .. }
                    | Measure::BudgetBurn { .. }
                    | Measure::Query(_)
                    | Measure::Load(_) => false,
                });
                let bad = books.bad.contains(&(region.clone(), before.plan.release.digest));
                require(&mut broken, "S14", !(asked && bad), || format!("{}, and answers badly", what()));
            }
            LaneAt::Preparing { .. } => {
                require(&mut broken, "S10", is_confirmed(books, before, region), || format!("{}, unconfirmed", what()));
            }
            LaneAt::Waiting | LaneAt::Settled(_) | LaneAt::Reverted => {}
        }
    }
    broken
}

/// Whether the region's agent has ever made durable that it reached the goal of this record.
fn is_confirmed(books: &Books, record: &Rollout, region: &RegionId) -> bool {
    let Some(order) = goal(record, region) else { return false };
    let Some(agent) = books.agents.get(&order.lane) else { return false };
    agent.confirmed.contains(&(order.epoch, order.hash()))
}
