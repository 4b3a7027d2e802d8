//! Feedback as it is given: an entry each, written once, together with the sum of all.

use meridian_core::id::ServiceId;
use meridian_core::time::Timestamp;
use meridian_core::watch::{Feedback, Opinion};
use meridian_proto::convert::name;
use meridian_store::record::{self, StoredRelease};
use meridian_store::{Expect, Key, Txn, layout};
use semver::Version;

use super::{CONFLICTS_MAX, Watches};
use crate::catalog::Listed;
use crate::engine::{Kept, RequestMark};
use crate::error::EngineError;

/// Feedback to be kept; the time is the server's.
#[derive(Clone, Debug)]
pub struct NewFeedback {
    /// What is said.
    pub feedback: Feedback,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
}

impl Watches {
    /// Keeps what somebody says of a release.
    ///
    /// # Errors
    /// If there is no such release, it has as many answers as can be kept, or the store fails.
    pub async fn give(&self, new: NewFeedback) -> Result<Feedback, EngineError> {
        let NewFeedback { mut feedback, request } = new;
        let of = (feedback.service.clone(), feedback.version.clone());
        self.catalog.get::<StoredRelease>(&of).await?;
        let (service, version) = of;
        feedback.at = self.clock.now();
        let key = answer_key(&feedback);
        for attempt in 0..CONFLICTS_MAX {
            if self.catalog.is_done(request.as_ref()).await? {
                return Ok(feedback);
            }
            let Kept { value: opinion, expect } = self.opinion(&service, &version).await?;
            let after = opinion.with(&feedback)?;
            let txn = Txn::new().put(key.clone(), record::encode_feedback(&feedback), Expect::Absent).put(
                layout::opinion(&service, &version),
                record::encode_opinion(after),
                expect,
            );
            let named = name::release(&service, &version);
            if self.catalog.commit(txn, &key, request.as_ref(), named, feedback.at).await?.is_some() {
                return Ok(feedback);
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(EngineError::Contended { key: name::release(&service, &version) })
    }

    /// A page of what was said of a release, the oldest first, and all of it added up.
    ///
    /// # Errors
    /// If there is no such release or the store fails.
    pub async fn feedback(
        &self,
        service: &ServiceId,
        version: &Version,
        after: Option<Key>,
        size: usize,
    ) -> Result<(Listed<Feedback>, Opinion), EngineError> {
        self.catalog.get::<StoredRelease>(&(service.clone(), version.clone())).await?;
        let page = self.catalog.entries(&layout::answers(service, version), after.as_ref(), size).await?;
        let items = page.items.iter().map(|item| record::decode_feedback(&item.key, &item.value));
        let items = items.collect::<Result<_, _>>()?;
        let opinion = self.opinion(service, version).await?.value;
        Ok((Listed { items, next: page.next, revision: page.revision }, opinion))
    }

    /// All feedback of a release, added up, and the expectation under which it may be replaced.
    pub(super) async fn opinion(&self, service: &ServiceId, version: &Version) -> Result<Kept<Opinion>, EngineError> {
        Kept::read(self.store.as_ref(), &layout::opinion(service, version), record::decode_opinion).await
    }
}

/// In the order of time, and never that of another answer.
fn answer_key(feedback: &Feedback) -> Key {
    let Feedback { service, version, at, .. } = feedback;
    layout::answer(service, version, &answer_id(*at))
}

fn answer_id(at: Timestamp) -> String {
    format!("{:020}-{}", at.millis(), uuid::Uuid::new_v4().simple())
}
