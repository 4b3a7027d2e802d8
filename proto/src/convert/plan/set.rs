//! What a plan says of the set that its rollout is a member of.

use meridian_core::plan::SetPlan;
use meridian_core::plan::set::MEMBERS_MAX;

use crate::convert::field::{list_with, map_with};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::name;
use crate::r#gen::v1;

impl TryFrom<v1::SetPlan> for SetPlan {
    type Error = Invalid;

    fn try_from(wire: v1::SetPlan) -> Result<Self, Invalid> {
        let v1::SetPlan { name: resource, others, after } = wire;
        let others = map_with("others", others, MEMBERS_MAX, |other| name::parse_rollout(&other))?;
        let after = list_with("after", after, MEMBERS_MAX, |service| {
            let service = name::parse_service(&service)?;
            let is_member = others.contains_key(&service);
            if is_member { Ok(service) } else { Err(Invalid::of(service, InvalidKind::NotInPlan)) }
        })?;
        Ok(Self { id: name::parse_set(&resource).at("name")?, others, after: after.into_iter().collect() })
    }
}

impl From<&SetPlan> for v1::SetPlan {
    fn from(set: &SetPlan) -> Self {
        let SetPlan { id, others, after } = set;
        Self {
            name: name::set(id),
            others: others.iter().map(|(service, rollout)| name::rollout(service, rollout)).collect(),
            after: after.iter().map(name::service).collect(),
        }
    }
}
