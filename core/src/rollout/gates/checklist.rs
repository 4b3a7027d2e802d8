//! The pre-launch checklist of a rollout: what is signed off, what that counts for, and what is still missing. It is asked
//! before the first step alone; a rollback never asks here.

use super::approvals;
use crate::id::ItemId;
use crate::person::{is_nobody, person};
use crate::playbook::ChecklistItem;
use crate::rollout::event::{Order, SignOff};
use crate::rollout::reason::{Refused, Wait};
use crate::rollout::state::{Identity, LaneAt, Rollout, Signed};
use crate::rollout::step::Draft;
use crate::time::Timestamp;

/// The longest address of evidence.
pub const URI_BYTES_MAX: usize = 2048;

/// What is not signed off for this release, or not any more.
fn missing(record: &Rollout, now: Timestamp) -> Vec<&ChecklistItem> {
    let holds = |item: &&ChecklistItem| record.signed.iter().any(|signed| stands(record, signed, &item.id, now));
    record.plan.checklist.iter().filter(|item| !holds(item)).collect()
}

/// Whether a sign-off counts: of this item and digest, used or not run out.
fn stands(record: &Rollout, signed: &Signed, item: &ItemId, now: Timestamp) -> bool {
    signed.item == *item && signed.digest == record.plan.release.digest && (signed.used || now < signed.until)
}

/// Whether the rollout may not begin; then the wait says what is missing and whose it is.
pub(in crate::rollout) fn is_shut(draft: &mut Draft) -> bool {
    let named = |item: &ChecklistItem| (item.id.clone(), item.owner.clone());
    let missing: Vec<_> = missing(&draft.next, draft.now).into_iter().map(named).collect();
    if missing.is_empty() {
        return false;
    }
    let unused = draft.next.signed.iter().filter(|signed| !signed.used).map(|signed| signed.until);
    if let Some(expiry) = unused.filter(|until| *until > draft.now).min() {
        draft.wake_at(expiry);
    }
    draft.waits.push(Wait::Checklist { missing });
    true
}

/// Marks what the rollout has begun on: from here on it neither runs out nor can be revoked.
pub(in crate::rollout) fn spend(draft: &mut Draft) {
    let now = draft.now;
    draft.next.signed.iter_mut().filter(|signed| now < signed.until).for_each(|signed| signed.used = true);
}

/// The owner of an item signs it off. Again, it renews what is not used.
pub(in crate::rollout) fn sign(draft: &mut Draft, order: Order, sign: SignOff) -> Result<(), Refused> {
    let (record, now) = (&draft.next, draft.now);
    let item = open_item(record, &sign.item, "sign")?;
    if is_nobody(&order.actor) {
        return Err(Refused::Nameless);
    }
    if person(&order.actor) != person(&item.owner) {
        return Err(Refused::NotOwner { item: item.id.clone(), owner: item.owner.clone() });
    }
    let signed = Signed {
        item: item.id.clone(),
        actor: order.actor,
        identity: Identity::Unverified,
        uri: sign.uri,
        evidence: sign.evidence,
        digest: record.plan.release.digest,
        at: now,
        until: now.after(item.valid_for),
        used: false,
    };
    draft.next.signed.retain(|other| other.item != sign.item);
    draft.next.signed.push(signed);
    draft.kind = "sign";
    Ok(())
}

/// Somebody takes a sign-off back. Anyone may: it only keeps things from beginning.
pub(in crate::rollout) fn revoke(draft: &mut Draft, order: &Order, item: &ItemId) -> Result<(), Refused> {
    open_item(&draft.next, item, "revoke")?;
    if is_nobody(&order.actor) {
        return Err(Refused::Nameless);
    }
    let before = draft.next.signed.len();
    draft.next.signed.retain(|signed| signed.item != *item);
    if draft.next.signed.len() == before {
        return Err(Refused::NotSigned { item: item.clone() });
    }
    draft.kind = "unsign";
    Ok(())
}

/// The item, if the rollout can still wait for it.
fn open_item<'a>(record: &'a Rollout, item: &ItemId, order: &'static str) -> Result<&'a ChecklistItem, Refused> {
    approvals::running(record, order)?;
    let found = record.plan.checklist.iter().find(|known| known.id == *item);
    let found = found.ok_or_else(|| Refused::NoSuchItem { item: item.clone() })?;
    if has_begun(record) { Err(Refused::LaunchBegun) } else { Ok(found) }
}

/// Whether a step was taken. Lanes on their way back may be another rollout's doing that this one has superseded.
fn has_begun(record: &Rollout) -> bool {
    let is_forward = |at: LaneAt| at.is_on_its_way() || matches!(at, LaneAt::Settled(_));
    record.signed.iter().any(|signed| signed.used) || record.lanes.values().any(|lane| is_forward(lane.at))
}
