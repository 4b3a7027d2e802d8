//! Who has consented to which wave of a rollout, and what is signed off, as its record says it.

use meridian_core::id::{ItemId, RoleId};
use meridian_core::plan::Plan;
use meridian_core::rollout::state::{Approval, Identity, Signed};

use crate::convert::field::{RECORD_TEXT_BYTES_MAX, digest, named, position, position_to_wire, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// An approval of a wave of `plan`.
pub(in crate::convert::record) fn approval_from_wire(
    wire: records::ApprovalRecord,
    plan: &Plan,
) -> Result<Approval, Invalid> {
    let records::ApprovalRecord { wave, role, actor, identity, plan: hash, digest: content, at, until, used } = wire;
    let identity = identity_from_wire(identity)?;
    Ok(Approval {
        wave: position("wave", wave, plan.waves.len())?,
        role: named("role", role, RoleId::new)?,
        actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
        identity,
        plan: digest("plan", &hash)?,
        digest: digest("digest", &content)?,
        at: moment("at", at)?,
        until: moment("until", until)?,
        used,
    })
}

fn identity_from_wire(word: String) -> Result<Identity, Invalid> {
    if word == Identity::Unverified.as_str() {
        Ok(Identity::Unverified)
    } else {
        Err(Invalid::of(word, InvalidKind::UnknownWord("`unverified`"))).at("identity")
    }
}

/// A sign-off of an item that `plan` lists.
pub(in crate::convert::record) fn signed_from_wire(
    wire: records::SignOffRecord,
    plan: &Plan,
) -> Result<Signed, Invalid> {
    let records::SignOffRecord { item, actor, identity, uri, evidence, digest: content, at, until, used } = wire;
    let item = named("item", item, ItemId::new)?;
    if plan.checklist.iter().all(|known| known.id != item) {
        return Err(Invalid::of(item, InvalidKind::NotInPlan)).at("item");
    }
    Ok(Signed {
        item,
        actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
        identity: identity_from_wire(identity)?,
        uri: text("uri", uri, RECORD_TEXT_BYTES_MAX)?,
        evidence: digest("evidence", &evidence)?,
        digest: digest("digest", &content)?,
        at: moment("at", at)?,
        until: moment("until", until)?,
        used,
    })
}

/// A sign-off as the record says it.
pub(in crate::convert::record) fn signed_to_wire(signed: &Signed) -> records::SignOffRecord {
    let Signed { item, actor, identity, uri, evidence, digest, at, until, used } = signed;
    records::SignOffRecord {
        item: item.to_string(),
        actor: actor.clone(),
        identity: identity.as_str().to_owned(),
        uri: uri.clone(),
        evidence: evidence.to_string(),
        digest: digest.to_string(),
        at: Some(timestamp_to_wire(*at)),
        until: Some(timestamp_to_wire(*until)),
        used: *used,
    }
}

/// An approval as the record says it.
pub(in crate::convert::record) fn approval_to_wire(approval: &Approval) -> records::ApprovalRecord {
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
