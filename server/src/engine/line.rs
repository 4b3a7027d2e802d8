//! The queue, as far as the start of a rollout is concerned: under which state of it a rollout begins, and that a request
//! leaves it in the same transaction. Whose turn it is, is said elsewhere.

use meridian_core::digest::Digest;
use meridian_core::id::ServiceId;
use meridian_core::planted;
use meridian_core::queue::{Queue, Request};
use meridian_store::{Expect, Txn, layout, record};

/// Where a start stands in the queue of its service.
#[derive(Clone, Debug)]
pub struct Line {
    /// The queue has to be as it was read.
    pub expect: Expect,
    /// The request that begins, and the queue without it; `None`: nothing of it waited.
    pub begins: Option<(Queue, Request)>,
}

impl Line {
    /// Adds the compare, and the queue without what begins.
    pub(super) fn guard(&self, txn: Txn, service: &ServiceId) -> Txn {
        let key = layout::queue(service);
        match &self.begins {
            Some((queue, _)) if !planted::is("queue-not-left") => {
                txn.put(key, record::encode_queue(queue), self.expect)
            }
            Some(_) | None => txn.check(key, self.expect),
        }
    }

    /// What the audit says of the start.
    pub(super) fn message(&self, plan: Digest) -> String {
        let plan = plan_named(plan);
        match &self.begins {
            Some((_, request)) if request.said.reason.is_empty() => {
                format!("{plan}, from the queue: {}", asked(request))
            }
            Some((_, request)) => format!("{plan}, from the queue: {}: {}", asked(request), request.said.reason),
            None => plan,
        }
    }
}

fn asked(request: &Request) -> String {
    format!("request {} of {}", request.number, request.said.actor)
}

/// A plan as the audit names it.
pub(super) fn plan_named(plan: Digest) -> String {
    format!("plan {}", plan.hex())
}
