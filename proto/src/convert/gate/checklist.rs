//! The checklist: what a playbook lists, and what somebody has signed off.

use meridian_core::id::ItemId;
use meridian_core::playbook::validate::OWNER_BYTES_MAX;
use meridian_core::playbook::{ChecklistItem, ItemKind};
use meridian_core::rollout::event::SignOff;
use meridian_core::rollout::gates::checklist::URI_BYTES_MAX;
use meridian_core::rollout::state::{Rollout, Signed};

use super::approval::identity_to_wire;
use crate::convert::field::{digest, named, text, word};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{span, span_to_wire, timestamp_to_wire};
use crate::r#gen::v1;

impl TryFrom<v1::ItemKind> for ItemKind {
    type Error = Invalid;

    fn try_from(wire: v1::ItemKind) -> Result<Self, Invalid> {
        match wire {
            v1::ItemKind::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::ItemKind::Tests => Ok(Self::Tests),
            v1::ItemKind::Uat => Ok(Self::Uat),
            v1::ItemKind::Load => Ok(Self::Load),
            v1::ItemKind::SecurityAudit => Ok(Self::SecurityAudit),
            v1::ItemKind::ComplianceAudit => Ok(Self::ComplianceAudit),
            v1::ItemKind::Training => Ok(Self::Training),
            v1::ItemKind::Briefing => Ok(Self::Briefing),
            v1::ItemKind::Custom => Ok(Self::Custom),
        }
    }
}

impl From<ItemKind> for v1::ItemKind {
    fn from(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Tests => Self::Tests,
            ItemKind::Uat => Self::Uat,
            ItemKind::Load => Self::Load,
            ItemKind::SecurityAudit => Self::SecurityAudit,
            ItemKind::ComplianceAudit => Self::ComplianceAudit,
            ItemKind::Training => Self::Training,
            ItemKind::Briefing => Self::Briefing,
            ItemKind::Custom => Self::Custom,
        }
    }
}

impl TryFrom<v1::ChecklistItem> for ChecklistItem {
    type Error = Invalid;

    fn try_from(wire: v1::ChecklistItem) -> Result<Self, Invalid> {
        let v1::ChecklistItem { name, kind, owner, valid_for } = wire;
        Ok(Self {
            id: named("name", name, ItemId::new)?,
            kind: word::<v1::ItemKind, _>("kind", kind)?,
            owner: text("owner", owner, OWNER_BYTES_MAX)?,
            valid_for: span("valid_for", valid_for)?,
        })
    }
}

impl From<&ChecklistItem> for v1::ChecklistItem {
    fn from(item: &ChecklistItem) -> Self {
        let ChecklistItem { id, kind, owner, valid_for } = item;
        Self {
            name: id.to_string(),
            kind: v1::ItemKind::from(*kind).into(),
            owner: owner.clone(),
            valid_for: Some(span_to_wire(*valid_for)),
        }
    }
}

/// What somebody signs off: everything is needed.
///
/// # Errors
/// The first field that is wrong.
pub fn sign_off_from_wire(item: String, uri: String, evidence: &str) -> Result<SignOff, Invalid> {
    let (item, evidence) = (item_from_wire(item)?, digest("evidence_digest", evidence)?);
    if uri.trim().is_empty() {
        return Err(Invalid::of("", InvalidKind::Missing)).at("evidence_uri");
    }
    let uri = text("evidence_uri", uri, URI_BYTES_MAX)?;
    if !is_address(&uri) {
        return Err(Invalid::of(&uri, InvalidKind::NoAddress)).at("evidence_uri");
    }
    Ok(SignOff { item, uri, evidence })
}

/// Whether it names a place, `https://…` or `s3://…`: what is shown as a link must not be able to run (`javascript:`, `data:`).
fn is_address(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let named = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    // `//` begins a comment there.
    named
        && !scheme.eq_ignore_ascii_case("javascript")
        && !rest.is_empty()
        && uri.chars().all(|sign| !sign.is_control() && !sign.is_whitespace())
}

/// The name of an item.
///
/// # Errors
/// If it is none.
pub fn item_from_wire(item: String) -> Result<ItemId, Invalid> {
    named("item", item, ItemId::new)
}

/// The checklist of a rollout, for people.
#[must_use]
pub fn checklist_to_wire(rollout: &Rollout) -> Vec<v1::ChecklistEntry> {
    let entry = |item: &ChecklistItem| {
        let signed = rollout.signed.iter().find(|signed| signed.item == item.id);
        v1::ChecklistEntry { item: Some(item.into()), sign_off: signed.map(signed_to_wire) }
    };
    rollout.plan.checklist.iter().map(entry).collect()
}

fn signed_to_wire(signed: &Signed) -> v1::SignOff {
    let Signed { item: _, actor, identity, uri, evidence, digest, at, until, used } = signed;
    v1::SignOff {
        actor: actor.clone(),
        identity: identity_to_wire(*identity).into(),
        evidence_uri: uri.clone(),
        evidence_digest: evidence.to_string(),
        digest: digest.to_string(),
        time: Some(timestamp_to_wire(*at)),
        expire_time: Some(timestamp_to_wire(*until)),
        used: *used,
    }
}
