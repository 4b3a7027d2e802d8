//! One decision, one transaction: the record at the next epoch, the service's head, the audit entry chained to its
//! predecessor, the lanes where they are taken or freed, and what people are to be told of it. No other code writes these
//! keys.

use std::collections::BTreeMap;

use meridian_core::alert;
use meridian_core::audit::AuditEntry;
use meridian_core::canon::Canonical;
use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::lane::LaneState;
use meridian_core::planted;
use meridian_core::rollout::event::{Effect, Event, Notice, Order, SignOff, Transition};
use meridian_core::rollout::goals::{lane_after, left_on_vetoed};
use meridian_core::rollout::state::{Identity, Phase, Rollout};
use meridian_core::rollout::veto::{Veto, Vetoes};
use meridian_core::time::Timestamp;
use meridian_store::record::{self, Head, Outgoing, RequestDone};
use meridian_store::{CommitError, Expect, Key, Revision, Txn, commit_known, layout};

use super::RequestMark;
use super::books::{Books, Kept};
use crate::error::EngineError;
use crate::ownership::Claim;

/// A decision to be committed.
pub(super) struct Decision<'a> {
    pub next: &'a Rollout,
    /// The hash of its plan.
    pub plan: Digest,
    /// The record before; `None` for the first decision.
    pub before: Option<&'a Rollout>,
    /// Under which the record is replaced; `Absent` for the first decision.
    pub expect: Expect,
    pub head: &'a Kept<Head>,
    /// The lanes, if this decision takes or frees some.
    pub lanes: Option<Kept<BTreeMap<RegionId, LaneState>>>,
    pub kind: &'static str,
    pub actor: String,
    pub message: String,
    pub request: Option<&'a RequestMark>,
    /// The right to move something forward; not asked for where anyone may.
    pub claim: Option<Claim>,
    /// What is known from elsewhere under which something moves forward; not asked for where nothing does.
    pub known: Vec<(Key, Expect)>,
    /// Sessions that have to be the newest of their regions still: what was seen in them led to this.
    pub sessions: Vec<(RegionId, Revision)>,
    pub now: Timestamp,
}

/// What was committed.
pub(super) struct Done {
    pub revision: Revision,
    pub head: Kept<Head>,
    /// How many things people are to be told of it.
    pub sayings: usize,
}

/// The longest text of an audit entry.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Commits. A lost answer is resolved by reading the audit entry, which is written once.
pub(super) async fn commit(books: &Books, decision: Decision<'_>) -> Result<Done, CommitError> {
    let Decision {
        next,
        before,
        plan,
        expect,
        head,
        lanes,
        kind,
        actor,
        message,
        request,
        claim,
        known,
        sessions,
        now,
    } = decision;
    let service = &next.plan.service;
    let value = record::encode_rollout(next, plan);
    let vetoes = before.and_then(|before| head.value.vetoes.after(before, next));
    let vetoes = vetoes.unwrap_or_else(|| head.value.vetoes.clone());
    let message = match left_on_vetoed(next, &vetoes) {
        Some(left) => format!("{}: {left}; {message}", left.code()),
        None => message,
    };
    let entry = AuditEntry {
        service: service.clone(),
        rollout: Some(next.id.clone()),
        epoch: next.epoch,
        time: now,
        kind: kind.to_owned(),
        actor: truncated(actor),
        message: truncated(message),
        record: Digest::of(&value),
        previous: head.value.audit.filter(|_| !planted::is("audit-unchained")),
        change: record::encode_change(before, next, plan),
    };
    let after = lanes.map(|lanes| (lanes_after(next, lanes.value, &vetoes), lanes.expect));
    let moved = Head { epoch: next.epoch, audit: Some(entry.digest()), plan: Some(plan), vetoes };
    let audit_key = layout::audit(service, next.epoch);
    let audited = Txn::new().put(audit_key.clone(), record::encode_audit(&entry), Expect::Absent);
    let audited = if planted::is("audit-left-out") { Txn::new() } else { audited };
    let mut txn = audited.put(layout::rollout(&next.id), value, expect).put(
        layout::head(service),
        record::encode_head(&moved),
        head.expect,
    );
    let forgotten = if next.phase.is_terminal() { "lanes-not-freed" } else { "lanes-not-taken" };
    if let Some((after, expect)) = after.filter(|_| !planted::is(forgotten)) {
        txn = txn.put(layout::lanes(service), record::encode_lanes(&after), expect);
    }
    if let Some(claim) = claim.filter(|_| !planted::is("owner-unchecked")) {
        // A replica that was frozen or cut off may still believe that it owns this; the store knows better.
        txn = txn.check(claim.key(), Expect::Created(claim.token));
    }
    let (mut txn, sayings) = told(txn, before, next);
    let heard = sessions.into_iter().map(|(region, revision)| (layout::session(&region), Expect::At(revision)));
    for (key, expect) in known.into_iter().chain(heard) {
        txn = txn.check(key, expect);
    }
    txn = marked(txn, request, next.id.to_string(), now)?;
    if is_urgent(next) {
        txn = txn.urgent();
    }
    let committed = commit_known(books.store.as_ref(), txn, &audit_key).await?;
    let revision = committed.revision;
    Ok(Done { revision, head: Kept { value: moved, expect: Expect::At(revision) }, sayings })
}

