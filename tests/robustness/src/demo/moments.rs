//! The moments that the story waits for, seen in the store's own history. It knows decisions, not who shows them.

use std::time::Duration;

use anyhow::Context;
use meridian_harness::wait_until;

use crate::history::{Decision, LaneSeen, Micros};
use crate::record::Recorder;

/// The last decision.
fn last(recorder: &Recorder) -> Option<Decision> {
    recorder.recorded().decisions.pop()
}

fn serves(lane: &LaneSeen) -> bool {
    lane.weight_new > 0
}

/// Some regions are on the new release and some are not yet.
pub(super) async fn in_mid_wave(recorder: &Recorder, patience: Duration) -> anyhow::Result<()> {
    wait_until("a wave to be under way", patience, || async {
        let decision = last(recorder)?;
        let moved = decision.lanes.values().filter(|lane| serves(lane)).count();
        (decision.phase == "running" && moved > 0 && moved < decision.lanes.len()).then_some(())
    })
    .await
}

/// Seconds from `since` to the first decision after it that goes forward.
pub(super) async fn forward_again(recorder: &Recorder, since: Micros, patience: Duration) -> anyhow::Result<f64> {
    let found = wait_until("the rollout to go forward without its owner", patience, || async {
        let decisions = recorder.recorded().decisions;
        let pairs = decisions.windows(2).filter(|pair| pair[1].seen > since && pair[0].rollout == pair[1].rollout);
        let mut forward = pairs.filter(|pair| {
            let before = |region: &str| pair[0].lanes.get(region).map_or(0, |lane| lane.weight_new);
            pair[1].lanes.iter().any(|(region, lane)| lane.weight_new > before(region))
        });
        forward.next().map(|pair| pair[1].seen)
    });
    Ok(Duration::from_micros(found.await? - since).as_secs_f64())
}

/// Every region has confirmed its first step.
pub(super) async fn all_baking(recorder: &Recorder, patience: Duration) -> anyhow::Result<()> {
    wait_until("every region to bake", patience, || async {
        let decision = last(recorder)?;
        let all = decision.lanes.values().all(|lane| serves(lane) && lane.is_confirmed);
        (decision.phase == "running" && all).then_some(())
    })
    .await
}

/// Milliseconds from the decision to go back, made on the look that saw the breach, to the confirmed way back of all
/// regions but one.
pub(super) async fn back_but(recorder: &Recorder, but: &str, patience: Duration) -> anyhow::Result<u64> {
    wait_until("all reachable regions to be back", patience, || async {
        let decisions = recorder.recorded().decisions;
        let decided = decisions.iter().rev().take_while(|decision| decision.phase == "rolling-back").last()?;
        let back = decisions.iter().filter(|decision| decision.rollout == decided.rollout).find(|decision| {
            let mut lanes = decision.lanes.iter().filter(|(region, _)| *region != but);
            decision.phase == "rolling-back" && lanes.all(|(_, lane)| !serves(lane) && lane.is_confirmed)
        })?;
        Some((back.seen - decided.seen) / 1000)
    })
    .await
}

/// Milliseconds from `since` to the last decision, which is an end.
pub(super) fn ended(recorder: &Recorder, since: Micros) -> anyhow::Result<u64> {
    let end = last(recorder).filter(|decision| decision.is_end).context("the rollout has ended")?;
    Ok(end.seen.saturating_sub(since) / 1000)
}
