//! Audit entries. Each carries its own digest; one that was changed after it was written is refused.

pub(super) mod change;

use meridian_core::audit::AuditEntry;
use meridian_core::canon::Canonical;
use meridian_core::id::{RolloutId, ServiceId};

use super::{check_schema, schema};
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, digest, digest_or_none, named_or_none, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::convert::types::decided;
use crate::r#gen::records::v1 as records;

/// An entry of the chain of `service`, which the record does not repeat.
///
/// # Errors
/// The first field that is wrong; a digest that is not that of the entry.
pub fn audit_from_record(service: ServiceId, wire: records::AuditRecord) -> Result<AuditEntry, Invalid> {
    let records::AuditRecord {
        schema,
        rollout,
        epoch,
        time,
        kind,
        actor,
        message,
        record_digest,
        previous_digest,
        digest: own,
        change,
    } = wire;
    check_schema(schema)?;
    let entry = AuditEntry {
        service,
        rollout: named_or_none("rollout", rollout, RolloutId::new)?,
        epoch: decided("epoch", epoch)?,
        time: moment("time", time)?,
        kind: text("kind", kind, RECORD_TEXT_BYTES_MAX)?,
        actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
        message: text("message", message, RECORD_TEXT_BYTES_MAX)?,
        record: digest("record_digest", &record_digest)?,
        previous: digest_or_none("previous_digest", &previous_digest)?,
        change: change.into(),
    };
    let own = digest("digest", &own)?;
    if own == entry.digest() { Ok(entry) } else { Err(Invalid::of(own, InvalidKind::HashMismatch)).at("digest") }
}

/// An entry as its record says it.
#[must_use]
pub fn audit_to_record(entry: &AuditEntry) -> records::AuditRecord {
    let AuditEntry { service: _, rollout, epoch, time, kind, actor, message, record, previous, change } = entry;
    records::AuditRecord {
        schema: schema(),
        rollout: rollout.as_ref().map(ToString::to_string).unwrap_or_default(),
        epoch: Some((*epoch).into()),
        time: Some(timestamp_to_wire(*time)),
        kind: kind.clone(),
        actor: actor.clone(),
        message: message.clone(),
        record_digest: record.to_string(),
        previous_digest: previous.as_ref().map(ToString::to_string).unwrap_or_default(),
        digest: entry.digest().to_string(),
        change: change.clone().into(),
    }
}
