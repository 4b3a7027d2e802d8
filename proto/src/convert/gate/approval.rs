//! Consent: what a wave asks for, and what somebody has given.

use meridian_core::id::{RoleId, WaveId};
use meridian_core::playbook::ApprovalRule;
use meridian_core::rollout::event::Consent;
use meridian_core::rollout::state::{Approval, Identity, Rollout};

use crate::convert::field::named;
use crate::convert::invalid::Invalid;
use crate::convert::name;
use crate::convert::plan::plan_or_none;
use crate::convert::time::{span, span_to_wire, timestamp_to_wire};
use crate::r#gen::v1;

/// The most rules of one message; the rules of playbooks allow fewer.
pub(crate) const RULES_MAX: usize = 100;

impl TryFrom<v1::ApprovalRule> for ApprovalRule {
    type Error = Invalid;

    fn try_from(wire: v1::ApprovalRule) -> Result<Self, Invalid> {
        let v1::ApprovalRule { role, count, valid_for } = wire;
        Ok(Self { role: named("role", role, RoleId::new)?, count, valid_for: span("valid_for", valid_for)? })
    }
}

impl From<&ApprovalRule> for v1::ApprovalRule {
    fn from(rule: &ApprovalRule) -> Self {
        let ApprovalRule { role, count, valid_for } = rule;
        Self { role: role.to_string(), count: *count, valid_for: Some(span_to_wire(*valid_for)) }
    }
}

/// What somebody consents to: a role is needed, wave and plan may be left out.
///
/// # Errors
/// The first field that is wrong.
pub fn consent_from_wire(wave: String, role: String, plan: &str) -> Result<Consent, Invalid> {
    let wave = if wave.is_empty() { None } else { Some(named("wave", wave, WaveId::new)?) };
    Ok(Consent { wave, role: named("role", role, RoleId::new)?, plan: plan_or_none("plan", plan)? })
}

pub(super) fn identity_to_wire(identity: Identity) -> v1::approval::Identity {
    match identity {
        Identity::Unverified => v1::approval::Identity::Unverified,
    }
}

/// An approval of a rollout, for people.
#[must_use]
pub fn approval_to_wire(rollout: &Rollout, approval: &Approval) -> v1::Approval {
    let Approval { wave, role, actor, identity, plan, digest, at, until, used } = approval;
    v1::Approval {
        wave: rollout.plan.waves.get(*wave).map(|planned| planned.id.to_string()).unwrap_or_default(),
        role: role.to_string(),
        actor: actor.clone(),
        identity: identity_to_wire(*identity).into(),
        plan: name::plan(plan),
        digest: digest.to_string(),
        time: Some(timestamp_to_wire(*at)),
        expire_time: Some(timestamp_to_wire(*until)),
        used: *used,
    }
}
