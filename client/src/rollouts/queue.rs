//! Queues: asking for a rollout that may have to wait for its lanes, and what waits.

use meridian_core::id::{PlaybookId, RolloutId, ServiceId};
use meridian_core::playbook::Concurrency;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{At as _, Invalid, InvalidKind, concurrency_to_wire, name};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::queue_service_client::QueueServiceClient as Calls;
use meridian_proto::r#gen::v1::request_rollout_response::Result as Answer;
use semver::Version;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{ReleaseName, RequestId, RolloutName};
use crate::rollouts::{OperatorOrder, RolloutView};
use crate::{Intent, playbooks, wire};

/// What a rollout is to be made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RolloutWanted {
    /// Of which release.
    pub release: ReleaseName,
    /// By which playbook.
    pub playbook: PlaybookId,
    /// At which revision; `None`: the latest when it starts.
    pub revision: Option<u64>,
    /// Its name; `None`: the server makes one.
    pub id: Option<RolloutId>,
    /// Declared name of who asks.
    pub actor: String,
    /// Why; may be empty.
    pub reason: String,
    /// What to do if others hold the lanes; `None`: what the playbook says.
    pub concurrency: Option<Concurrency>,
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Requested {
    /// It has begun.
    Begun(Box<RolloutView>),
    /// It waits.
    Queued(Box<QueuedView>),
}

/// A request that waits, or did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueuedView {
    /// The rollout that it becomes.
    pub name: RolloutName,
    /// Of which release.
    pub release: Version,
    /// By which playbook, with the revision if one was asked for.
    pub playbook: String,
    /// Who asked.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// From one; 0 if it does not wait any more.
    pub place: usize,
    /// What it waits for.
    pub waits: Vec<QueueWaitView>,
}

/// What a request waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueWaitView {
    /// Stable code.
    pub code: String,
    /// In words.
    pub message: String,
    /// The rollout or request that it waits for; empty: none.
    pub rollout: String,
}

/// A request that was taken out without a start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeftView {
    /// Which.
    pub request: QueuedView,
    /// Stable code.
    pub code: String,
    /// In words.
    pub message: String,
    /// Who took it out.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// That nothing starts from a queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueHoldView {
    /// Who holds it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// A queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueView {
    /// Whose.
    pub service: ServiceId,
    /// In their order.
    pub waiting: Vec<QueuedView>,
    /// The last that were taken out without a start, the newest first.
    pub left: Vec<LeftView>,
    /// Set if it is held.
    pub hold: Option<QueueHoldView>,
}

impl TryFrom<v1::QueuedRollout> for QueuedView {
    type Error = Invalid;

    fn try_from(message: v1::QueuedRollout) -> Result<Self, Invalid> {
        let v1::QueuedRollout { name: resource, release, playbook, actor, reason, create_time, place, waits } = message;
        let (service, rollout) = name::parse_rollout(&resource).at("name")?;
        let wait = |v1::QueueWait { code, message, rollout }| QueueWaitView { code, message, rollout };
        Ok(Self {
            name: RolloutName { service, rollout },
            release: name::parse_release(&release).at("release")?.1,
            playbook,
            actor,
            reason,
            at: wire::moment("create_time", create_time)?,
            place: wire::count("place", place)?,
            waits: waits.into_iter().map(wait).collect(),
        })
    }
}

impl TryFrom<v1::LeftQueue> for LeftView {
    type Error = Invalid;

    fn try_from(message: v1::LeftQueue) -> Result<Self, Invalid> {
        let v1::LeftQueue { request, code, message, actor, time } = message;
        Ok(Self { request: wire::required("request", request)?, code, message, actor, at: wire::moment("time", time)? })
    }
}

impl TryFrom<v1::QueueHold> for QueueHoldView {
    type Error = Invalid;

    fn try_from(message: v1::QueueHold) -> Result<Self, Invalid> {
        let v1::QueueHold { actor, reason, time } = message;
        Ok(Self { actor, reason, at: wire::moment("time", time)? })
    }
}

impl Client {
    /// Plans and starts a rollout, or lets it wait.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn request_rollout(
        &self,
        wanted: &RolloutWanted,
        intent: Intent,
        request: &RequestId,
    ) -> Result<Requested, ClientError> {
        const CALL: &str = "request rollout";
        let message = v1::RequestRolloutRequest {
            release: wanted.release.to_string(),
            playbook: playbooks::resource(&wanted.playbook, wanted.revision),
            rollout_id: wanted.id.as_ref().map(ToString::to_string).unwrap_or_default(),
            actor: wanted.actor.clone(),
            reason: wanted.reason.clone(),
            concurrency: wanted.concurrency.map(concurrency_to_wire).unwrap_or_default(),
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let call = |link, m| async move { Calls::new(link).request_rollout(m).await };
        let read = match self.call(CALL, message, call).await?.result {
            Some(Answer::Rollout(rollout)) => RolloutView::try_from(rollout).map(Box::new).map(Requested::Begun),
            Some(Answer::Queued(queued)) => QueuedView::try_from(queued).map(Box::new).map(Requested::Queued),
            None => Err(Invalid::of("", InvalidKind::Missing)),
        };
        wire::answer(CALL, read.at("result"))
    }

    /// What waits for the lanes of a service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn queue(&self, service: &ServiceId) -> Result<QueueView, ClientError> {
        const CALL: &str = "list queue";
        let message = v1::ListQueueRequest { parent: name::service(service) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).list_queue(m).await }).await?;
        let v1::ListQueueResponse { waiting, left, hold } = answer;
        let read = || {
            Ok(QueueView {
                service: service.clone(),
                waiting: wire::list("waiting", waiting, QueuedView::try_from)?,
                left: wire::list("left", left, LeftView::try_from)?,
                hold: wire::optional("hold", hold)?,
            })
        };
        wire::answer(CALL, read())
    }

    /// Takes a request out of the queue.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_from_queue(
        &self,
        rollout: &RolloutName,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<(), ClientError> {
        const CALL: &str = "remove from queue";
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let (name, request_id) = (rollout.to_string(), request.to_string());
        let message = v1::RemoveFromQueueRequest { name, actor, reason, request_id };
        self.call(CALL, message, |link, m| async move { Calls::new(link).remove_from_queue(m).await }).await?;
        Ok(())
    }

    /// Lets rollouts start again from a queue that is held.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn resume_queue(
        &self,
        service: &ServiceId,
        order: &OperatorOrder,
        request: &RequestId,
    ) -> Result<(), ClientError> {
        const CALL: &str = "resume queue";
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let (parent, request_id) = (name::service(service), request.to_string());
        let message = v1::ResumeQueueRequest { parent, actor, reason, request_id };
        self.call(CALL, message, |link, m| async move { Calls::new(link).resume_queue(m).await }).await?;
        Ok(())
    }
}
