//! One honest line about a rollout, for people.

use std::collections::BTreeMap;

use crate::id::RegionId;
use crate::observation::{Contact, Sight};
use crate::rollout::state::{LaneAt, Pace, Phase, Rollout, Run};

/// What a rollout is doing, in one line: `running wave 2/3 rest: 1 baking, 1 settled`,
/// `rolling-back: 5 back, 1 pending, 1 unknown`. A region that can't be reached is `unknown`, never assumed.
#[must_use]
pub fn summary(record: &Rollout, sight: &Sight) -> String {
    match &record.phase {
        Phase::Running(run) => running(record, run),
        Phase::RollingBack { .. } => format!("rolling-back: {}", way_back(record, sight)),
        Phase::Frozen { cause, .. } => format!("frozen: {cause}"),
        Phase::Switched { .. } => format!("switched: {} regions at 100%", record.lanes.len()),
        Phase::Stable { .. } => format!("stable: {} regions", record.lanes.len()),
        Phase::RolledBack { cause, .. } => format!("rolled-back: {cause}"),
        Phase::Aborted { cause, .. } => format!("aborted before any traffic moved: {cause}"),
        Phase::Superseded { by, .. } => format!("superseded by {by}"),
        Phase::Failed { cause, .. } => format!("failed: {cause}"),
    }
}

fn running(record: &Rollout, run: &Run) -> String {
    if let Some(hold) = &run.hold {
        return format!("held: {}", hold.cause);
    }
    let waves = record.plan.waves.len();
    let wave = record.plan.waves.get(run.wave);
    let name = wave.map_or("", |wave| wave.id.as_str());
    let regions = wave.map(|wave| wave.regions.as_slice()).unwrap_or_default();
    let pace = match run.pace {
        Pace::Moving => "running",
        Pace::Soaking(_) => "soaking",
    };
    format!("{pace} wave {}/{waves} {name}: {}", run.wave + 1, counts(record, regions))
}

fn counts(record: &Rollout, regions: &[RegionId]) -> String {
    let mut counts: BTreeMap<u8, (usize, &'static str)> = BTreeMap::new();
    for lane in regions.iter().filter_map(|region| record.lanes.get(region)) {
        let rank = match lane.at {
            LaneAt::Waiting => 0,
            LaneAt::Preparing { .. } => 1,
            LaneAt::Shifting(_) => 2,
            LaneAt::Baking(_) => 3,
            LaneAt::Settled(_) => 4,
            LaneAt::Reverting => 5,
            LaneAt::Reverted => 6,
        };
        counts.entry(rank).or_insert((0, lane.at.as_str())).0 += 1;
    }
    let parts: Vec<String> = counts.into_values().map(|(count, word)| format!("{count} {word}")).collect();
    parts.join(", ")
}

fn way_back(record: &Rollout, sight: &Sight) -> String {
    let (mut back, mut pending, mut unknown, mut forward) = (0, 0, 0, 0);
    let based = |region: &RegionId| record.plan.lanes.get(region).is_some_and(|planned| planned.base.is_some());
    let paced = record.plan.rollback.pace.is_some();
    for (region, lane) in &record.lanes {
        let live = sight.get(region).is_some_and(|seen| matches!(seen.contact, Contact::Live(_)));
        match lane.at {
            LaneAt::Waiting | LaneAt::Reverted => back += 1,
            LaneAt::Reverting if live => pending += 1,
            LaneAt::Reverting => unknown += 1,
            // Its turn has not come yet.
            LaneAt::Preparing { .. } | LaneAt::Shifting(_) | LaneAt::Baking(_) | LaneAt::Settled(_)
                if paced && (based(region) || !lane.moved) =>
            {
                pending += 1;
            }
            LaneAt::Preparing { .. } | LaneAt::Shifting(_) | LaneAt::Baking(_) | LaneAt::Settled(_) => forward += 1,
        }
    }
    let named = [(back, "back"), (pending, "pending"), (unknown, "unknown"), (forward, "without a way back")];
    let parts: Vec<String> =
        named.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    parts.join(", ")
}
