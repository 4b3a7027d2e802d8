//! `meridian.v1.QueueService`.

use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::queue::{Fate, Left, QueueRefused, REASON_BYTES_MAX, Request as Waiting, Turn, Unbegun, Wait};
use meridian_core::rollout::gates::stops::Said;
use meridian_proto::convert::{
    InvalidKind, concurrency_from_wire, name, parse_playbook_or_revision, text, timestamp_to_wire,
};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::queue_service_server::QueueService;
use meridian_proto::r#gen::v1::request_rollout_response::Result as Answer;
use tonic::{Code, Extensions, Request, Response, Status};
use tonic_types::ErrorDetails;

use super::field::{self, at, mark};
use super::orders::{actor_of, fresh_id};
use super::{Shared, status, view};
use crate::error::EngineError;
use crate::queue::{Answered, Ask};

/// Answers for queues.
pub struct QueueCalls {
    pub(super) shared: Shared,
}

impl QueueCalls {
    /// Who orders it, why, and when.
    fn said(&self, actor: String, reason: String, caller: &Extensions) -> Result<Said, Status> {
        let reason = at("", text("reason", reason, REASON_BYTES_MAX))?;
        Ok(Said { actor: actor_of(actor, caller)?, reason, at: self.shared.clock.now() })
    }
}

#[tonic::async_trait]
impl QueueService for QueueCalls {
    async fn request_rollout(
        &self,
        request: Request<v1::RequestRolloutRequest>,
    ) -> Result<Response<v1::RequestRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("RequestRollout", &message.request_id, &message)?;
        let v1::RequestRolloutRequest { release, playbook, rollout_id, .. } = message.clone();
        let v1::RequestRolloutRequest { actor, reason, concurrency, validate_only, .. } = message;
        if name::parse_plan(&release).is_ok() {
            return Err(status::refused(&EngineError::QueueRefused(QueueRefused::PlanCantWait)));
        }
        let (service, version) = at("release", name::parse_release(&release))?;
        let (playbook, revision) = at("playbook", parse_playbook_or_revision(&playbook))?;
        let concurrency = at("", concurrency_from_wire("concurrency", concurrency))?;
        let Said { actor, reason, at: _ } = self.said(actor, reason, &caller)?;
        let id = if rollout_id.is_empty() {
            fresh_id(&service, &version)?
        } else {
            let bad = |why| field::bad("rollout_id", &rollout_id, InvalidKind::BadName(why));
            RolloutId::new(rollout_id.clone()).map_err(bad)?
        };
        let of = service.clone();
        let ask = Ask {
            service,
            release: version,
            playbook,
            revision,
            id,
            actor,
            reason,
            concurrency,
            validate_only,
            request,
        };
        let answered = self.shared.queues.request(&ask).await.map_err(|error| status::refused(&error))?;
        let result = match answered {
            Answered::Begun(begun) => Answer::Rollout(view::rollout(&begun)),
            Answered::Waits { request, before, turn } => {
                Answer::Queued(queued(&of, &request, place(before), Some(&turn)))
            }
        };
        Ok(Response::new(v1::RequestRolloutResponse { result: Some(result) }))
    }

    async fn list_queue(
        &self,
        request: Request<v1::ListQueueRequest>,
    ) -> Result<Response<v1::ListQueueResponse>, Status> {
        let v1::ListQueueRequest { parent } = request.into_inner();
        let service = at("parent", name::parse_service(&parent))?;
        let seen = self.shared.queues.view(&service).await.map_err(|error| status::refused(&error))?;
        let waiting = seen.queue.waiting.iter().zip(&seen.turns).enumerate();
        let waiting = waiting.map(|(before, (request, turn))| queued(&service, request, place(before), Some(turn)));
        let hold = seen.queue.hold.as_ref().map(|Said { actor, reason, at }| v1::QueueHold {
            actor: actor.clone(),
            reason: reason.clone(),
            time: Some(timestamp_to_wire(*at)),
        });
        let left = seen.queue.left.iter().rev().map(|left| left_to_wire(&service, left)).collect();
        Ok(Response::new(v1::ListQueueResponse { waiting: waiting.collect(), left, hold }))
    }

    async fn remove_from_queue(
        &self,
        request: Request<v1::RemoveFromQueueRequest>,
    ) -> Result<Response<v1::RemoveFromQueueResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("RemoveFromQueue", &message.request_id, &message)?;
        let v1::RemoveFromQueueRequest { name, actor, reason, request_id: _ } = message;
        let (service, rollout) = at("name", name::parse_rollout(&name))?;
        let said = self.said(actor, reason, &caller)?;
        let removed = self.shared.queues.remove(&service, &rollout, &said, request.as_ref()).await;
        removed.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::RemoveFromQueueResponse {}))
    }

    async fn resume_queue(
        &self,
        request: Request<v1::ResumeQueueRequest>,
    ) -> Result<Response<v1::ResumeQueueResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("ResumeQueue", &message.request_id, &message)?;
        let v1::ResumeQueueRequest { parent, actor, reason, request_id: _ } = message;
        let service = at("parent", name::parse_service(&parent))?;
        let said = self.said(actor, reason, &caller)?;
        let resumed = self.shared.queues.resume(&service, &said, request.as_ref()).await;
        resumed.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::ResumeQueueResponse {}))
    }
}

