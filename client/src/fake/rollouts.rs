//! The rollout service of the server in memory: answers from what it was given, and streams changes.

use std::pin::Pin;

use futures::StreamExt as _;
use futures::stream;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout_service_server::RolloutService;
use meridian_proto::r#gen::v1::watch_rollouts_response::{Item, Synced};
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status};

use super::Shared;
use super::refusal::{not_found, status};
use super::resources::page;
use super::state::Signal;
use crate::error::RefusalKind;

type Answer<T> = Result<Response<T>, Status>;
type Messages = Pin<Box<dyn stream::Stream<Item = Result<v1::WatchRolloutsResponse, Status>> + Send>>;

impl Shared {
    /// Answers an order with the rollout as it stands: what follows is for the test to say.
    fn ordered(&self, name: &str) -> Result<Option<v1::Rollout>, Status> {
        let found = self.lock().rollouts.get(name).cloned();
        found.map(Some).ok_or_else(|| self.unbegun(name).unwrap_or_else(|| not_found(name)))
    }
}

fn is_target(rollout: &str, target: &str) -> bool {
    target == "services/-" || rollout == target || rollout.starts_with(&format!("{target}/"))
}

const fn message(item: Item) -> Result<v1::WatchRolloutsResponse, Status> {
    Ok(v1::WatchRolloutsResponse { item: Some(item) })
}

#[tonic::async_trait]
impl RolloutService for Shared {
    type WatchRolloutsStream = Messages;

    async fn create_rollout(&self, request: Request<v1::CreateRolloutRequest>) -> Answer<v1::CreateRolloutResponse> {
        let v1::CreateRolloutRequest { parent, plan, rollout_id, actor, validate_only: _, request_id } =
            request.into_inner();
        self.enter("CreateRollout", &request_id, &[&parent, &plan, &rollout_id, &actor]).await?;
        let name = format!("{parent}/rollouts/{rollout_id}");
        let rollout = self.lock().rollouts.get(&name).cloned();
        let refusal = || status(RefusalKind::Precondition, "LANE_HELD", "no such rollout was prepared");
        answer(v1::CreateRolloutResponse { rollout: Some(rollout.ok_or_else(refusal)?) })
    }

    async fn get_rollout(&self, request: Request<v1::GetRolloutRequest>) -> Answer<v1::GetRolloutResponse> {
        let name = request.into_inner().name;
        self.enter("GetRollout", "", &[&name]).await?;
        answer(v1::GetRolloutResponse { rollout: self.ordered(&name)? })
    }

    async fn list_rollouts(&self, request: Request<v1::ListRolloutsRequest>) -> Answer<v1::ListRolloutsResponse> {
        let request = request.into_inner();
        self.enter("ListRollouts", "", &[&request.parent]).await?;
        let prefix = if request.parent == "services/-" { String::new() } else { format!("{}/", request.parent) };
        let (rollouts, next_page_token) = page(&self.lock().rollouts, &prefix, &request.page_token);
        answer(v1::ListRolloutsResponse { rollouts, next_page_token })
    }

    async fn pause_rollout(&self, request: Request<v1::PauseRolloutRequest>) -> Answer<v1::PauseRolloutResponse> {
        let v1::PauseRolloutRequest { name, etag: _, actor, reason, request_id } = request.into_inner();
        self.enter("PauseRollout", &request_id, &[&name, &actor, &reason]).await?;
        answer(v1::PauseRolloutResponse { rollout: self.ordered(&name)? })
    }

    async fn resume_rollout(&self, request: Request<v1::ResumeRolloutRequest>) -> Answer<v1::ResumeRolloutResponse> {
        let v1::ResumeRolloutRequest { name, etag: _, actor, reason, request_id } = request.into_inner();
        self.enter("ResumeRollout", &request_id, &[&name, &actor, &reason]).await?;
        answer(v1::ResumeRolloutResponse { rollout: self.ordered(&name)? })
    }

    async fn rollback_rollout(
        &self,
        request: Request<v1::RollbackRolloutRequest>,
    ) -> Answer<v1::RollbackRolloutResponse> {
        let v1::RollbackRolloutRequest { name, etag: _, actor, reason, request_id, scope } = request.into_inner();
        let scope = match scope {
            Some(v1::rollback_rollout_request::Scope::Fleet(_)) => "fleet".to_owned(),
            Some(v1::rollback_rollout_request::Scope::Wave(_)) => "wave".to_owned(),
            Some(v1::rollback_rollout_request::Scope::Region(region)) => region,
            None => String::new(),
        };
        self.enter("RollbackRollout", &request_id, &[&name, &actor, &reason, &scope]).await?;
        answer(v1::RollbackRolloutResponse { rollout: self.ordered(&name)? })
    }

    async fn abandon_rollout(&self, request: Request<v1::AbandonRolloutRequest>) -> Answer<v1::AbandonRolloutResponse> {
        let v1::AbandonRolloutRequest { name, etag: _, actor, reason, request_id } = request.into_inner();
        self.enter("AbandonRollout", &request_id, &[&name, &actor, &reason]).await?;
        answer(v1::AbandonRolloutResponse { rollout: self.ordered(&name)? })
    }

