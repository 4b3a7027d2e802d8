//! Who has consented to which wave of a rollout, as its record says it.

use meridian_core::id::RoleId;
use meridian_core::plan::Plan;
use meridian_core::rollout::state::{Approval, Identity};

use crate::convert::field::{RECORD_TEXT_BYTES_MAX, digest, named, position, position_to_wire, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// An approval of a wave of `plan`.
pub(super) fn approval_from_wire(wire: records::ApprovalRecord, plan: &Plan) -> Result<Approval, Invalid> {
    let records::ApprovalRecord { wave, role, actor, identity, plan: hash, digest: content, at, until, used } = wire;
    if identity != Identity::Unverified.as_str() {
        return Err(Invalid::of(identity, InvalidKind::UnknownWord("`unverified`"))).at("identity");
    }
    Ok(Approval {
        wave: position("wave", wave, plan.waves.len())?,
        role: named("role", role, RoleId::new)?,
        actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
        identity: Identity::Unverified,
        plan: digest("plan", &hash)?,
        digest: digest("digest", &content)?,
        at: moment("at", at)?,
        until: moment("until", until)?,
        used,
    })
}

/// An approval as the record says it.
pub(super) fn approval_to_wire(approval: &Approval) -> records::ApprovalRecord {
    let Approval { wave, role, actor, identity, plan, digest, at, until, used } = approval;
    records::ApprovalRecord {
        wave: position_to_wire(*wave),
        role: role.to_string(),
        actor: actor.clone(),
        identity: identity.as_str().to_owned(),
        plan: plan.to_string(),
        digest: digest.to_string(),
        at: Some(timestamp_to_wire(*at)),
        until: Some(timestamp_to_wire(*until)),
        used: *used,
    }
}
