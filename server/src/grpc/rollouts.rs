//! `meridian.v1.RolloutService`: orders go to the engine, views come from it.

use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::Event;
use meridian_proto::convert::{
    At as _, Invalid, InvalidKind, WORD_BYTES_MAX, consent_from_wire, item_from_wire, name, sign_off_from_wire, text,
};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollback_rollout_request::Scope as WireScope;
use meridian_proto::r#gen::v1::rollout_service_server::RolloutService;
use meridian_store::{layout, record};
use tonic::{Request, Response, Status};

use super::field::{self, at, mark};
use super::orders::{Told, actor_of, fresh_id};
use super::proof::{analysis, decisions, export};
use super::streams::OutgoingStream;
use super::streams::watch::{self, Target};
use super::{Shared, status, view};
use crate::engine::OpenOrder;
use crate::error::EngineError;

/// Records looked at for one page; a page may be shorter than asked for and still have a next one.
const SCANNED_MAX: usize = 5000;
/// Answers for rollouts.
pub struct Rollouts {
    pub(super) shared: Shared,
}

impl Rollouts {
    /// A rollout by its whole name: the service has to be right too.
    pub(super) async fn status(&self, name: &str) -> Result<crate::engine::Status, Status> {
        let (service, id) = at("name", name::parse_rollout(name))?;
        self.shared.queues.rollout(&service, &id).await.map_err(|error| status::refused(&error))
    }

    /// A rollout in a listing: one that can't be read must not hide the others; the engine tells of it.
    async fn readable(&self, id: &RolloutId) -> Result<Option<v1::Rollout>, Status> {
        match self.shared.engine.status(id).await {
            Ok(status) => Ok(Some(view::rollout(&status))),
            Err(EngineError::Corrupt(_) | EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(status::refused(&error)),
        }
    }
}

/// `services/{service}`, or `services/-` for all.
pub(super) fn service_or_all(text: &str) -> Result<Option<ServiceId>, Invalid> {
    if text == "services/-" { Ok(None) } else { name::parse_service(text).map(Some) }
}

#[tonic::async_trait]
impl RolloutService for Rollouts {
    type WatchRolloutsStream = OutgoingStream<v1::WatchRolloutsResponse>;

