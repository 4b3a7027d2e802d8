//! One decision, one transaction: the record at the next epoch, the service's head, the audit entry chained to its
//! predecessor, the lanes where they are taken or freed, and what people are to be told of it. No other code writes these
//! keys.

use std::collections::BTreeMap;

use meridian_core::alert;
use meridian_core::audit::AuditEntry;
use meridian_core::audit::bundle::FIRST_KIND;
use meridian_core::canon::Canonical;
use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, RolloutId, ServiceId, SetId};
use meridian_core::lane::LaneState;
use meridian_core::planted;
use meridian_core::rollout::event::{AnswerGiven, Effect, Event, MemberHeard, Notice, Order, SignOff, Transition};
use meridian_core::rollout::goals::{lane_after, left_on_vetoed};
use meridian_core::rollout::state::{Identity, Phase, Rollout};
use meridian_core::rollout::supersede::{self, Superseded};
use meridian_core::rollout::veto::{Veto, Vetoes};
use meridian_core::time::Timestamp;
use meridian_store::record::{self, Head, Outgoing, RequestDone, StoredSet};
use meridian_store::{CommitError, Expect, Key, Revision, Txn, commit_known, layout};

use super::RequestMark;
use super::books::{Books, Kept};
use super::line::Line;
use crate::error::EngineError;
use crate::ownership::Claim;

/// A decision to be committed.
pub(super) struct Decision<'a> {
    pub next: &'a Rollout,
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
    /// The queue under which it begins, if it does not pass it.
    pub line: Option<&'a Line>,
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
        line,
        now,
    } = decision;
    let service = &next.plan.service;
    let part = Part { next, before, expect, kind, actor, message, now };
    let Written { txn, head: moved, audit, sayings } = write(Txn::new(), part, &head.value);
    let mut txn = txn.put(layout::head(service), record::encode_head(&moved), head.expect);
    let after = lanes.map(|lanes| (lanes_after(next, lanes.value, &moved.vetoes), lanes.expect));
    let forgotten = if next.phase.is_terminal() { "lanes-not-freed" } else { "lanes-not-taken" };
    if let Some((after, expect)) = after.filter(|_| !planted::is(forgotten)) {
        txn = txn.put(layout::lanes(service), record::encode_lanes(&after), expect);
    }
    if let Some(claim) = claim.filter(|_| !planted::is("owner-unchecked")) {
        // A replica that was frozen or cut off may still believe that it owns this; the store knows better.
        txn = txn.check(claim.key(), Expect::Created(claim.token));
    }
    let heard = sessions.into_iter().map(|(region, revision)| (layout::session(&region), Expect::At(revision)));
    for (key, expect) in known.into_iter().chain(heard) {
        txn = txn.check(key, expect);
    }
    if let Some(line) = line {
        txn = line.guard(txn, service);
    }
    txn = marked(txn, request, next.id.to_string(), now)?;
    if is_urgent(next) {
        txn = txn.urgent();
    }
    let committed = commit_known(books.store.as_ref(), txn, &audit).await?;
    let revision = committed.revision;
    Ok(Done { revision, head: Kept { value: moved, expect: Expect::At(revision) }, sayings })
}

/// What one decision writes by itself; heads and lanes are written once, whatever number of decisions there is.
struct Part<'a> {
    next: &'a Rollout,
    before: Option<&'a Rollout>,
    expect: Expect,
    kind: &'static str,
    actor: String,
    message: String,
    now: Timestamp,
}

/// A transaction with what a decision writes, and the head that follows from it.
struct Written {
    txn: Txn,
    head: Head,
    /// The key of its audit entry.
    audit: Key,
    sayings: usize,
}

/// Adds the record, the audit entry chained to the head, and what people are to be told.
fn write(txn: Txn, part: Part<'_>, head: &Head) -> Written {
    let Part { next, before, expect, kind, actor, message, now } = part;
    let service = &next.plan.service;
    let value = record::encode_rollout(next);
    let vetoes = before.and_then(|before| head.vetoes.after(before, next));
    let vetoes = vetoes.unwrap_or_else(|| head.vetoes.clone());
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
        previous: head.audit.filter(|_| !planted::is("audit-unchained")),
        change: record::encode_change(before, next),
    };
    let head = Head { epoch: next.epoch, audit: Some(entry.digest()), plan: Some(next.plan.hash()), vetoes };
    let audit = layout::audit(service, next.epoch);
    let txn = if planted::is("audit-left-out") {
        txn
    } else {
        txn.put(audit.clone(), record::encode_audit(&entry), Expect::Absent)
    };
    let (txn, sayings) = told(txn.put(layout::rollout(&next.id), value, expect), before, next);
    Written { txn, head, audit, sayings }
}

/// Two decisions that are one: a rollout ends, and another one begins over its lanes.
pub(super) struct Takeover<'a> {
    pub before: &'a Rollout,
    /// Under which the old record is replaced.
    pub expect: Expect,
    pub taken: &'a Superseded,
    pub head: &'a Kept<Head>,
    pub lanes: Kept<BTreeMap<RegionId, LaneState>>,
    pub actor: String,
    pub request: Option<&'a RequestMark>,
    pub now: Timestamp,
}

