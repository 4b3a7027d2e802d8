//! The invariant of queues. It knows the queue before and after a decision, and what began with it.

use std::collections::BTreeSet;

use super::{Broken, require};
use crate::id::{RegionId, RolloutId};
use crate::queue::{LEFT_MAX, Need, Queue, Sight, WAITING_MAX};

/// Checks a decision about a queue, `began` being the rollout that began with it, if one did, and its lanes.
#[must_use]
pub fn queueing(
    before: &Queue,
    after: &Queue,
    began: Option<(&RolloutId, &BTreeSet<RegionId>)>,
    sight: Sight<'_>,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut held = |holds: bool, what: &str| require(&mut broken, "C26", holds, || format!("{what}: {after:?}"));
    held(after.waiting.is_sorted_by(|a, b| a.number < b.number), "the order is lost");
    held(after.waiting.len() <= WAITING_MAX && after.left.len() <= LEFT_MAX, "too much is kept");
    let is_known = |request| before.waiting.contains(request) || request.number > before.asked;
    held(after.waiting.iter().all(is_known), "a request came out of nothing");
    for gone in before.waiting.iter().filter(|request| !after.waiting.contains(request)) {
        let began = began.is_some_and(|(id, _)| *id == gone.rollout);
        let left = after.left.last().is_some_and(|left| left.request == *gone);
        held(began != left, "a request is gone and neither began nor is remembered");
    }
    let Some((id, lanes)) = began else { return broken };
    held(after.find(id).is_none(), "what began waits still");
    held(before.hold.is_none() || before.find(id).is_none(), "it began from a queue that is held");
    let number = before.find(id).map_or(u64::MAX, |(_, request)| request.number);
    let mine = |regions: &BTreeSet<RegionId>| regions.is_disjoint(lanes);
    for earlier in before.waiting.iter().filter(|request| request.number < number) {
        let apart = match sight.needs.get(&earlier.rollout) {
            Some(Need::Lanes(regions, digest)) => mine(regions) || sight.vetoes.digests.contains_key(digest),
            Some(Need::Gone { .. }) => true,
            None => false,
        };
        held(apart, "an earlier request was overtaken");
    }
    broken
}
