//! The evidence bundle of a rollout: fetched from a server as bytes, read without one. What it proves is for core to say;
//! how it is written into a file is the caller's matter.

use std::fmt;

use meridian_core::audit::AuditEntry;
use meridian_core::audit::bundle::{Bundle, Link};
use meridian_core::canon::Canonical as _;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::plan::Plan;
use meridian_proto::convert::Invalid;
use meridian_proto::convert::record::{Fold, audit_entry_from_bytes, epoch_of_record, plan_from_bytes};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout_service_client::RolloutServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RolloutName;
use crate::wire;

pub use meridian_proto::convert::record::Changed;

/// What a rollout is proved by, as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BundleRecords {
    /// Which rollout.
    pub name: RolloutName,
    /// Its plan.
    pub plan: Vec<u8>,
    /// The chain of its service, from its first decision to its last.
    pub entries: Vec<Vec<u8>>,
    /// Its record.
    pub record: Vec<u8>,
}

/// The same, read.
#[derive(Clone, Debug)]
pub struct BundleView {
    /// Which rollout.
    pub name: RolloutName,
    /// Its plan.
    pub plan: Plan,
    /// The hash of its plan.
    pub hash: Digest,
    /// The chain.
    pub entries: Vec<BundleEntry>,
    /// Epoch of its record.
    pub epoch: Epoch,
    /// Digest of its record.
    pub record: Digest,
}

/// A decision, and what it changed in the rollout.
#[derive(Clone, Debug)]
pub struct BundleEntry {
    /// The decision.
    pub entry: AuditEntry,
    /// Nothing, if it is of another rollout or about the service's vetoes, or older than changes are kept.
    pub changed: Option<Changed>,
}

/// A part of a bundle.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum BundlePart {
    /// The plan.
    Plan,
    /// The entry at this position.
    Entry(usize),
    /// The record.
    Record,
}

impl fmt::Display for BundlePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("the plan"),
            Self::Entry(at) => write!(f, "entry {}", at + 1),
            Self::Record => f.write_str("the record"),
        }
    }
}

/// A part that can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{part} can't be read: {why}")]
pub struct BundleUnreadable {
    /// Which.
    pub part: BundlePart,
    /// Why.
    pub why: String,
}

impl BundleRecords {
    /// Reads all parts.
    ///
    /// # Errors
    /// The first part that is not what it should be.
    pub fn read(&self) -> Result<BundleView, BundleUnreadable> {
        let bad = |part| move |invalid: Invalid| BundleUnreadable { part, why: invalid.to_string() };
        let plan = plan_from_bytes(&self.plan).map_err(bad(BundlePart::Plan))?;
        let (hash, mut fold) = (plan.hash(), Fold::default());
        let mut entries = Vec::with_capacity(self.entries.len());
        for (at, bytes) in self.entries.iter().enumerate() {
            let bad = bad(BundlePart::Entry(at));
            let entry = audit_entry_from_bytes(&self.name.service, bytes).map_err(bad)?;
            let is_own = entry.rollout.as_ref() == Some(&self.name.rollout);
            let changed = if is_own { fold.put(&entry, &plan, hash).map_err(bad)? } else { None };
            entries.push(BundleEntry { entry, changed });
        }
        let epoch = epoch_of_record(&self.record).map_err(bad(BundlePart::Record))?;
        let (name, record) = (self.name.clone(), Digest::of(&self.record));
        Ok(BundleView { name, plan, hash, entries, epoch, record })
    }

    /// Leaves out what was decided after the record was read, and what comes after the last decision about the rollout.
    fn trim(&mut self) -> Result<(), Invalid> {
        let epoch = epoch_of_record(&self.record)?;
        let mut end = 0;
        for (at, bytes) in self.entries.iter().enumerate() {
            let entry = audit_entry_from_bytes(&self.name.service, bytes)?;
            if entry.rollout.as_ref() != Some(&self.name.rollout) {
                continue;
            }
            if entry.epoch > epoch && !entry.change.is_empty() {
                break;
            }
            end = at + 1;
        }
        self.entries.truncate(end);
        Ok(())
    }
}

impl BundleView {
    /// The digest that the chain ends with.
    #[must_use]
    pub fn head(&self) -> Option<Digest> {
        self.entries.last().map(|last| last.entry.digest())
    }

    /// What core checks, under the plan and the end that a bundle's head names.
    #[must_use]
    pub fn bundle(&self, plan: Digest, head: Digest) -> Bundle {
        let link = |BundleEntry { entry, changed }: &BundleEntry| Link {
            entry: entry.clone(),
            folded: changed.as_ref().and_then(|changed| changed.record),
        };
        Bundle {
            service: self.name.service.clone(),
            rollout: self.name.rollout.clone(),
            plan,
            plan_found: self.hash,
            head,
            links: self.entries.iter().map(link).collect(),
            epoch: self.epoch,
            record: self.record,
        }
    }
}

impl Client {
    /// Everything that proves a rollout.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn export_rollout(&self, rollout: &RolloutName) -> Result<BundleRecords, ClientError> {
        const CALL: &str = "export rollout";
        let pages = wire::pages(CALL, |page_token| async move {
            let message =
                v1::ExportRolloutRequest { name: rollout.to_string(), page_size: wire::PAGE_SIZE, page_token };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).export_rollout(m).await }).await?;
            let next = answer.next_page_token.clone();
            Ok((vec![answer], next))
        });
        let mut pages = pages.await?.into_iter();
        let first = pages.next().unwrap_or_default();
        let v1::ExportRolloutResponse { plan, record, mut entries, next_page_token: _ } = first;
        entries.extend(pages.flat_map(|page| page.entries));
        let mut records = BundleRecords { name: rollout.clone(), plan, entries, record };
        wire::answer(CALL, records.trim())?;
        Ok(records)
    }
}
