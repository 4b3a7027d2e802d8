//! Sets in the shell: all members begin in one transaction and end in one; in between each hears of the others by their
//! records. What follows from that is `core`'s to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::audit::bundle::FIRST_KIND;
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId, SetId};
use meridian_core::plan::HashedPlan;
use meridian_core::planted;
use meridian_core::rollout::event::MemberHeard;
use meridian_core::rollout::open::open;
use meridian_core::rollout::state::Rollout;
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::together::{Standing, finish};
use meridian_store::record::StoredSet;
use meridian_store::{CommitError, Expect, layout};
use tokio::time::Instant;

use super::books::Request;
use super::commit::{SetBegins, SetEnds, Whole, commit_set_begins, commit_set_ends};
use super::{Engine, RequestMark};
use crate::error::EngineError;

/// How often lanes and heads are read again after somebody else changed them.
const CONFLICTS_MAX: u32 = 10;

/// An order to start a set.
#[derive(Clone, Debug)]
pub struct SetOrder {
    /// Its name.
    pub id: SetId,
    /// What each member executes, and what its rollout is called; all plans are of this set.
    pub members: BTreeMap<ServiceId, (RolloutId, Arc<HashedPlan>)>,
    /// Digest of all plans.
    pub digest: Digest,
    /// Declared name of who starts it.
    pub actor: String,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
    /// The queues of its members have to be as they were read; none: it passes them.
    pub lines: BTreeMap<ServiceId, Expect>,
}

impl Engine {
    /// Starts all members of a set, or none.
    ///
    /// # Errors
    /// If a member can't be started as a rollout of its own could not, a name is taken, or the store fails.
    pub async fn start_set(&self, order: &SetOrder) -> Result<(), EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if let Some(mark) = &order.request
                && let Request::Done(_) = self.shared.books.request(mark).await?
            {
                return Ok(());
            }
            if self.try_start_set(order).await? {
                return Ok(());
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(EngineError::Contended { key: order.id.to_string() })
    }