/// Adds what people are to be told of the decision, and says how many things that is.
fn told(txn: Txn, before: Option<&Rollout>, next: &Rollout) -> (Txn, usize) {
    let (service, sayings) = (&next.plan.service, alert::said(before, next));
    let count = sayings.len();
    if count == 0 {
        return (txn, 0);
    }
    let outgoing = Outgoing { service: service.clone(), sayings };
    let key = layout::outgoing_decided(service, next.epoch);
    (txn.put(key, record::encode_outgoing(&outgoing), Expect::Absent), count)
}

/// A decision about a service's vetoes, which are of no rollout.
pub(super) struct VetoDecision<'a> {
    pub service: &'a ServiceId,
    pub vetoes: Vetoes,
    /// The rollout that it goes back to, for the audit.
    pub rollout: Option<RolloutId>,
    pub head: &'a Kept<Head>,
    /// The lanes as they were when it was decided.
    pub lanes: Expect,
    pub kind: &'static str,
    pub said: Veto,
    pub request: Option<&'a RequestMark>,
}

/// Commits a decision about vetoes: the head and the audit entry, if no lane was taken or freed meanwhile.
pub(super) async fn commit_vetoes(books: &Books, decision: VetoDecision<'_>) -> Result<(), CommitError> {
    let VetoDecision { service, vetoes, rollout, head, lanes, kind, said, request } = decision;
    let Veto { rollout: _, actor, reason, at } = said;
    let entry = AuditEntry {
        service: service.clone(),
        rollout,
        epoch: vetoes.changed,
        time: at,
        kind: kind.to_owned(),
        actor: truncated(actor),
        message: truncated(reason),
        record: vetoes.digest(),
        previous: head.value.audit,
        change: Vec::new(),
    };
    let moved = Head { epoch: vetoes.changed, audit: Some(entry.digest()), plan: head.value.plan, vetoes };
    let audit_key = layout::audit(service, entry.epoch);
    let txn = Txn::new()
        .put(audit_key.clone(), record::encode_audit(&entry), Expect::Absent)
        .put(layout::head(service), record::encode_head(&moved), head.expect)
        .check(layout::lanes(service), lanes);
    let txn = marked(txn, request, service.to_string(), at)?;
    commit_known(books.store.as_ref(), txn, &audit_key).await.map(|_| ())
}

/// Who decided, and in what words, for the audit.
pub(super) fn said(order: Option<&Event>, transition: &Transition) -> (String, String) {
    let by = |order: &Order| (order.actor.clone(), order.reason.clone());
    match order {
        Some(Event::Pause(order) | Event::Resume(order) | Event::Rollback(order, _) | Event::Abandon(order)) => {
            by(order)
        }
        Some(Event::Approve(order, consent) | Event::Revoke(order, consent)) => {
            let identity = Identity::Unverified.as_str();
            (order.actor.clone(), format!("as {} ({identity}): {}", consent.role, order.reason))
        }
        Some(Event::Sign(order, SignOff { item, uri, evidence })) => {
            let identity = Identity::Unverified.as_str();
            (order.actor.clone(), format!("{item} ({identity}) on {uri} {evidence}: {}", order.reason))
        }
        Some(Event::Unsign(order, item)) => (order.actor.clone(), format!("{item}: {}", order.reason)),
        None | Some(Event::Look(_) | Event::Guard(_)) => {
            let cause = transition.effects.iter().find_map(|effect| match effect {
                Effect::Notify(Notice::RollbackDecided(cause) | Notice::HumanNeeded(cause)) => Some(cause.to_string()),
                Effect::Notify(Notice::Ended(_)) | Effect::PushGoal(_) | Effect::StepEnded { .. } => None,
            });
            let phase = transition.next.as_ref().map_or("", |next| next.phase.as_str());
            ("meridian".to_owned(), cause.unwrap_or_else(|| phase.to_owned()))
        }
    }
}

/// Adds what a request id has done.
pub(super) fn marked(
    txn: Txn,
    request: Option<&RequestMark>,
    resource: String,
    time: Timestamp,
) -> Result<Txn, CommitError> {
    let Some(mark) = request.filter(|_| !planted::is("request-forgotten")) else { return Ok(txn) };
    let key = layout::request(&mark.id).map_err(|invalid| CommitError::Corrupt { reason: invalid.to_string() })?;
    let done = RequestDone { body: mark.body, resource, time };
    Ok(txn.put(key, record::encode_request(&done), Expect::Absent))
}

/// Whether a decision goes back or stops: that goes through also when the store is full.
fn is_urgent(next: &Rollout) -> bool {
    match &next.phase {
        Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Failed { .. } => true,
        Phase::Running(run) => run.hold.is_some(),
        Phase::Switched { .. } | Phase::Stable { .. } | Phase::Superseded { .. } => false,
    }
}

/// The lanes as they are after a decision of `next`.
fn lanes_after(
    next: &Rollout,
    mut lanes: BTreeMap<RegionId, LaneState>,
    vetoes: &Vetoes,
) -> BTreeMap<RegionId, LaneState> {
    for region in next.plan.lanes.keys() {
        let before = lanes.get(region).cloned().unwrap_or_default();
        lanes.insert(region.clone(), lane_after(next, region, &before, vetoes));
    }
    lanes
}

/// A text as an audit entry can have it.
pub(crate) fn truncated(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    text
}

/// Refuses an order that was made on an older state of the rollout.
pub(super) fn check_etag(id: &RolloutId, etag: Option<Revision>, current: Revision) -> Result<(), EngineError> {
    match etag {
        Some(given) if given != current => {
            Err(EngineError::StaleEtag { name: id.to_string(), given: format!("{:x}", given.get()) })
        }
        Some(_) | None => Ok(()),
    }
}
