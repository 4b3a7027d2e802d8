//! Hotfixes: what a playbook allows them, and what a plan says of the rollout whose lanes it takes over.

use meridian_core::id::{ItemId, ServiceId};
use meridian_core::plan::supersede::REASON_BYTES_MAX;
use meridian_core::plan::{Debt, Hotfix, Supersede};
use meridian_core::playbook::validate::OWNER_BYTES_MAX;
use meridian_core::playbook::{Earns, HotfixPolicy};

use crate::convert::field::{list, list_with, named, optional, required, text, weight, word};
use crate::convert::gate::RULES_MAX;
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::name;
use crate::convert::time::{span, span_to_wire};
use crate::convert::types::weight_to_wire;
use crate::r#gen::v1;
use crate::r#gen::v1::hotfix_policy::Earns as WireEarns;

impl TryFrom<WireEarns> for Earns {
    type Error = Invalid;

    fn try_from(wire: WireEarns) -> Result<Self, Invalid> {
        match wire {
            WireEarns::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            WireEarns::Nothing => Ok(Self::Nothing),
            WireEarns::Patch => Ok(Self::Patch),
            WireEarns::Minor => Ok(Self::Minor),
        }
    }
}

impl From<Earns> for WireEarns {
    fn from(earns: Earns) -> Self {
        match earns {
            Earns::Nothing => Self::Nothing,
            Earns::Patch => Self::Patch,
            Earns::Minor => Self::Minor,
        }
    }
}

impl TryFrom<v1::HotfixPolicy> for HotfixPolicy {
    type Error = Invalid;

    fn try_from(wire: v1::HotfixPolicy) -> Result<Self, Invalid> {
        let v1::HotfixPolicy { bake_basis_points, approvals, earns, waives } = wire;
        Ok(Self {
            bake: weight("bake_basis_points", bake_basis_points)?,
            approvals: list("approvals", approvals, RULES_MAX)?,
            earns: word::<WireEarns, _>("earns", earns)?,
            waives: list_with("waives", waives, RULES_MAX, |item| named("", item, ItemId::new))?,
        })
    }
}

impl From<&HotfixPolicy> for v1::HotfixPolicy {
    fn from(policy: &HotfixPolicy) -> Self {
        let HotfixPolicy { bake, approvals, earns, waives } = policy;
        Self {
            bake_basis_points: weight_to_wire(*bake),
            approvals: approvals.iter().map(Into::into).collect(),
            earns: WireEarns::from(*earns).into(),
            waives: waives.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What a plan of this service takes over.
#[must_use]
pub fn supersede_to_wire(service: &ServiceId, supersede: &Supersede) -> v1::Supersede {
    let Supersede { rollout, release, hotfix } = supersede;
    v1::Supersede {
        rollout: name::rollout(service, rollout),
        release: Some(release.into()),
        hotfix: hotfix.as_ref().map(Into::into),
    }
}

/// What a plan takes over, and of which service.
///
/// # Errors
/// The first field that is wrong.
pub fn supersede_from_wire(wire: v1::Supersede) -> Result<(ServiceId, Supersede), Invalid> {
    let v1::Supersede { rollout, release, hotfix } = wire;
    let (service, rollout) = name::parse_rollout(&rollout).at("rollout")?;
    let (release, hotfix) = (required("release", release)?, optional("hotfix", hotfix)?);
    Ok((service, Supersede { rollout, release, hotfix }))
}

impl TryFrom<v1::Hotfix> for Hotfix {
    type Error = Invalid;

    fn try_from(wire: v1::Hotfix) -> Result<Self, Invalid> {
        let v1::Hotfix { reason, bake_basis_points, earned, debts } = wire;
        Ok(Self {
            reason: text("reason", reason, REASON_BYTES_MAX)?,
            bake: weight("bake_basis_points", bake_basis_points)?,
            earned: span("earned", earned)?,
            debts: list("debts", debts, RULES_MAX)?,
        })
    }
}

impl From<&Hotfix> for v1::Hotfix {
    fn from(hotfix: &Hotfix) -> Self {
        let Hotfix { reason, bake, earned, debts } = hotfix;
        Self {
            reason: reason.clone(),
            bake_basis_points: weight_to_wire(*bake),
            earned: Some(span_to_wire(*earned)),
            debts: debts.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Debt> for Debt {
    type Error = Invalid;

    fn try_from(wire: v1::Debt) -> Result<Self, Invalid> {
        let v1::Debt { item, kind, owner } = wire;
        Ok(Self {
            item: named("item", item, ItemId::new)?,
            kind: word::<v1::ItemKind, _>("kind", kind)?,
            owner: text("owner", owner, OWNER_BYTES_MAX)?,
        })
    }
}

impl From<&Debt> for v1::Debt {
    fn from(debt: &Debt) -> Self {
        let Debt { item, kind, owner } = debt;
        Self { item: item.to_string(), kind: v1::ItemKind::from(*kind).into(), owner: owner.clone() }
    }
}
