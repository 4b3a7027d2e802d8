//! Sets: the record of one, and what a member's record says of the others.

use std::collections::BTreeMap;

use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::plan::Plan;
use meridian_core::plan::set::MEMBERS_MAX;
use meridian_core::rollout::together::{Membership, Standing};
use meridian_core::time::Timestamp;

use super::{check_schema, schema};
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, digest, map_with, named, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// A set that was started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredSet {
    /// The rollout of each member.
    pub members: BTreeMap<ServiceId, RolloutId>,
    /// Digest of the plans of all members.
    pub digest: Digest,
    /// Who started it, as declared.
    pub requester: String,
    /// When.
    pub created: Timestamp,
}

impl TryFrom<records::SetRecord> for StoredSet {
    type Error = Invalid;

    fn try_from(wire: records::SetRecord) -> Result<Self, Invalid> {
        let records::SetRecord { schema, members, digest: plans, requester, created } = wire;
        check_schema(schema)?;
        let member = |records::SetMemberRecord { service, rollout }| {
            Ok((named("service", service, ServiceId::new)?, named("rollout", rollout, RolloutId::new)?))
        };
        Ok(Self {
            members: map_with("members", members, MEMBERS_MAX, member)?,
            digest: digest("digest", &plans)?,
            requester: text("requester", requester, RECORD_TEXT_BYTES_MAX)?,
            created: moment("created", created)?,
        })
    }
}

impl From<&StoredSet> for records::SetRecord {
    fn from(set: &StoredSet) -> Self {
        let StoredSet { members, digest, requester, created } = set;
        let member = |(service, rollout): (&ServiceId, &RolloutId)| records::SetMemberRecord {
            service: service.to_string(),
            rollout: rollout.to_string(),
        };
        Self {
            schema: schema(),
            members: members.iter().map(member).collect(),
            digest: digest.to_string(),
            requester: requester.clone(),
            created: Some(timestamp_to_wire(*created)),
        }
    }
}

/// What a member's record says of the others: there exactly if the plan is of a set, and about nobody else.
pub(super) fn member_from_wire(
    wire: Option<records::MembershipRecord>,
    plan: &Plan,
) -> Result<Option<Membership>, Invalid> {
    let (records::MembershipRecord { ripe, heard }, set) = match (wire, &plan.set) {
        (None, None) => return Ok(None),
        (Some(wire), Some(set)) => (wire, set),
        (None, Some(_)) => return Err(Invalid::missing("member")),
        (Some(_), None) => return Err(Invalid::of("", InvalidKind::NotInPlan)).at("member"),
    };
    let read = |records::HeardRecord { service, standing }| {
        let service = named("service", service, ServiceId::new)?;
        if !set.others.contains_key(&service) {
            return Err(Invalid::of(service, InvalidKind::NotInPlan)).at("service");
        }
        let known = Standing::ALL.into_iter().find(|known| known.as_str() == standing);
        let words = InvalidKind::UnknownWord("forward, switched, ripe, stable, back, failed");
        Ok((service, known.ok_or_else(|| Invalid::of(&standing, words)).at("standing")?))
    };
    let heard = map_with("heard", heard, MEMBERS_MAX, read).at("member")?;
    Ok(Some(Membership { ripe, heard }))
}

/// The same, as the record says it.
pub(super) fn member_to_wire(member: &Membership) -> records::MembershipRecord {
    let Membership { ripe, heard } = member;
    let heard = heard.iter().map(|(service, standing)| records::HeardRecord {
        service: service.to_string(),
        standing: standing.as_str().to_owned(),
    });
    records::MembershipRecord { ripe: *ripe, heard: heard.collect() }
}
