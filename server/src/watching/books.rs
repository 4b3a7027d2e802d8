//! Reading and writing the records of watches: every write compares what it replaces and carries its audit entry.

use meridian_core::audit::AuditEntry;
use meridian_core::canon::Canonical as _;
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::plan::Plan;
use meridian_core::time::Timestamp;
use meridian_core::watch::{Facts, Standing, Step, Watch, WatchPolicy, standing};
use meridian_proto::convert::name;
use meridian_store::record::StoredWatch;
use meridian_store::{Expect, Revision, Txn, layout, record};

use super::Watches;
use crate::engine::{RequestMark, truncated};
use crate::error::EngineError;

/// A watch with the revision under which it may be replaced.
pub(super) struct Kept {
    pub stored: StoredWatch,
    pub revision: Revision,
}

/// A decision about a watch.
pub(super) struct Decision<'a> {
    pub next: &'a Watch,
    pub kind: &'static str,
    pub actor: String,
    pub message: String,
    /// What it replaces; `None` for the first decision.
    pub before: Option<&'a Kept>,
    /// The revision that the rollout's record has to have still, if the decision rests on what it says.
    pub rollout: Option<Revision>,
    pub request: Option<&'a RequestMark>,
    pub now: Timestamp,
}

impl<'a> Decision<'a> {
    pub fn of(next: &'a Watch, step: &Step, before: &'a Kept, now: Timestamp) -> Self {
        let Step { kind, actor, message, .. } = step.clone();
        Self { next, kind, actor, message, before: Some(before), rollout: None, request: None, now }
    }
}

impl Watches {
    pub(super) async fn watch(&self, service: &ServiceId, rollout: &RolloutId) -> Result<Kept, EngineError> {
        let key = layout::watch(service, rollout);
        let missing = || EngineError::NotFound { kind: "watch", name: name::watch(service, rollout) };
        let item = self.store.get(&key).await?.item.ok_or_else(missing)?;
        Ok(Kept { stored: record::decode_watch(&key, &item.value)?, revision: item.mod_revision })
    }

    /// The policy of a plan: what its playbook's revision says, which never changes.
    pub(super) async fn policy(&self, plan: &Plan) -> Result<WatchPolicy, EngineError> {
        let revision = self.catalog.playbook(&plan.playbook.id, Some(plan.playbook.revision)).await?;
        Ok(revision.value.playbook.watch)
    }

    pub(super) async fn standing(&self, rollout: &RolloutId) -> Result<Standing, EngineError> {
        Ok(standing(&self.engine.status(rollout).await?.record.phase))
    }

    /// All that is known besides the record, and the revision of the rollout that it was read from.
    pub(super) async fn facts(&self, watch: &Watch) -> Result<(Facts, Revision), EngineError> {
        let status = self.engine.status(&watch.rollout).await?;
        let feedback = self.opinion(&watch.service, &watch.release.version).await?.value;
        let facts =
            Facts { standing: standing(&status.record.phase), kpis: self.kpis(&watch.service).await?, feedback };
        Ok((facts, status.revision))
    }

    /// Commits; `None`: somebody else got in between.
    pub(super) async fn commit(&self, decision: Decision<'_>) -> Result<Option<Revision>, EngineError> {
        let Decision { next, kind, actor, message, before, rollout, request, now } = decision;
        let (service, id) = (&next.service, &next.rollout);
        let previous = before.and_then(|before| before.stored.audit);
        let entry = AuditEntry {
            service: service.clone(),
            rollout: Some(id.clone()),
            epoch: next.epoch,
            time: now,
            kind: kind.to_owned(),
            actor,
            message: truncated(message),
            // The record carries the entry's digest, so the entry covers the record without it.
            record: Digest::of(&record::encode_watch(&StoredWatch { watch: next.clone(), audit: None })),
            previous,
            change: Vec::new(),
        };
        let stored = StoredWatch { watch: next.clone(), audit: Some(entry.digest()) };
        let audit = layout::watch_audit(service, id, next.epoch);
        let expect = before.map_or(Expect::Absent, |before| Expect::At(before.revision));
        let txn = Txn::new().put(audit.clone(), record::encode_audit(&entry), Expect::Absent).put(
            layout::watch(service, id),
            record::encode_watch(&stored),
            expect,
        );
        let txn = match rollout {
            Some(revision) => txn.check(layout::rollout(id), Expect::At(revision)),
            None => txn,
        };
        let committed = self.catalog.commit(txn, &audit, request, name::watch(service, id), now).await?;
        if committed.is_some() {
            self.metrics.decided(kind);
            tracing::info!(%service, rollout = %id, epoch = %next.epoch, kind, actor = entry.actor, "decided about a watch");
        }
        Ok(committed)
    }
}
