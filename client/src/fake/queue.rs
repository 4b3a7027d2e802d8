//! The queue of the server in memory: what a test put there is what waits; it starts nothing.

use meridian_core::queue::{QUEUED, TAKEN_OUT};
use meridian_proto::convert::{name, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::queue_service_server::QueueService;
use meridian_proto::r#gen::v1::request_rollout_response::Result as Answer;
use tonic::{Request, Response, Status};

use super::Shared;
use super::refusal::{not_found, status};
use crate::error::RefusalKind;
use crate::rollouts::queue::{LeftView, QueueHoldView, QueueView, QueueWaitView, QueuedView};

/// A queue as the wire says it.
pub(super) fn message(view: &QueueView) -> v1::ListQueueResponse {
    let taken_out = |left: &LeftView| v1::LeftQueue {
        request: Some(queued(&left.request)),
        code: left.code.clone(),
        message: left.message.clone(),
        actor: left.actor.clone(),
        time: Some(timestamp_to_wire(left.at)),
    };
    let held = |QueueHoldView { actor, reason, at }: &QueueHoldView| v1::QueueHold {
        actor: actor.clone(),
        reason: reason.clone(),
        time: Some(timestamp_to_wire(*at)),
    };
    v1::ListQueueResponse {
        waiting: view.waiting.iter().map(queued).collect(),
        left: view.left.iter().map(taken_out).collect(),
        hold: view.hold.as_ref().map(held),
    }
}

fn queued(view: &QueuedView) -> v1::QueuedRollout {
    let wait = |QueueWaitView { code, message, rollout }: &QueueWaitView| v1::QueueWait {
        code: code.clone(),
        message: message.clone(),
        rollout: rollout.clone(),
    };
    v1::QueuedRollout {
        name: view.name.to_string(),
        release: name::release(&view.name.service, &view.release),
        playbook: view.playbook.clone(),
        actor: view.actor.clone(),
        reason: view.reason.clone(),
        create_time: Some(timestamp_to_wire(view.at)),
        place: u32::try_from(view.place).unwrap_or(u32::MAX),
        waits: view.waits.iter().map(wait).collect(),
    }
}

impl Shared {
    /// Why a rollout is not there that somebody has asked for.
    pub(super) fn unbegun(&self, name: &str) -> Option<Status> {
        let queue = &self.lock().queue;
        let waits = queue.waiting.iter().any(|queued| queued.name == name);
        let left = queue.left.iter().find(|left| left.request.as_ref().is_some_and(|request| request.name == name));
        match (waits, left) {
            (true, _) => Some(status(RefusalKind::NotFound, QUEUED, &format!("{name} waits"))),
            (false, Some(v1::LeftQueue { code, message, .. })) => {
                Some(status(RefusalKind::NotFound, TAKEN_OUT, &format!("{name} never began ({code}): {message}")))
            }
            (false, None) => None,
        }
    }
}

#[tonic::async_trait]
impl QueueService for Shared {
    async fn request_rollout(
        &self,
        request: Request<v1::RequestRolloutRequest>,
    ) -> Result<Response<v1::RequestRolloutResponse>, Status> {
        let request = request.into_inner();
        let v1::RequestRolloutRequest { release, playbook, actor, concurrency, .. } = &request;
        let concurrency = concurrency.to_string();
        let words = [release, playbook, actor, &concurrency].map(String::as_str);
        self.enter("RequestRollout", &request.request_id, &words).await?;
        let found = self.lock().queue.waiting.iter().find(|queued| queued.release == request.release).cloned();
        let refusal = || status(RefusalKind::Precondition, "LANE_HELD", "region eu is held by rollout r-1");
        let result = Some(Answer::Queued(found.ok_or_else(refusal)?));
        Ok(Response::new(v1::RequestRolloutResponse { result }))
    }

    async fn list_queue(
        &self,
        request: Request<v1::ListQueueRequest>,
    ) -> Result<Response<v1::ListQueueResponse>, Status> {
        let v1::ListQueueRequest { parent } = request.into_inner();
        self.enter("ListQueue", "", &[&parent]).await?;
        Ok(Response::new(self.lock().queue.clone()))
    }

    async fn remove_from_queue(
        &self,
        request: Request<v1::RemoveFromQueueRequest>,
    ) -> Result<Response<v1::RemoveFromQueueResponse>, Status> {
        let v1::RemoveFromQueueRequest { name, actor, reason, request_id } = request.into_inner();
        self.enter("RemoveFromQueue", &request_id, &[&name, &actor, &reason]).await?;
        let waiting = &mut self.lock().queue.waiting;
        let at = waiting.iter().position(|queued| queued.name == name).ok_or_else(|| not_found(&name))?;
        waiting.remove(at);
        Ok(Response::new(v1::RemoveFromQueueResponse {}))
    }

    async fn resume_queue(
        &self,
        request: Request<v1::ResumeQueueRequest>,
    ) -> Result<Response<v1::ResumeQueueResponse>, Status> {
        let v1::ResumeQueueRequest { parent, actor, reason, request_id } = request.into_inner();
        self.enter("ResumeQueue", &request_id, &[&parent, &actor, &reason]).await?;
        self.lock().queue.hold = None;
        Ok(Response::new(v1::ResumeQueueResponse {}))
    }
}
