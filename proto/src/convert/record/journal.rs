//! An agent's journal: the goal accepted last, whether it was confirmed, and what its service had vetoed, as bytes for its
//! disk.

use meridian_core::agent::{Alone, LaneMemory, VetoList};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::RegionId;
use meridian_core::observation::WentBack;
use prost::Message;
use prost::bytes::Bytes;

use super::{check_schema, schema};
use crate::convert::field::hash;
use crate::convert::goal::{goal_from_wire, vetoes_from_wire, vetoes_to_wire};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::r#gen::agent::v1 as agent;
use crate::r#gen::records::v1 as records;

/// The bytes of a lane's memory; `None` while it remembers no goal: without one nothing is ever started.
#[must_use]
pub fn encode_journal(memory: &LaneMemory) -> Option<Vec<u8>> {
    let intent = memory.intent()?;
    let goal = agent::Goal::from(intent).encode_to_vec();
    let alone = memory.alone_mark().map(|mark| agent::WentBack::from(&mark).encode_to_vec()).unwrap_or_default();
    let done = memory.is_done();
    let checksum = checksum(&goal, done, &alone).as_bytes().to_vec().into();
    let (vetoes, vetoes_checksum) = vetoes_to_record(intent, memory.vetoes());
    let (schema, goal, alone) = (schema(), goal.into(), alone.into());
    let record = records::JournalRecord { schema, goal, done, checksum, alone, vetoes, vetoes_checksum };
    Some(record.encode_to_vec())
}

/// A lane's memory in `region`. Everything in it is under a checksum, so that a torn or flipped byte is not obeyed.
///
/// # Errors
/// Bytes that are no journal entry, of a newer schema, or not what was written.
pub fn decode_journal(region: &RegionId, bytes: &[u8]) -> Result<LaneMemory, Invalid> {
    let undecodable = |_| Invalid::of(bytes.len(), InvalidKind::Undecodable);
    let records::AnyRecord { schema } = records::AnyRecord::decode(bytes).map_err(undecodable)?;
    check_schema(schema)?;
    let records::JournalRecord { schema: _, goal, done, checksum: carried, alone, vetoes, vetoes_checksum } =
        records::JournalRecord::decode(bytes).map_err(undecodable)?;
    if hash("checksum", &carried)? != checksum(&goal, done, &alone) {
        return Err(Invalid::of(goal.len(), InvalidKind::HashMismatch)).at("checksum");
    }
    let goal = agent::Goal::decode(goal).map_err(undecodable).at("goal")?;
    let goal = goal_from_wire(region, goal).at("goal")?;
    let vetoes = vetoes_from_record(&goal, &vetoes, &vetoes_checksum).at("vetoes")?;
    if alone.is_empty() {
        return Ok(LaneMemory::recalled(goal, done).with_vetoes(vetoes));
    }
    let mark = agent::WentBack::decode(alone).map_err(undecodable).at("alone")?;
    let WentBack { rollout, epoch, verdict, confirmed } = mark.try_into().at("alone")?;
    if done || rollout != goal.rollout || epoch != goal.epoch {
        return Err(Invalid::contradiction("alone", epoch, "the goal"));
    }
    Ok(LaneMemory::recalled_alone(goal, Alone { verdict, confirmed }).with_vetoes(vetoes))
}

/// The list and its checksum; nothing if none was heard.
fn vetoes_to_record(goal: &Goal, list: &VetoList) -> (Bytes, Bytes) {
    if list.at == Epoch::ZERO {
        return Default::default();
    }
    let list = vetoes_to_wire(&goal.lane.service, list).encode_to_vec();
    let checksum = Digest::of(&list).as_bytes().to_vec();
    (list.into(), checksum.into())
}

fn vetoes_from_record(goal: &Goal, list: &[u8], carried: &[u8]) -> Result<VetoList, Invalid> {
    if list.is_empty() && carried.is_empty() {
        return Ok(VetoList::default());
    }
    if hash("", carried)? != Digest::of(list) {
        return Err(Invalid::of(list.len(), InvalidKind::HashMismatch));
    }
    let wire = agent::VetoList::decode(list).map_err(|_| Invalid::of(list.len(), InvalidKind::Undecodable))?;
    let (service, list) = vetoes_from_wire(wire)?;
    if service != goal.lane.service {
        return Err(Invalid::contradiction("service", service, "the goal"));
    }
    Ok(list)
}

fn checksum(goal: &[u8], done: bool, alone: &[u8]) -> Digest {
    let mut covered = goal.to_vec();
    covered.push(u8::from(done));
    covered.extend_from_slice(alone);
    Digest::of(&covered)
}
