//! `ListDecisions`: the audit chain of a service, in the order of its epochs.

use meridian_core::audit::AuditEntry;
use meridian_core::canon::Canonical as _;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_proto::convert::{name, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_store::{Key, layout, record};
use tonic::Status;

use crate::error::EngineError;
use crate::grpc::field::{self, at};
use crate::grpc::{Shared, status};

/// Entries looked at for one page; a page may be shorter than asked for and still have a next one.
const SCANNED_MAX: usize = 10_000;

/// A page of decisions of a service, or of one of its rollouts.
pub(in crate::grpc) async fn list(
    shared: &Shared,
    request: v1::ListDecisionsRequest,
) -> Result<v1::ListDecisionsResponse, Status> {
    let v1::ListDecisionsRequest { parent, page_size, page_token } = request;
    let (service, rollout) = of(&parent)?;
    let prefix = layout::audits(&service);
    let listing = format!("decisions of {parent}");
    let wanted = field::page(&listing, &prefix, page_size, &page_token)?;
    let after = match &rollout {
        Some(id) if page_token.is_empty() => first_of(shared, &service, id).await?,
        Some(_) | None => wanted.after,
    };
    let (mut decisions, mut after, mut scanned) = (Vec::new(), after, 0);
    let next = loop {
        let page = shared.catalog.entries(&prefix, after.as_ref(), wanted.size).await;
        let page = page.map_err(|error| status::refused(&error))?;
        scanned += page.items.len();
        let last = page.items.last().map(|item| item.key.clone());
        for item in page.items {
            // A chain with a link that can't be read is not shown as if it were whole.
            let entry = record::decode_audit(&item.key, &item.value, &service);
            let entry = entry.map_err(|error| status::refused(&EngineError::from(error)))?;
            if rollout.is_none() || rollout == entry.rollout {
                decisions.push(view(&entry));
                after = Some(item.key);
            }
            if decisions.len() >= wanted.size {
                break;
            }
        }
        if decisions.len() >= wanted.size {
            // The rest of this page is the beginning of the next one.
            break after.filter(|after| page.next.is_some() || last.as_ref() != Some(after));
        }
        after = page.next;
        if after.is_none() || scanned >= SCANNED_MAX {
            break after;
        }
    };
    let next_page_token = field::next_page(&listing, next.as_ref());
    Ok(v1::ListDecisionsResponse { decisions, next_page_token })
}

/// A place before the first decision of a rollout; `None`: all of its service are looked at.
async fn first_of(shared: &Shared, service: &ServiceId, id: &RolloutId) -> Result<Option<Key>, Status> {
    match shared.engine.status(id).await {
        Ok(status) if status.record.plan.service == *service => Ok(super::beginning(&status.record)),
        Ok(_) => Ok(None),
        // What the chain says of it is told, whatever has become of its record.
        Err(EngineError::NotFound { .. } | EngineError::Corrupt(_)) => Ok(None),
        Err(error) => Err(status::refused(&error)),
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
    let AuditEntry { service, rollout, epoch, time, kind, actor, message, record: _, previous, change: _ } = entry;
    v1::Decision {
        name: name::decision(service, *epoch),
        rollout: rollout.as_ref().map(|rollout| name::rollout(service, rollout)).unwrap_or_default(),
        epoch: Some((*epoch).into()),
        time: Some(timestamp_to_wire(*time)),
        kind: kind.clone(),
        actor: actor.clone(),
        message: message.clone(),
        digest,
        previous_digest: previous.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}
