//! What a decision changed, as the audit keeps it: the rollout's record without the lanes that stayed as they were. Put
//! on top of one another, changes give back the bytes of every record that was committed. Fields that are added to the
//! record are carried without being named here.

use std::collections::BTreeMap;

use meridian_core::audit::AuditEntry;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::plan::Plan;
use meridian_core::rollout::state::{Approval, LaneProgress, Phase, Rollout, Signed};
use prost::Message as _;

use super::{audit_from_record, audit_to_record};
use crate::convert::field::{digest, required};
use crate::convert::invalid::{At as _, Invalid, InvalidKind};
use crate::convert::record::gate::{approval_from_wire, signed_from_wire};
use crate::convert::record::progress::progress_from_wire;
use crate::convert::record::rollout::with_lanes;
use crate::convert::types::decided;
use crate::r#gen::records::v1 as records;
use crate::r#gen::v1;

/// What one decision changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// What the rollout did after it.
    pub phase: Phase,
    /// The lanes that it changed, as they were after it.
    pub lanes: BTreeMap<RegionId, LaneProgress>,
    /// Who had consented to which wave after it.
    pub approvals: Vec<Approval>,
    /// Which items of the checklist were signed off after it.
    pub signed: Vec<Signed>,
    /// Digest of the whole record after it; `None` if what was before is not known.
    pub record: Option<Digest>,
}

/// The bytes of what a decision changed; all of it if there was nothing before.
#[must_use]
pub fn change_to_bytes(before: Option<&Rollout>, next: &Rollout) -> Vec<u8> {
    let changed = |region: &RegionId, lane: &LaneProgress| before.and_then(|it| it.lanes.get(region)) != Some(lane);
    with_lanes(next, changed).encode_to_vec()
}

/// Changes put on top of one another, from a rollout's first decision on.
#[derive(Debug, Default)]
pub struct Fold {
    lanes: BTreeMap<String, records::LaneProgress>,
    /// Whether a decision came whose change was not kept: from there on nothing is known.
    lost: bool,
}

impl Fold {
    /// Puts the change of `entry`, a decision of a rollout of `plan`, on top.
    ///
    /// # Errors
    /// If it does not read as a change, or is not of this plan and epoch.
    pub fn put(&mut self, entry: &AuditEntry, plan: &Plan, hash: Digest) -> Result<Option<Changed>, Invalid> {
        if entry.change.is_empty() {
            // A decision about the vetoes changes no record; one older than this field leaves a gap at the beginning.
            self.lost |= self.lanes.is_empty();
            return Ok(None);
        }
        self.put_bytes(entry, plan, hash).at("change").map(Some)
    }

    fn put_bytes(&mut self, entry: &AuditEntry, plan: &Plan, hash: Digest) -> Result<Changed, Invalid> {
        let mut record = records::RolloutRecord::decode(entry.change.as_slice()).map_err(undecodable)?;
        if record.encode_to_vec() != entry.change {
            return Err(undecodable(()));
        }
        if decided("epoch", record.epoch)? != entry.epoch {
            return Err(Invalid::contradiction("epoch", entry.epoch, "the entry's epoch"));
        }
        if digest("plan", &record.plan)? != hash {
            return Err(Invalid::contradiction("plan", &record.plan, "the plan that it is read with"));
        }
        let phase = required("phase", record.phase.clone())?;
        let approval = |wire| approval_from_wire(wire, plan);
        let approvals = record.approvals.iter().cloned().map(approval).collect::<Result<_, _>>().at("approvals")?;
        let signed = |wire| signed_from_wire(wire, plan);
        let signed = record.signed.iter().cloned().map(signed).collect::<Result<_, _>>().at("signed")?;
        let mut lanes = BTreeMap::new();
        for lane in std::mem::take(&mut record.lanes) {
            let (region, progress) = progress_from_wire(lane.clone(), plan).at("lanes")?;
            self.lanes.insert(lane.region.clone(), lane);
            lanes.insert(region, progress);
        }
        record.lanes = self.lanes.values().cloned().collect();
        let whole = (!self.lost).then(|| Digest::of(&record.encode_to_vec()));
        Ok(Changed { phase, lanes, approvals, signed, record: whole })
    }
}

/// An audit entry from bytes that say nothing besides.
///
/// # Errors
/// Bytes that are no entry of `service`, or hold more than this version can read.
pub fn audit_entry_from_bytes(service: &ServiceId, bytes: &[u8]) -> Result<AuditEntry, Invalid> {
    let record = records::AuditRecord::decode(bytes).map_err(undecodable)?;
    let entry = audit_from_record(service.clone(), record)?;
    if audit_to_record(&entry).encode_to_vec() == bytes { Ok(entry) } else { Err(undecodable(())) }
}

/// A plan from bytes that say nothing besides.
///
/// # Errors
/// Bytes that are no plan, or hold more than this version can read.
pub fn plan_from_bytes(bytes: &[u8]) -> Result<Plan, Invalid> {
    let plan = Plan::try_from(v1::Plan::decode(bytes).map_err(undecodable)?)?;
    if v1::Plan::from(&plan).encode_to_vec() == bytes { Ok(plan) } else { Err(undecodable(())) }
}

/// The epoch of a rollout's record, from its bytes.
///
/// # Errors
/// Bytes that are no record.
pub fn epoch_of_record(bytes: &[u8]) -> Result<Epoch, Invalid> {
    decided("epoch", records::RolloutRecord::decode(bytes).map_err(undecodable)?.epoch)
}

fn undecodable<E>(_: E) -> Invalid {
    Invalid::of("bytes", InvalidKind::Undecodable)
}
