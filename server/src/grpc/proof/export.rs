//! `ExportRollout`: a rollout's plan, record and part of the audit chain, as they are stored. What they prove is for the
//! reader to check.

use meridian_core::rollout::state::Rollout;
use meridian_proto::convert::name;
use meridian_proto::r#gen::v1;
use meridian_store::{Key, layout, record};
use prost::Message as _;
use tonic::Status;

use crate::error::EngineError;
use crate::grpc::field::{self, at};
use crate::grpc::{Shared, status};

/// Bytes of entries after which a page ends; a message holds four times as many.
const PAGE_BYTES: usize = 1 << 20;
/// Entries read at once while the rollout's first one is looked for.
const SCANNED_AT_ONCE: usize = 1000;

/// A page: the first one with plan and record, each with entries.
pub(in crate::grpc) async fn page(
    shared: &Shared,
    request: v1::ExportRolloutRequest,
) -> Result<v1::ExportRolloutResponse, Status> {
    let v1::ExportRolloutRequest { name, page_size, page_token } = request;
    let (service, id) = at("name", name::parse_rollout(&name))?;
    let prefix = layout::audits(&service);
    let listing = format!("export of {name}");
    let wanted = field::page(&listing, &prefix, page_size, &page_token)?;
    let mut page = v1::ExportRolloutResponse::default();
    let after = if page_token.is_empty() {
        // The record first: all decisions that led to it are then in the chain.
        let read = shared.queues.rollout(&service, &id).await.map_err(|error| status::refused(&error))?;
        page.plan = v1::Plan::from(&**read.record.plan).encode_to_vec();
        page.record = record::encode_rollout(&read.record).to_vec();
        before_first(shared, &read.record).await?
    } else {
        wanted.after
    };
    let read = shared.catalog.entries(&prefix, after.as_ref(), wanted.size).await;
    let read = read.map_err(|error| status::refused(&error))?;
    let (mut bytes, mut last, count) = (0, None, read.items.len());
    for item in read.items {
        bytes += item.value.len();
        page.entries.push(item.value.to_vec());
        last = Some(item.key);
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    let is_more = read.next.is_some() || page.entries.len() < count;
    page.next_page_token = field::next_page(&listing, last.as_ref().filter(|_| is_more));
    Ok(page)
}

/// A place right before the rollout's first entry; `None`: that one begins the chain.
async fn before_first(shared: &Shared, record: &Rollout) -> Result<Option<Key>, Status> {
    let (service, id) = (&record.plan.service, &record.id);
    if let Some(before) = super::beginning(record) {
        return Ok(Some(before));
    }
    // Its record does not tell: it is looked for.
    let prefix = layout::audits(service);
    let (mut after, mut before) = (None, None);
    loop {
        let read = shared.catalog.entries(&prefix, after.as_ref(), SCANNED_AT_ONCE).await;
        let read = read.map_err(|error| status::refused(&error))?;
        for item in read.items {
            let entry = record::decode_audit(&item.key, &item.value, service);
            let entry = entry.map_err(|error| status::refused(&EngineError::from(error)))?;
            if entry.rollout.as_ref() == Some(id) {
                return Ok(before);
            }
            before = Some(item.key);
        }
        after = read.next;
        if after.is_none() {
            return Err(status::refused(&EngineError::NotFound { kind: "decisions of rollout", name: id.to_string() }));
        }
    }
}
