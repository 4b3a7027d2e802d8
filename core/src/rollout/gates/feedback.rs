//! The gate behind a pilot: what people say of the release has to pass before anything goes on. A rollback never asks here.

use crate::evidence::Outcome;
use crate::observation::Sight;
use crate::plan::Plan;
use crate::playbook::StageKind;
use crate::rollout::reason::Wait;
use crate::rollout::step::Draft;
use crate::watch::Opinion;

/// Whether the gate stands behind this wave: it is the last one of a pilot, and something comes after it.
#[must_use]
pub fn is_behind(plan: &Plan, wave: usize) -> bool {
    let is_pilot = |wave: usize| plan.waves.get(wave).map(|wave| wave.stage == StageKind::Pilot);
    plan.feedback.is_some() && is_pilot(wave) == Some(true) && is_pilot(wave + 1) == Some(false)
}

/// What people say, as far as it is known: of nothing nothing follows.
#[must_use]
pub fn opinion(sight: &Sight) -> Opinion {
    sight.values().find_map(|seen| seen.feedback).unwrap_or_default()
}

/// Whether the rollout may not go on behind a wave; then the wait says what is missing.
pub(in crate::rollout) fn is_shut(draft: &mut Draft, sight: &Sight, wave: usize) -> bool {
    let Some(policy) = draft.next.plan.feedback.filter(|_| is_behind(&draft.next.plan, wave)) else { return false };
    let opinion = opinion(sight);
    match opinion.judge(&policy) {
        Outcome::Pass => false,
        verdict @ (Outcome::Fail | Outcome::Inconclusive) => {
            draft.waits.push(Wait::Feedback { opinion, policy, verdict });
            true
        }
    }
}
