//! Callbacks: what the service's own endpoints were asked before a wave, what they have answered, and what is still missing.
//! Silence is never a yes. A rollback never asks here.

use super::approvals;
use crate::id::CallbackId;
use crate::playbook::Callback;
use crate::rollout::event::AnswerGiven;
use crate::rollout::reason::{Refused, Wait};
use crate::rollout::state::{Answer, Cause, Inquiry, Phase, Rollout, Said};
use crate::rollout::step::Draft;

/// The question to a callback of a wave, for this plan and release.
fn inquiry<'r>(record: &'r Rollout, wave: usize, id: &CallbackId) -> Option<&'r Inquiry> {
    let of = |inquiry: &&Inquiry| inquiry.wave == wave && inquiry.callback == *id;
    record.inquiries.iter().find(of).filter(|inquiry| inquiry.digest == record.plan.release.digest)
}

/// Questions that nobody has answered yet, with whom they are for: what the owner's shell asks. What goes back, or has ended,
/// asks nothing any more.
#[must_use]
pub fn open(record: &Rollout) -> Vec<(&Inquiry, &Callback)> {
    let runs = matches!(record.phase, Phase::Running(_));
    let unanswered = record.inquiries.iter().filter(|inquiry| runs && inquiry.answer.is_none());
    let with = |inquiry| Some((inquiry, callback(record, inquiry)?));
    unanswered.filter_map(with).collect()
}

fn callback<'r>(record: &'r Rollout, inquiry: &Inquiry) -> Option<&'r Callback> {
    let of = &record.plan.waves.get(inquiry.wave)?.callbacks;
    of.iter().find(|callback| callback.id == inquiry.callback)
}

/// Whether the wave may not begin: then each callback that was not asked is, and the waits say whose answer is missing. One
/// that says no, or nothing in time, holds the rollout.
pub(in crate::rollout) fn is_shut(draft: &mut Draft, wave: usize) -> bool {
    let plan = draft.next.plan.clone();
    let Some(planned) = plan.waves.get(wave).filter(|planned| !planned.callbacks.is_empty()) else { return false };
    let (mut shut, now) = (false, draft.now);
    for callback in &planned.callbacks {
        let id = &callback.id;
        let asked = inquiry(&draft.next, wave, id).cloned();
        let since = match asked {
            Some(Inquiry { answer: Some(Answer { said: Said::Pass, .. }), .. }) => continue,
            Some(Inquiry { answer: Some(Answer { said: Said::Fail, reason, .. }), .. }) => {
                hold(draft, wave, id, &reason);
                return true;
            }
            Some(Inquiry { since, answer: None, .. }) if now >= since.after(callback.timeout) => {
                hold(draft, wave, id, &format!("no answer within {}", callback.timeout));
                return true;
            }
            Some(Inquiry { since, answer: None, .. }) => since,
            None => {
                let (callback, digest) = (id.clone(), plan.release.digest);
                let fresh = Inquiry { wave, callback, plan: plan.hash(), digest, since: now, answer: None };
                draft.next.inquiries.push(fresh);
                draft.kind = "ask";
                now
            }
        };
        let until = since.after(callback.timeout);
        draft.wake_at(until);
        draft.waits.push(Wait::Callback { wave: planned.id.clone(), callback: id.clone(), until });
        shut = true;
    }
    shut
}

fn hold(draft: &mut Draft, wave: usize, callback: &CallbackId, reason: &str) {
    let wave = draft.next.plan.waves.get(wave).expect("a record only names waves of its own plan").id.clone();
    draft.hold(Cause::Callback { wave, callback: callback.clone(), reason: reason.to_owned() }, "hold");
}

/// Records what a callback has answered to the question that was put to it at that time.
pub(in crate::rollout) fn answer(draft: &mut Draft, given: AnswerGiven) -> Result<(), Refused> {
    approvals::running(&draft.next, "answer")?;
    let AnswerGiven { wave, callback, since, said, reason } = given;
    let is_open = |inquiry: &&mut Inquiry| {
        inquiry.wave == wave && inquiry.callback == callback && inquiry.since == since && inquiry.answer.is_none()
    };
    let Some(inquiry) = draft.next.inquiries.iter_mut().find(is_open) else {
        return Err(Refused::NotAwaited { callback });
    };
    inquiry.answer = Some(Answer { said, reason, at: draft.now });
    draft.kind = "answer";
    Ok(())
}

/// Somebody has looked: whatever was not answered with a yes is asked again.
pub(in crate::rollout) fn ask_again(record: &mut Rollout) {
    let passed = |inquiry: &Inquiry| matches!(&inquiry.answer, Some(Answer { said: Said::Pass, .. }));
    record.inquiries.retain(passed);
}
