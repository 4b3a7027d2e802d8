//! `ListDecisions`: the audit chain of a service, in the order of its epochs.

use meridian_core::audit::AuditEntry;
use meridian_core::canon::Canonical as _;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_proto::convert::{name, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_store::{layout, record};
use tonic::Status;

use super::field::{self, at};
use super::{Shared, status};
use crate::error::EngineError;

/// Entries looked at for one page; a page may be shorter than asked for and still have a next one.
const SCANNED_MAX: usize = 10_000;

/// A page of decisions of a service, or of one of its rollouts.
pub(super) async fn list(
    shared: &Shared,
    request: v1::ListDecisionsRequest,
) -> Result<v1::ListDecisionsResponse, Status> {
    let v1::ListDecisionsRequest { parent, page_size, page_token } = request;
    let (service, rollout) = of(&parent)?;
    let prefix = layout::audits(&service);
    let listing = format!("decisions of {parent}");
    let mut wanted = field::page(&listing, &prefix, page_size, &page_token)?;
    let (mut decisions, mut scanned) = (Vec::new(), 0);
    loop {
        let left = wanted.size - decisions.len();
        let page = shared.catalog.entries(&prefix, wanted.after.as_ref(), left).await;
        let page = page.map_err(|error| status::refused(&error))?;
        scanned += page.items.len();
        for item in &page.items {
            // A chain with a link that can't be read is not shown as if it were whole.
            let entry = record::decode_audit(&item.key, &item.value, &service);
            let entry = entry.map_err(|error| status::refused(&EngineError::from(error)))?;
            if rollout.as_ref().is_none_or(|id| *id == entry.rollout) {
                decisions.push(view(&entry));
            }
        }
        wanted.after = page.next;
        if wanted.after.is_none() || decisions.len() >= wanted.size || scanned >= SCANNED_MAX {
            let next_page_token = field::next_page(&listing, wanted.after.as_ref());
            return Ok(v1::ListDecisionsResponse { decisions, next_page_token });
        }
    }
}

fn of(parent: &str) -> Result<(ServiceId, Option<RolloutId>), Status> {
    match name::parse_rollout(parent) {
        Ok((service, id)) => Ok((service, Some(id))),
        Err(_) => Ok((at("parent", name::parse_service(parent))?, None)),
    }
}

fn view(entry: &AuditEntry) -> v1::Decision {
    let digest = entry.digest().to_string();
    let AuditEntry { service, rollout, epoch, time, kind, actor, message, record: _, previous } = entry;
    v1::Decision {
        name: name::decision(service, *epoch),
        rollout: name::rollout(service, rollout),
        epoch: Some((*epoch).into()),
        time: Some(timestamp_to_wire(*time)),
        kind: kind.clone(),
        actor: actor.clone(),
        message: message.clone(),
        digest,
        previous_digest: previous.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}
