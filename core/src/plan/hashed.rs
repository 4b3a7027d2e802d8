//! A plan that nothing changes any more, with its hash: to hash the plan of a large fleet costs more than to decide on it.

use std::ops::Deref;
use std::sync::Arc;

use super::spec::Plan;
use crate::digest::Digest;

/// A plan and its hash, which is computed once and can't come apart from it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct HashedPlan {
    hash: Digest,
    plan: Plan,
}

impl HashedPlan {
    /// The plan's identity, as [`Plan::hash`] computes it.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }
}

impl From<Plan> for HashedPlan {
    fn from(plan: Plan) -> Self {
        Self { hash: plan.hash(), plan }
    }
}

/// As records hold it.
impl From<Plan> for Arc<HashedPlan> {
    fn from(plan: Plan) -> Self {
        Self::new(plan.into())
    }
}

impl Deref for HashedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}