    async fn create_rollout(
        &self,
        request: Request<v1::CreateRolloutRequest>,
    ) -> Result<Response<v1::CreateRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("CreateRollout", &message.request_id, &message)?;
        let v1::CreateRolloutRequest { parent, plan, rollout_id, actor, validate_only, request_id: _ } = message;
        let service = at("parent", name::parse_service(&parent))?;
        let plan = at("plan", name::parse_plan(&plan))?;
        let actor = actor_of(actor, &caller)?;
        let id = if rollout_id.is_empty() {
            let stored = self.shared.catalog.plan(&plan).await.map_err(|error| status::refused(&error))?;
            fresh_id(&service, &stored.value.plan.release.version)?
        } else {
            let bad = |why| field::bad("rollout_id", &rollout_id, InvalidKind::BadName(why));
            RolloutId::new(rollout_id.clone()).map_err(bad)?
        };
        let order = OpenOrder { service, plan, id, actor, request, validate_only, line: None };
        let opened = self.shared.queues.open(order).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::CreateRolloutResponse { rollout: Some(view::rollout(&opened)) }))
    }

    async fn get_rollout(
        &self,
        request: Request<v1::GetRolloutRequest>,
    ) -> Result<Response<v1::GetRolloutResponse>, Status> {
        let v1::GetRolloutRequest { name } = request.into_inner();
        let rollout = Some(view::rollout(&self.status(&name).await?));
        Ok(Response::new(v1::GetRolloutResponse { rollout }))
    }

    async fn list_rollouts(
        &self,
        request: Request<v1::ListRolloutsRequest>,
    ) -> Result<Response<v1::ListRolloutsResponse>, Status> {
        let v1::ListRolloutsRequest { parent, page_size, page_token, active_only } = request.into_inner();
        let service = at("parent", service_or_all(&parent))?;
        let listing = format!("rollouts of {parent} {active_only}");
        let wanted = field::page(&listing, &layout::rollouts(), page_size, &page_token)?;
        let (mut rollouts, mut after, mut scanned) = (Vec::new(), wanted.after, 0);
        let next = loop {
            let page = self.shared.catalog.entries(&layout::rollouts(), after.as_ref(), wanted.size).await;
            let page = page.map_err(|error| status::refused(&error))?;
            scanned += page.items.len();
            let last = page.items.last().map(|item| item.key.clone());
            for item in page.items {
                let Ok(outline) = record::decode_outline(&item.key, &item.value) else {
                    continue;
                };
                let other = service.as_ref().is_some_and(|service| *service != outline.service);
                if other || (active_only && outline.phase.is_terminal()) {
                    continue;
                }
                rollouts.extend(self.readable(&outline.id).await?);
                after = Some(item.key);
                if rollouts.len() >= wanted.size {
                    break;
                }
            }
            if rollouts.len() >= wanted.size {
                // The rest of this page is the beginning of the next one.
                break after.filter(|after| page.next.is_some() || last.as_ref() != Some(after));
            }
            after = page.next;
            if after.is_none() || scanned >= SCANNED_MAX {
                break after;
            }
        };
        let next_page_token = field::next_page(&listing, next.as_ref());
        Ok(Response::new(v1::ListRolloutsResponse { rollouts, next_page_token }))
    }

    async fn pause_rollout(
        &self,
        request: Request<v1::PauseRolloutRequest>,
    ) -> Result<Response<v1::PauseRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("PauseRollout", &message.request_id, &message)?;
        let v1::PauseRolloutRequest { name, etag, actor, reason, request_id: _ } = message;
        let rollout = self.order(Told { name, etag, actor, reason, request, caller }, Event::Pause).await?;
        Ok(Response::new(v1::PauseRolloutResponse { rollout }))
    }

    async fn resume_rollout(
        &self,
        request: Request<v1::ResumeRolloutRequest>,
    ) -> Result<Response<v1::ResumeRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("ResumeRollout", &message.request_id, &message)?;
        let v1::ResumeRolloutRequest { name, etag, actor, reason, request_id: _ } = message;
        let rollout = self.order(Told { name, etag, actor, reason, request, caller }, Event::Resume).await?;
        Ok(Response::new(v1::ResumeRolloutResponse { rollout }))
    }

    async fn rollback_rollout(
        &self,
        request: Request<v1::RollbackRolloutRequest>,
    ) -> Result<Response<v1::RollbackRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("RollbackRollout", &message.request_id, &message)?;
        let v1::RollbackRolloutRequest { name, etag, actor, reason, scope, request_id: _ } = message;
        let scope = match scope {
            // In an emergency the whole is the safe choice, and nobody should have to spell it.
            None | Some(WireScope::Fleet(v1::rollback_rollout_request::FleetScope {})) => Scope::Fleet,
            Some(WireScope::Wave(v1::rollback_rollout_request::WaveScope {})) => Scope::Wave,
            Some(WireScope::Region(region)) => {
                let refused = |why| Invalid::of(&region, InvalidKind::BadName(why));
                Scope::Region(at("", RegionId::new(region.clone()).map_err(refused).at("region"))?)
            }
        };
        let told = Told { name, etag, actor, reason, request, caller };
        let rollout = self.order(told, |order| Event::Rollback(order, scope)).await?;
        Ok(Response::new(v1::RollbackRolloutResponse { rollout }))
    }

    async fn abandon_rollout(
        &self,
        request: Request<v1::AbandonRolloutRequest>,
    ) -> Result<Response<v1::AbandonRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("AbandonRollout", &message.request_id, &message)?;
        let v1::AbandonRolloutRequest { name, etag, actor, reason, request_id: _ } = message;
        let rollout = self.order(Told { name, etag, actor, reason, request, caller }, Event::Abandon).await?;
        Ok(Response::new(v1::AbandonRolloutResponse { rollout }))
    }

    async fn approve_rollout(
        &self,
        request: Request<v1::ApproveRolloutRequest>,
    ) -> Result<Response<v1::ApproveRolloutResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("ApproveRollout", &message.request_id, &message)?;
        let v1::ApproveRolloutRequest { name, etag, actor, reason, role, wave, plan, request_id: _ } = message;
        let consent = at("", consent_from_wire(wave, role, &plan))?;
        let told = Told { name, etag, actor, reason, request, caller };
        let rollout = self.order(told, |order| Event::Approve(order, consent)).await?;
        Ok(Response::new(v1::ApproveRolloutResponse { rollout }))
    }

    async fn revoke_approval(
        &self,
        request: Request<v1::RevokeApprovalRequest>,
    ) -> Result<Response<v1::RevokeApprovalResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("RevokeApproval", &message.request_id, &message)?;
        let v1::RevokeApprovalRequest { name, etag, actor, reason, role, wave, request_id: _ } = message;
        let consent = at("", consent_from_wire(wave, role, ""))?;
        let told = Told { name, etag, actor, reason, request, caller };
        let rollout = self.order(told, |order| Event::Revoke(order, consent)).await?;
        Ok(Response::new(v1::RevokeApprovalResponse { rollout }))
    }

    async fn sign_item(&self, request: Request<v1::SignItemRequest>) -> Result<Response<v1::SignItemResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("SignItem", &message.request_id, &message)?;
        let v1::SignItemRequest { name, etag, actor, reason, item, evidence_uri, evidence_digest, request_id: _ } =
            message;
        let sign = at("", sign_off_from_wire(item, evidence_uri, &evidence_digest))?;
        let told = Told { name, etag, actor, reason, request, caller };
        let rollout = self.order(told, |order| Event::Sign(order, sign)).await?;
        Ok(Response::new(v1::SignItemResponse { rollout }))
    }

    async fn revoke_sign_off(
        &self,
        request: Request<v1::RevokeSignOffRequest>,
    ) -> Result<Response<v1::RevokeSignOffResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("RevokeSignOff", &message.request_id, &message)?;
        let v1::RevokeSignOffRequest { name, etag, actor, reason, item, request_id: _ } = message;
        let item = at("", item_from_wire(item))?;
        let told = Told { name, etag, actor, reason, request, caller };
        let rollout = self.order(told, |order| Event::Unsign(order, item)).await?;
        Ok(Response::new(v1::RevokeSignOffResponse { rollout }))
    }

    async fn board_train(
        &self,
        request: Request<v1::BoardTrainRequest>,
    ) -> Result<Response<v1::BoardTrainResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("BoardTrain", &message.request_id, &message)?;
        let v1::BoardTrainRequest { name, etag, actor, reason, train, request_id: _ } = message;
        if reason.trim().is_empty() {
            return Err(field::missing("reason"));
        }
        let train = Some(at("", text("train", train, WORD_BYTES_MAX))?).filter(|train| !train.is_empty());
        let told = Told { name, etag, actor, reason, request, caller };
        let rollout = self.order(told, |order| Event::Board(order, train)).await?;
        Ok(Response::new(v1::BoardTrainResponse { rollout }))
    }

    async fn watch_rollouts(
        &self,
        request: Request<v1::WatchRolloutsRequest>,
    ) -> Result<Response<Self::WatchRolloutsStream>, Status> {
        let v1::WatchRolloutsRequest { target, start_revision } = request.into_inner();
        let wanted = if let Ok((_, id)) = name::parse_rollout(&target) {
            self.status(&target).await?;
            Target::Rollout(id)
        } else {
            at("target", service_or_all(&target))?.map_or(Target::All, Target::Service)
        };
        watch::open(&self.shared, wanted, start_revision).await.map(Response::new)
    }

    async fn list_decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        decisions::list(&self.shared, request.into_inner()).await.map(Response::new)
    }

    async fn export_rollout(
        &self,
        request: Request<v1::ExportRolloutRequest>,
    ) -> Result<Response<v1::ExportRolloutResponse>, Status> {
        export::page(&self.shared, request.into_inner()).await.map(Response::new)
    }

    async fn explain_analysis(
        &self,
        request: Request<v1::ExplainAnalysisRequest>,
    ) -> Result<Response<v1::ExplainAnalysisResponse>, Status> {
        let v1::ExplainAnalysisRequest { name } = request.into_inner();
        Ok(Response::new(analysis::findings(&self.status(&name).await?)))
    }
}