    async fn approve_rollout(&self, request: Request<v1::ApproveRolloutRequest>) -> Answer<v1::ApproveRolloutResponse> {
        let v1::ApproveRolloutRequest { name, etag: _, actor, reason, request_id, role, wave, plan } =
            request.into_inner();
        self.enter("ApproveRollout", &request_id, &[&name, &actor, &reason, &role, &wave, &plan]).await?;
        answer(v1::ApproveRolloutResponse { rollout: self.ordered(&name)? })
    }

    async fn revoke_approval(&self, request: Request<v1::RevokeApprovalRequest>) -> Answer<v1::RevokeApprovalResponse> {
        let v1::RevokeApprovalRequest { name, etag: _, actor, reason, request_id, role, wave } = request.into_inner();
        self.enter("RevokeApproval", &request_id, &[&name, &actor, &reason, &role, &wave]).await?;
        answer(v1::RevokeApprovalResponse { rollout: self.ordered(&name)? })
    }

    async fn sign_item(&self, request: Request<v1::SignItemRequest>) -> Answer<v1::SignItemResponse> {
        let v1::SignItemRequest { name, etag: _, actor, reason, request_id, item, evidence_uri, evidence_digest } =
            request.into_inner();
        let words = [name.as_str(), &actor, &reason, &item, &evidence_uri, &evidence_digest];
        self.enter("SignItem", &request_id, &words).await?;
        answer(v1::SignItemResponse { rollout: self.ordered(&name)? })
    }

    async fn revoke_sign_off(&self, request: Request<v1::RevokeSignOffRequest>) -> Answer<v1::RevokeSignOffResponse> {
        let v1::RevokeSignOffRequest { name, etag: _, actor, reason, request_id, item } = request.into_inner();
        self.enter("RevokeSignOff", &request_id, &[&name, &actor, &reason, &item]).await?;
        answer(v1::RevokeSignOffResponse { rollout: self.ordered(&name)? })
    }

    async fn board_train(&self, request: Request<v1::BoardTrainRequest>) -> Answer<v1::BoardTrainResponse> {
        let v1::BoardTrainRequest { name, etag: _, actor, reason, request_id, train } = request.into_inner();
        self.enter("BoardTrain", &request_id, &[&name, &actor, &reason, &train]).await?;
        answer(v1::BoardTrainResponse { rollout: self.ordered(&name)? })
    }

    async fn watch_rollouts(&self, request: Request<v1::WatchRolloutsRequest>) -> Answer<Messages> {
        let v1::WatchRolloutsRequest { target, start_revision } = request.into_inner();
        self.enter("WatchRollouts", "", &[&target, &start_revision.to_string()]).await?;
        if let Some(refused) = self.unbegun(&target).filter(|_| !self.lock().rollouts.contains_key(&target)) {
            return Err(refused);
        }
        let state = self.lock();
        if start_revision != 0 && start_revision < state.compacted {
            return Err(status(RefusalKind::OutOfRange, "COMPACTED", "this revision is no longer kept"));
        }
        let told: Vec<_> = if start_revision == 0 {
            let kept = state.rollouts.values().filter(|rollout| is_target(&rollout.name, &target));
            kept.map(|rollout| Item::Snapshot(rollout.clone())).collect()
        } else {
            let missed = state.history.iter().filter(|rollout| rollout.revision > start_revision);
            missed.filter(|rollout| is_target(&rollout.name, &target)).cloned().map(Item::Delta).collect()
        };
        let synced = Item::Synced(Synced { revision: state.revision });
        let live = BroadcastStream::new(state.subscribe())
            .take_while(|signal| std::future::ready(matches!(signal, Ok(Signal::Delta(_)))))
            .filter_map(move |signal| {
                let delta = match signal {
                    Ok(Signal::Delta(rollout)) if is_target(&rollout.name, &target) => Some(Item::Delta(*rollout)),
                    Ok(Signal::Delta(_) | Signal::Cut) | Err(_) => None,
                };
                std::future::ready(delta.map(message))
            });
        let told = stream::iter(told.into_iter().chain([synced]).map(message));
        answer(Box::pin(told.chain(live)))
    }

    async fn list_decisions(&self, request: Request<v1::ListDecisionsRequest>) -> Answer<v1::ListDecisionsResponse> {
        let parent = request.into_inner().parent;
        self.enter("ListDecisions", "", &[&parent]).await?;
        let is_of = |d: &&v1::Decision| d.rollout == parent || d.name.starts_with(&format!("{parent}/"));
        let decisions = self.lock().decisions.iter().filter(is_of).cloned().collect();
        answer(v1::ListDecisionsResponse { decisions, next_page_token: String::new() })
    }

    async fn explain_analysis(
        &self,
        request: Request<v1::ExplainAnalysisRequest>,
    ) -> Answer<v1::ExplainAnalysisResponse> {
        let name = request.into_inner().name;
        self.enter("ExplainAnalysis", "", &[&name]).await?;
        let findings = self.lock().findings.get(&name).cloned().ok_or_else(|| not_found(&name))?;
        let loads = self.lock().loads.get(&name).cloned().unwrap_or_default();
        answer(v1::ExplainAnalysisResponse { findings, loads, view_time: None })
    }

    async fn export_rollout(&self, request: Request<v1::ExportRolloutRequest>) -> Answer<v1::ExportRolloutResponse> {
        let name = request.into_inner().name;
        self.enter("ExportRollout", "", &[&name]).await?;
        let export = self.lock().exports.get(&name).cloned();
        answer(export.ok_or_else(|| not_found(&name))?)
    }
}

fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}
