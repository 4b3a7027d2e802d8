//! What becomes of a request at once: it starts, waits, takes over, or is refused.

use std::collections::BTreeSet;

use super::concurrency::Concurrency;
use super::{QueueRefused, Request};
use crate::id::RolloutId;

/// What a request is answered.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Answer {
    /// Its lanes are free and nobody was first.
    Start,
    /// It waits in the queue.
    Wait,
    /// It takes over from this rollout.
    Supersede(RolloutId),
    /// These rollouts hold its lanes, and the policy refuses that.
    Held,
}

/// Answers a request by the policy, with the rollouts that hold its lanes and the earlier request that waits for some of
/// them. Free lanes are free whatever the policy, unless somebody waits for them; whoever supersedes passes the queue.
///
/// # Errors
/// If somebody was first and the policy is not to wait; if there are several to supersede.
pub fn answer(
    policy: Concurrency,
    holders: &BTreeSet<RolloutId>,
    ahead: Option<&Request>,
) -> Result<Answer, QueueRefused> {
    let (one, other) = (holders.first(), holders.iter().nth(1));
    match (policy, one, other, ahead) {
        (_, None, _, None) => Ok(Answer::Start),
        (Concurrency::Queue, _, _, _) => Ok(Answer::Wait),
        (Concurrency::Supersede, Some(one), None, _) => Ok(Answer::Supersede(one.clone())),
        (Concurrency::Supersede, Some(one), Some(other), _) => {
            Err(QueueRefused::ManyHolders(one.clone(), other.clone()))
        }
        (Concurrency::Reject, Some(_), _, _) => Ok(Answer::Held),
        (Concurrency::Reject | Concurrency::Supersede, None, _, Some(ahead)) => {
            Err(QueueRefused::Behind(ahead.rollout.clone()))
        }
    }
}
