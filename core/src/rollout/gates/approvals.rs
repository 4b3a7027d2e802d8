//! Approvals: who has consented to a wave, what that counts for, and what is still missing. A rollback never asks here.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::person::{is_nobody, person};
use crate::rollout::event::{Consent, Order};
use crate::rollout::reason::{Refused, Wait};
use crate::rollout::state::{Approval, Identity, LaneAt, Phase, Rollout, Run};
use crate::rollout::step::Draft;
use crate::time::Timestamp;

/// The most approvals that a record keeps: more than all rules of a playbook could ask for would crowd out the rest.
pub const APPROVALS_MAX: usize = 200;

/// What keeps a wave from beginning; nothing once it has begun with what it asked for.
fn missing(record: &Rollout, wave: usize, now: Timestamp) -> Vec<Wait> {
    let Some(planned) = record.plan.waves.get(wave).filter(|planned| !planned.approvals.is_empty()) else {
        return Vec::new();
    };
    let plan = record.plan.hash();
    let short = planned.approvals.iter().filter_map(|rule| {
        let given = record.approvals.iter().filter(|approval| approval.wave == wave && approval.role == rule.role);
        let counts = given.filter(|approval| holds(record, approval, plan, now));
        let people: BTreeSet<String> = counts.map(|approval| person(&approval.actor)).collect();
        let have = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let role = || rule.role.clone();
        (have < rule.count).then(|| Wait::Approvals { wave: planned.id.clone(), role: role(), have, need: rule.count })
    });
    short.collect()
}

/// When the first of the approvals that are not used runs out.
fn expiry(record: &Rollout, wave: usize, now: Timestamp) -> Option<Timestamp> {
    let unused = record.approvals.iter().filter(|approval| approval.wave == wave && !approval.used);
    unused.map(|approval| approval.until).filter(|until| *until > now).min()
}

/// Whether an approval counts: for this plan and digest, of somebody else than who asked, used or not run out.
fn holds(record: &Rollout, approval: &Approval, plan: Digest, now: Timestamp) -> bool {
    let bound = approval.plan == plan && approval.digest == record.plan.release.digest;
    bound && (approval.used || now < approval.until) && person(&approval.actor) != person(&record.requester)
}

/// Whether a wave may not begin; then the waits say what is missing.
pub(in crate::rollout) fn is_shut(draft: &mut Draft, wave: usize) -> bool {
    let missing = missing(&draft.next, wave, draft.now);
    if missing.is_empty() {
        return false;
    }
    if let Some(expiry) = expiry(&draft.next, wave, draft.now) {
        draft.wake_at(expiry);
    }
    draft.waits.extend(missing);
    true
}

/// Marks what a wave has begun on: from here on it neither runs out nor can be revoked.
pub(in crate::rollout) fn spend(draft: &mut Draft, wave: usize) {
    let now = draft.now;
    let standing = |approval: &&mut Approval| approval.wave == wave && now < approval.until;
    draft.next.approvals.iter_mut().filter(standing).for_each(|approval| approval.used = true);
}

/// Somebody consents. The same person again renews a consent that is not used.
pub(in crate::rollout) fn approve(draft: &mut Draft, order: Order, consent: &Consent) -> Result<(), Refused> {
    let (record, now) = (&draft.next, draft.now);
    let (wave, plan) = (open_wave(record, consent, "approve")?, record.plan.hash());
    if consent.plan.is_some_and(|reviewed| reviewed != plan) {
        return Err(Refused::OtherPlan { plan });
    }
    let who = person(&order.actor);
    if is_nobody(&order.actor) {
        return Err(Refused::Nameless);
    }
    if who == person(&record.requester) {
        return Err(Refused::OwnRequest { actor: order.actor });
    }
    let rules = record.plan.waves.get(wave).map(|planned| &planned.approvals);
    let rule = rules.and_then(|rules| rules.iter().find(|rule| rule.role == consent.role));
    let valid_for = rule.map(|rule| rule.valid_for).expect("an open wave asks for the role");
    let approval = Approval {
        wave,
        role: consent.role.clone(),
        actor: order.actor,
        identity: Identity::Unverified,
        plan,
        digest: record.plan.release.digest,
        at: now,
        until: now.after(valid_for),
        used: false,
    };
    draft.next.approvals.retain(|other| !is_of(other, wave, consent, &who));
    if draft.next.approvals.len() >= APPROVALS_MAX {
        return Err(Refused::TooManyApprovals);
    }
    draft.next.approvals.push(approval);
    draft.kind = "approve";
    Ok(())
}

/// Somebody takes their consent back.
pub(in crate::rollout) fn revoke(draft: &mut Draft, order: &Order, consent: &Consent) -> Result<(), Refused> {
    let wave = open_wave(&draft.next, consent, "revoke")?;
    let (who, before) = (person(&order.actor), draft.next.approvals.len());
    draft.next.approvals.retain(|approval| !is_of(approval, wave, consent, &who));
    if draft.next.approvals.len() == before {
        return Err(Refused::NoApproval { actor: order.actor.clone(), role: consent.role.clone() });
    }
    draft.kind = "revoke";
    Ok(())
}

fn is_of(approval: &Approval, wave: usize, consent: &Consent, who: &str) -> bool {
    approval.wave == wave && approval.role == consent.role && person(&approval.actor) == who
}

/// The wave that a consent is for: the one it names, or the next one that asks for the role and has not begun.
fn open_wave(record: &Rollout, consent: &Consent, order: &'static str) -> Result<usize, Refused> {
    let run = running(record, order)?;
    let asks = |wave: usize| {
        let planned = record.plan.waves.get(wave)?;
        let named = consent.wave.as_ref().is_none_or(|named| *named == planned.id);
        (named && planned.approvals.iter().any(|rule| rule.role == consent.role)).then_some(wave)
    };
    let asking: Vec<usize> = (0..record.plan.waves.len()).filter_map(asks).collect();
    let not_asked = || Refused::NotAsked { role: consent.role.clone() };
    let last = *asking.last().ok_or_else(not_asked)?;
    let open = asking.into_iter().find(|wave| *wave >= run.wave && !has_begun(record, *wave));
    open.ok_or_else(|| Refused::WaveBegun { wave: record.plan.waves[last].id.clone() })
}

/// The run of a rollout that may still go forward.
pub(super) fn running<'a>(record: &'a Rollout, order: &'static str) -> Result<&'a Run, Refused> {
    let Phase::Running(run) = &record.phase else {
        let phase = record.phase.as_str();
        let ended = record.phase.is_terminal();
        return Err(if ended { Refused::Ended(phase) } else { Refused::NotNow { order, phase } });
    };
    Ok(run)
}

fn has_begun(record: &Rollout, wave: usize) -> bool {
    let spent = record.approvals.iter().any(|approval| approval.wave == wave && approval.used);
    let is_in_it = |at: LaneAt| at.is_on_its_way_in(wave) || at.step().is_some_and(|step| step.wave == wave);
    spent || record.lanes.values().any(|lane| is_in_it(lane.at))
}