/// Commits both in one transaction: there is no moment at which the lanes are nobody's, or of two.
pub(super) async fn commit_takeover(books: &Books, takeover: Takeover<'_>) -> Result<Done, CommitError> {
    let Takeover { before, expect, taken: Superseded { old, new }, head, lanes, actor, request, now } = takeover;
    let service = &new.plan.service;
    let kind = supersede::KIND;
    let message = format!("by {}", new.id);
    let ends = Part { next: old, before: Some(before), expect, kind, actor: actor.clone(), message, now };
    let Written { txn, head: between, sayings: of_old, .. } = write(Txn::new(), ends, &head.value);
    let (kind, expect) = (FIRST_KIND, Expect::Absent);
    let hotfix = new.plan.supersedes.as_ref().and_then(|supersede| supersede.hotfix.as_ref());
    let why = hotfix.map(|hotfix| format!(" as its hotfix: {}", hotfix.reason)).unwrap_or_default();
    let message = format!("plan {}, superseding {}{why}", new.plan.hash().hex(), old.id);
    let begins = Part { next: new, before: None, expect, kind, actor, message, now };
    let Written { txn, head: moved, audit, sayings: of_new } = write(txn, begins, &between);
    let after = lanes_after(new, lanes_after(old, lanes.value, &between.vetoes), &moved.vetoes);
    let txn = txn.put(layout::head(service), record::encode_head(&moved), head.expect).put(
        layout::lanes(service),
        record::encode_lanes(&after),
        lanes.expect,
    );
    let txn = marked(txn, request, new.id.to_string(), now)?;
    let committed = commit_known(books.store.as_ref(), txn, &audit).await?;
    let revision = committed.revision;
    let head = Kept { value: moved, expect: Expect::At(revision) };
    Ok(Done { revision, head, sayings: of_old + of_new })
}

/// A decision that is committed together with those of other services.
pub(super) struct Whole<'a> {
    pub next: &'a Rollout,
    pub before: Option<&'a Rollout>,
    pub expect: Expect,
    pub head: Kept<Head>,
    pub lanes: Kept<BTreeMap<RegionId, LaneState>>,
    pub kind: &'static str,
    pub message: String,
}

/// The first decisions of all members of a set.
pub(super) struct SetBegins<'a> {
    pub id: &'a SetId,
    pub set: &'a StoredSet,
    pub parts: Vec<Whole<'a>>,
    pub request: Option<&'a RequestMark>,
    /// Queues that have to be as they were read.
    pub lines: &'a BTreeMap<ServiceId, Expect>,
}

/// Commits the beginning of a set: all members, or none.
pub(super) async fn commit_set_begins(books: &Books, begins: SetBegins<'_>) -> Result<Revision, CommitError> {
    let SetBegins { id, set, parts, request, lines } = begins;
    let (txn, audit) = write_all(parts, &set.requester, set.created);
    let txn = txn.put(layout::set(id), record::encode_set(set), Expect::Absent);
    let txn = lines.iter().fold(txn, |txn, (service, expect)| txn.check(layout::queue(service), *expect));
    let txn = marked(txn, request, id.to_string(), set.created)?;
    Ok(commit_known(books.store.as_ref(), txn, &audit).await?.revision)
}

/// The last decisions of all members of a set.
pub(super) struct SetEnds<'a> {
    pub parts: Vec<Whole<'a>>,
    /// The right to end the first of them; of the others, that nobody has gone on.
    pub claim: &'a Claim,
    pub known: Vec<(Key, Expect)>,
    pub now: Timestamp,
}

/// Commits the end of a set: all members, or none.
pub(super) async fn commit_set_ends(books: &Books, ends: SetEnds<'_>) -> Result<Revision, CommitError> {
    let SetEnds { parts, claim, known, now } = ends;
    let (txn, audit) = write_all(parts, "meridian", now);
    let txn = txn.check(claim.key(), Expect::Created(claim.token));
    // What is known of one member may be known of another: it is compared once.
    let known: BTreeMap<Key, Expect> = known.into_iter().collect();
    let txn = known.into_iter().fold(txn, |txn, (key, expect)| txn.check(key, expect));
    Ok(commit_known(books.store.as_ref(), txn, &audit).await?.revision)
}

/// The decisions of several services, each with its head and lanes, and the key of one of their audit entries.
fn write_all(parts: Vec<Whole<'_>>, actor: &str, now: Timestamp) -> (Txn, Key) {
    let (mut txn, mut audits) = (Txn::new(), Vec::new());
    for Whole { next, before, expect, head, lanes, kind, message } in parts {
        let (service, actor) = (&next.plan.service, actor.to_owned());
        let part = Part { next, before, expect, kind, actor, message, now };
        let Written { txn: written, head: moved, audit, .. } = write(txn, part, &head.value);
        let after = lanes_after(next, lanes.value, &moved.vetoes);
        txn = written.put(layout::head(service), record::encode_head(&moved), head.expect).put(
            layout::lanes(service),
            record::encode_lanes(&after),
            lanes.expect,
        );
        audits.push(audit);
    }
    (txn, audits.pop().expect("a set has members"))
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
        Some(Event::Answer(AnswerGiven { callback, said, reason, .. })) => {
            ("meridian".to_owned(), format!("{callback} answers {}: {reason}", said.as_str()))
        }
        Some(Event::Member(MemberHeard { service, standing })) => {
            ("meridian".to_owned(), format!("{service} is {}", standing.as_str()))
        }
        Some(Event::Board(order, train)) => {
            let train = train.as_deref().unwrap_or("none");
            (order.actor.clone(), format!("train {train}: {}", order.reason))
        }
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