    /// One try; `false`: somebody else changed lanes in between.
    async fn try_start_set(&self, order: &SetOrder) -> Result<bool, EngineError> {
        let (books, now, actor) = (&self.shared.books, self.shared.clock.now(), &order.actor);
        let (mut opened, mut read) = (Vec::new(), Vec::new());
        for (service, (id, plan)) in &order.members {
            self.refuse_draining(plan).await?;
            let (head, lanes) = (books.head(service).await?, books.lanes(service).await?);
            let (moment, vetoes) = (Moment { now, head: head.value.epoch }, &head.value.vetoes);
            opened.push(open(id.clone(), plan.clone(), actor.clone(), &lanes.value, vetoes, moment)?);
            read.push((head, lanes));
        }
        let parts = opened.iter().zip(read).map(|(next, (head, lanes))| {
            let message = format!("plan {}, in set {}", next.plan.hash().hex(), order.id);
            Whole { next, before: None, expect: Expect::Absent, head, lanes, kind: FIRST_KIND, message }
        });
        let set = StoredSet {
            members: order.members.iter().map(|(service, (id, _))| (service.clone(), id.clone())).collect(),
            digest: order.digest,
            requester: actor.clone(),
            created: now,
        };
        let (parts, request) = (parts.collect(), order.request.as_ref());
        let began = Instant::now();
        match commit_set_begins(books, SetBegins { id: &order.id, set: &set, parts, request, lines: &order.lines })
            .await
        {
            Ok(revision) => {
                for record in opened {
                    self.shared.metrics.committed(FIRST_KIND, began.elapsed());
                    self.start_runner(Arc::new(record), revision);
                }
                Ok(true)
            }
            Err(CommitError::Conflict { key }) if key == layout::set(&order.id) => {
                Err(EngineError::AlreadyExists { kind: "set", name: order.id.to_string() })
            }
            // Whoever read the queues has to read them again.
            Err(CommitError::Conflict { key }) if order.lines.keys().any(|service| key == layout::queue(service)) => {
                Err(EngineError::Contended { key: key.as_str().to_owned() })
            }
            Err(CommitError::Conflict { key }) => {
                let taken = opened.iter().find(|record| key == layout::rollout(&record.id));
                taken.map_or(Ok(false), |record| {
                    Err(EngineError::AlreadyExists { kind: "rollout", name: record.id.to_string() })
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a member has to hear of the others: where they are elsewhere than it knows.
    pub(super) async fn heard_of_others(&self, record: &Rollout) -> Result<Vec<MemberHeard>, EngineError> {
        let (Some(set), Some(member)) = (&record.plan.set, &record.member) else { return Ok(Vec::new()) };
        let mut news = Vec::new();
        for (service, id) in &set.others {
            let known = member.heard.get(service).copied().unwrap_or_default();
            if matches!(known, Standing::Stable | Standing::Back | Standing::Failed) {
                continue;
            }
            let held = self.known_runner(id).and_then(|handle| handle.held.borrow().clone());
            let other = match held {
                Some((other, _)) => other,
                None => self.shared.books.rollout(id).await?.0,
            };
            let standing = Standing::of(&other);
            if standing != known && !planted::is("set-untold") {
                news.push(MemberHeard { service: service.clone(), standing });
            }
        }
        Ok(news)
    }

    /// The other members look again: this one has gone on.
    pub(super) fn tell_others(&self, record: &Rollout) {
        let others = record.plan.set.iter().flat_map(|set| set.others.values());
        others.filter_map(|id| self.known_runner(id)).for_each(|handle| handle.look_again());
    }

    /// Ends a set whose members are all ripe: done by whoever owns the first of them. Says whether it ended.
    pub(super) async fn end_set(&self, record: &Rollout) -> Result<bool, EngineError> {
        let Some(set) = &record.plan.set else { return Ok(false) };
        let is_first = set.others.keys().all(|other| *other > record.plan.service);
        let Some(claim) = self.shared.ownership.claim(&record.plan.service).filter(|_| is_first) else {
            return Ok(false);
        };
        if Standing::of(record) != Standing::Ripe {
            return Ok(false);
        }
        let (books, now) = (&self.shared.books, self.shared.clock.now());
        let (mut records, mut read) = (Vec::new(), Vec::new());
        for id in [&record.id].into_iter().chain(set.others.values()) {
            let (member, revision) = books.rollout(id).await?;
            let service = &member.plan.service;
            let (head, lanes) = (books.head(service).await?, books.lanes(service).await?);
            if head.value.epoch < member.epoch {
                // The head was read before a decision that the record shows already.
                return Ok(false);
            }
            records.push((member, Moment { now, head: head.value.epoch }));
            read.push((revision, head, lanes));
        }
        let members: Vec<_> = records.iter().map(|(member, moment)| (member.as_ref(), *moment)).collect();
        let Some(ended) = finish(&members) else { return Ok(false) };
        if !self.shared.known(&record.plan).has_stops() {
            return Ok(false);
        }
        let known = records.iter().zip(&ended).filter_map(|((before, _), end)| Some((before, end.next.as_ref()?)));
        let known = known.flat_map(|(before, next)| self.shared.known(&before.plan).checks(before, next)).collect();
        let parts = records.iter().zip(&ended).zip(read).filter_map(|(((before, _), end), (revision, head, lanes))| {
            let (next, before) = (end.next.as_ref()?, Some(before.as_ref()));
            let message = format!("with all of set {}", set.id);
            Some(Whole { next, before, expect: Expect::At(revision), head, lanes, kind: end.kind, message })
        });
        let parts = parts.collect();
        let began = Instant::now();
        match commit_set_ends(books, SetEnds { parts, claim: &claim, known, now }).await {
            Ok(_revision) => {
                for (next, kind) in ended.iter().filter_map(|end| Some((end.next.as_ref()?, end.kind))) {
                    self.shared.metrics.committed(kind, began.elapsed());
                    self.shared.trace.ended(next, now);
                    tracing::info!(rollout = %next.id, epoch = %next.epoch, set = %set.id, kind, "decided");
                }
                self.shared.bell.ring();
                for id in set.others.values() {
                    self.show(id).await;
                }
                Ok(true)
            }
            // Somebody went on meanwhile; what is ripe then ends at the next look.
            Err(CommitError::Conflict { key }) => {
                if key == claim.key() {
                    self.shared.ownership.lost(&claim);
                }
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
