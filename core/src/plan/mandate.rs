//! The mandate: what a plan allows its agents to do on their own, in a form that proves that it is this plan's.
//!
//! The hash of a plan with a safety policy is the hash over two parts, everything else and the policy. Whoever holds the
//! first part's digest and the policy can compute the plan's name, and so needs nothing else to know what was planned.

use crate::canon::{Canon, Canonical};
use crate::digest::Digest;
use crate::playbook::SafetyPolicy;

/// A safety policy with the plan that it belongs to.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Mandate {
    plan: Digest,
    body: Digest,
    policy: SafetyPolicy,
}

/// A policy that is not the one of the plan it is said to belong to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("the safety policy is not the one of plan {plan}")]
pub struct NotOfPlan {
    /// The plan.
    pub plan: Digest,
}

impl Mandate {
    /// The mandate of the plan that consists of `body` and `policy`.
    #[must_use]
    pub fn seal(body: Digest, policy: SafetyPolicy) -> Self {
        Self { plan: Sealed { body: &body, policy: &policy }.digest(), body, policy }
    }

    /// A mandate that came from elsewhere.
    ///
    /// # Errors
    /// If the policy is not the one of the plan.
    pub fn open(plan: Digest, body: Digest, policy: SafetyPolicy) -> Result<Self, NotOfPlan> {
        let sealed = Self::seal(body, policy);
        if sealed.plan == plan { Ok(sealed) } else { Err(NotOfPlan { plan }) }
    }

    /// The plan's name.
    #[must_use]
    pub const fn plan(&self) -> Digest {
        self.plan
    }

    /// The digest of everything in the plan but the policy.
    #[must_use]
    pub const fn body(&self) -> Digest {
        self.body
    }

    /// What is allowed.
    #[must_use]
    pub const fn policy(&self) -> &SafetyPolicy {
        &self.policy
    }
}

struct Sealed<'a> {
    body: &'a Digest,
    policy: &'a SafetyPolicy,
}

impl Canonical for Sealed<'_> {
    fn feed(&self, canon: &mut Canon) {
        canon.text("meridian.plan.v2").value(self.body).value(self.policy);
    }
}

impl Canonical for Mandate {
    fn feed(&self, canon: &mut Canon) {
        canon.text("mandate").value(&self.plan).value(&self.policy);
    }
}
