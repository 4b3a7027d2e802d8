//! Safety policies, in playbooks, plans and the mandates of goals, and what an agent says when it has used one.

use meridian_core::id::RolloutId;
use meridian_core::observation::WentBack;
use meridian_core::plan::Mandate;
use meridian_core::playbook::{DeadManPolicy, DriftPolicy, SafetyPolicy};

use super::field::{hash, named, optional, required};
use super::invalid::{At, Invalid, InvalidKind};
use super::time::{span, span_to_wire};
use super::types::decided;
use crate::r#gen::agent::v1 as agent;
use crate::r#gen::v1;
use crate::r#gen::v1::safety_policy as wire_safety;

/// The policy in an optional field: older writers had none, which is the default.
pub(super) fn safety_or_default(field: &str, wire: Option<v1::SafetyPolicy>) -> Result<SafetyPolicy, Invalid> {
    Ok(optional(field, wire)?.unwrap_or_default())
}

/// What is said of a policy: nothing of the default one.
pub(super) fn safety_unless_default(policy: &SafetyPolicy) -> Option<v1::SafetyPolicy> {
    (*policy != SafetyPolicy::default()).then(|| policy.into())
}

impl TryFrom<v1::SafetyPolicy> for SafetyPolicy {
    type Error = Invalid;

    fn try_from(wire: v1::SafetyPolicy) -> Result<Self, Invalid> {
        let v1::SafetyPolicy { dead_man, drift } = wire;
        let known = wire_safety::Drift::try_from(drift).map_err(|_| Invalid::of(drift, InvalidKind::UnknownEnum));
        let drift = match known.at("drift")? {
            wire_safety::Drift::Unspecified | wire_safety::Drift::Hold => DriftPolicy::Hold,
            wire_safety::Drift::Revert => DriftPolicy::Revert,
            wire_safety::Drift::Adopt => DriftPolicy::Adopt,
        };
        Ok(Self { dead_man: optional("dead_man", dead_man)?, drift })
    }
}

impl From<&SafetyPolicy> for v1::SafetyPolicy {
    fn from(policy: &SafetyPolicy) -> Self {
        let SafetyPolicy { dead_man, drift } = policy;
        let drift = match drift {
            DriftPolicy::Hold => wire_safety::Drift::Hold,
            DriftPolicy::Revert => wire_safety::Drift::Revert,
            DriftPolicy::Adopt => wire_safety::Drift::Adopt,
        };
        Self { dead_man: dead_man.as_ref().map(Into::into), drift: drift.into() }
    }
}

impl TryFrom<wire_safety::DeadMan> for DeadManPolicy {
    type Error = Invalid;

    fn try_from(wire: wire_safety::DeadMan) -> Result<Self, Invalid> {
        let wire_safety::DeadMan { alone_after, breach_for } = wire;
        Ok(Self { alone_after: span("alone_after", alone_after)?, breach_for: span("breach_for", breach_for)? })
    }
}

impl From<&DeadManPolicy> for wire_safety::DeadMan {
    fn from(policy: &DeadManPolicy) -> Self {
        let DeadManPolicy { alone_after, breach_for } = policy;
        Self { alone_after: Some(span_to_wire(*alone_after)), breach_for: Some(span_to_wire(*breach_for)) }
    }
}

impl TryFrom<agent::Mandate> for Mandate {
    type Error = Invalid;

    /// Only the policy that the plan was sealed with: what a server, or somebody between, has changed is refused here.
    fn try_from(wire: agent::Mandate) -> Result<Self, Invalid> {
        let agent::Mandate { plan, body, policy } = wire;
        let (plan, body) = (hash("plan", &plan)?, hash("body", &body)?);
        let policy = required("policy", policy)?;
        Self::open(plan, body, policy).map_err(|_| Invalid::of(plan, InvalidKind::HashMismatch)).at("plan")
    }
}

impl From<&Mandate> for agent::Mandate {
    fn from(mandate: &Mandate) -> Self {
        Self {
            plan: mandate.plan().as_bytes().to_vec(),
            body: mandate.body().as_bytes().to_vec(),
            policy: Some(mandate.policy().into()),
        }
    }
}

impl TryFrom<agent::WentBack> for WentBack {
    type Error = Invalid;

    fn try_from(wire: agent::WentBack) -> Result<Self, Invalid> {
        let agent::WentBack { rollout, epoch, verdict, confirmed } = wire;
        Ok(Self {
            rollout: named("rollout", rollout, RolloutId::new)?,
            epoch: decided("epoch", epoch)?,
            verdict: required("verdict", verdict)?,
            confirmed,
        })
    }
}

impl From<&WentBack> for agent::WentBack {
    fn from(alone: &WentBack) -> Self {
        let WentBack { rollout, epoch, verdict, confirmed } = alone;
        Self {
            rollout: rollout.to_string(),
            epoch: Some((*epoch).into()),
            verdict: Some(verdict.into()),
            confirmed: *confirmed,
        }
    }
}