/// The place of a request, from one.
fn place(before: usize) -> u32 {
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

fn queued(service: &ServiceId, request: &Waiting, place: u32, turn: Option<&Turn>) -> v1::QueuedRollout {
    let Waiting { number: _, rollout, release, playbook, revision, said: Said { actor, reason, at } } = request;
    let waits = match turn {
        Some(Turn::Wait(waits)) => waits.iter().map(|wait| wait_to_wire(service, wait)).collect(),
        Some(Turn::Leave { code, words }) => {
            vec![v1::QueueWait { code: (*code).to_owned(), message: words.clone(), rollout: String::new() }]
        }
        Some(Turn::Start) | None => Vec::new(),
    };
    v1::QueuedRollout {
        name: name::rollout(service, rollout),
        release: name::release(service, release),
        playbook: revision.map_or_else(|| name::playbook(playbook), |revision| name::revision(playbook, revision)),
        actor: actor.clone(),
        reason: reason.clone(),
        create_time: Some(timestamp_to_wire(*at)),
        place,
        waits,
    }
}

fn wait_to_wire(service: &ServiceId, wait: &Wait) -> v1::QueueWait {
    let rollout = wait.rollout().map(|rollout| name::rollout(service, rollout)).unwrap_or_default();
    v1::QueueWait { code: wait.code().to_owned(), message: wait.to_string(), rollout }
}

fn left_to_wire(service: &ServiceId, left: &Left) -> v1::LeftQueue {
    let Left { request, code, said: Said { actor, reason, at } } = left;
    v1::LeftQueue {
        request: Some(queued(service, request, 0, None)),
        code: code.clone(),
        message: reason.clone(),
        actor: actor.clone(),
        time: Some(timestamp_to_wire(*at)),
    }
}

/// A rollout that has not begun. To whoever looks at the code alone it is not there, as it always was; the reason and what
/// goes with it say the rest.
pub(super) fn unbegun(message: String, unbegun: &Unbegun) -> Status {
    let Unbegun { service, fate } = unbegun;
    let Waiting { rollout, said: asked, .. } = unbegun.request();
    let (rollout, at) = (name::rollout(service, rollout), timestamp_to_wire(asked.at).to_string());
    let mut metadata = vec![("rollout", rollout.as_str()), ("actor", &asked.actor), ("asked", &at)];
    let mut details = ErrorDetails::new();
    let place = match fate {
        Fate::Waits { place, .. } => place.to_string(),
        Fate::Left(_) => String::new(),
    };
    match fate {
        Fate::Waits { turn, .. } => {
            metadata.push(("place", &place));
            if let Turn::Wait(waits) = turn {
                let waits: Vec<v1::QueueWait> = waits.iter().map(|wait| wait_to_wire(service, wait)).collect();
                details = status::unmet(waits.iter().map(|v1::QueueWait { code, message, rollout }| {
                    (code.as_str(), rollout.as_str(), message.clone())
                }));
            }
        }
        Fate::Left(Left { code, said, request: _ }) => {
            metadata.extend([("code", code.as_str()), ("taken_out_by", &said.actor), ("why", &said.reason)]);
        }
    }
    status::status(Code::NotFound, unbegun.code(), message, &metadata, details)
}
