//! Queues: every commit that touches one, or begins a rollout that may not pass it, and how long what could begin waits.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::invariants::{self, Broken};
use meridian_core::lane::LaneState;
use meridian_core::queue::{Left, Need, Queue, REMOVED, Request, Sight, Turn};
use meridian_core::rollout::state::Rollout;
use meridian_store::layout::Place;
use meridian_store::record;

use super::books::{Written, require};
use super::{Books, Oracle};
use crate::scenario::digest_of;

impl Oracle {
    /// What waits for its lanes, and what becomes of it now.
    pub fn waiting(&self) -> Vec<(RolloutId, Turn)> {
        let books = self.books();
        let mut all = Vec::new();
        for (service, queue) in &books.queues {
            let turns = books.sighted(service, queue, |sight| queue.turns(sight));
            all.extend(queue.waiting.iter().map(|request| request.rollout.clone()).zip(turns));
        }
        all
    }
}

impl Books {
    /// Holds what a commit does to queues. Called before anything of it is taken in.
    pub(super) fn in_line(&mut self, written: &[Written], broken: &mut Vec<Broken>) {
        let begun: BTreeMap<ServiceId, Rollout> = written.iter().filter_map(|one| self.begun(one)).collect();
        let changed = written.iter().filter_map(|one| {
            let Place::Queue(service) = &one.place else { return None };
            Some((service.clone(), record::decode_queue(&one.key, &one.value)))
        });
        let mut after: BTreeMap<ServiceId, Queue> = BTreeMap::new();
        for (service, queue) in changed {
            match queue {
                Ok(queue) => {
                    after.insert(service, queue);
                }
                Err(error) => broken.push(Broken { id: "S27", what: format!("the queue of {service}: {error}") }),
            }
        }
        let services: BTreeSet<ServiceId> = begun.keys().chain(after.keys()).cloned().collect();
        for service in services {
            let before = self.queues.get(&service).cloned().unwrap_or_default();
            let next = after.remove(&service).unwrap_or_else(|| before.clone());
            let lanes = begun.get(&service).map(|record| (&record.id, record.lanes.keys().cloned().collect()));
            let began = lanes.as_ref().map(|(id, lanes): &(&RolloutId, BTreeSet<RegionId>)| (*id, lanes));
            broken.extend(self.sighted(&service, &before, |sight| invariants::queueing(&before, &next, began, sight)));
            let news = next.left.last().filter(|left| before.left.last() != Some(*left));
            if let Some(left) = news {
                require(broken, "C26", self.is_true(&service, left), || format!("taken out for no reason: {left:?}"));
            }
            self.queues.insert(service, next);
        }
    }

    /// A rollout that begins here and may not pass the queue.
    fn begun(&self, one: &Written) -> Option<(ServiceId, Rollout)> {
        let Place::Rollout(id) = &one.place else { return None };
        let record = (!self.rollouts.contains_key(id)).then(|| self.decoded(one)).flatten()?;
        let passes = record.plan.supersedes.is_some() || record.plan.join.is_some();
        (!passes).then(|| (record.plan.service.clone(), record))
    }

    /// All playbooks here take every region that is registered.
    fn sighted<T>(&self, service: &ServiceId, queue: &Queue, judge: impl FnOnce(Sight<'_>) -> T) -> T {
        let all: BTreeSet<RegionId> = self.regions.keys().cloned().collect();
        let need = |request: &Request| {
            (request.rollout.clone(), Need::Lanes(all.clone(), digest_of(service, &request.release)))
        };
        let needs = queue.waiting.iter().map(need).collect();
        let lanes = self.lanes.get(service).cloned().unwrap_or_default();
        let vetoes = self.heads.get(service).map(|head| head.vetoes.clone()).unwrap_or_default();
        judge(Sight { needs: &needs, lanes: &lanes, vetoes: &vetoes })
    }

    /// Whether what is remembered of a request that never began is so.
    fn is_true(&self, service: &ServiceId, left: &Left) -> bool {
        let digest = digest_of(service, &left.request.release);
        let has = |lane: &LaneState| lane.stable.as_ref().is_some_and(|placed| placed.release.digest == digest);
        match left.code.as_str() {
            REMOVED => left.said.actor != "meridian",
            "DIGEST_VETOED" => self.heads.get(service).is_some_and(|head| head.vetoes.digests.contains_key(&digest)),
            "NOTHING_TO_DO" => self.lanes.get(service).is_some_and(|lanes| lanes.values().all(has)),
            _ => false,
        }
    }
}
