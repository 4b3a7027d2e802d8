//! `meridian.v1.WatchService`: watches, KPIs, feedback and milestones.

mod told;
mod view;

use meridian_core::id::KpiId;
use meridian_core::watch::{Event, Feedback, Source};
use meridian_proto::convert::{InvalidKind, decimal, name, new_action_from_wire, timestamp_from_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::watch_service_server::WatchService;
use meridian_store::layout;
use tonic::{Request, Response, Status};

use super::field::{self, at, mark};
use super::orders::actor_of;
use super::{Shared, status};
use crate::tls::Caller;
use crate::watching::NewFeedback;

use told::Told;

/// The most watches of a page: each may be large.
const WATCHES_MAX: usize = 4;
/// The most answers of a page: their texts together stay below what a message may have.
const ANSWERS_MAX: usize = 500;

/// Answers for watches.
pub struct WatchCalls {
    pub(super) shared: Shared,
}

#[tonic::async_trait]
impl WatchService for WatchCalls {
    async fn get_watch(&self, request: Request<v1::GetWatchRequest>) -> Result<Response<v1::GetWatchResponse>, Status> {
        let v1::GetWatchRequest { name } = request.into_inner();
        let (service, rollout) = at("name", name::parse_watch(&name))?;
        let watch = self.shared.watches.get(&service, &rollout).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::GetWatchResponse { watch: Some(view::watch(&watch)) }))
    }

    async fn list_watches(
        &self,
        request: Request<v1::ListWatchesRequest>,
    ) -> Result<Response<v1::ListWatchesResponse>, Status> {
        let v1::ListWatchesRequest { parent, page_size, page_token } = request.into_inner();
        let service = at("parent", name::parse_service(&parent))?;
        let listing = format!("watches of {service}");
        let wanted = field::page(&listing, &layout::watches(&service), page_size, &page_token)?;
        let page = self.shared.watches.list(&service, wanted.after, wanted.size.min(WATCHES_MAX)).await;
        let page = page.map_err(|error| status::refused(&error))?;
        let next_page_token = field::next_page(&listing, page.next.as_ref());
        let watches = page.items.iter().map(view::watch).collect();
        Ok(Response::new(v1::ListWatchesResponse { watches, next_page_token }))
    }

    async fn list_watch_decisions(
        &self,
        request: Request<v1::ListWatchDecisionsRequest>,
    ) -> Result<Response<v1::ListWatchDecisionsResponse>, Status> {
        let v1::ListWatchDecisionsRequest { name, page_size, page_token } = request.into_inner();
        let (service, rollout) = at("name", name::parse_watch(&name))?;
        let listing = format!("decisions of {name}");
        let wanted = field::page(&listing, &layout::watch_audits(&service, &rollout), page_size, &page_token)?;
        let page = self.shared.watches.decisions(&service, &rollout, wanted.after, wanted.size).await;
        let page = page.map_err(|error| status::refused(&error))?;
        let next_page_token = field::next_page(&listing, page.next.as_ref());
        let decisions = page.items.iter().map(view::decision).collect();
        Ok(Response::new(v1::ListWatchDecisionsResponse { decisions, next_page_token }))
    }

    async fn hold_review(
        &self,
        request: Request<v1::HoldReviewRequest>,
    ) -> Result<Response<v1::HoldReviewResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("HoldReview", &message.request_id, &message)?;
        let v1::HoldReviewRequest { name, review, text, actor, etag, request_id: _ } = message;
        let told = Told { name, text, actor, etag, request, caller: &caller };
        let watch = self.order(told, told::REVIEW_BYTES_MAX, |said| Event::Hold(review, said)).await?;
        Ok(Response::new(v1::HoldReviewResponse { watch }))
    }

    async fn sign_review(
        &self,
        request: Request<v1::SignReviewRequest>,
    ) -> Result<Response<v1::SignReviewResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("SignReview", &message.request_id, &message)?;
        let v1::SignReviewRequest { name, review, text, actor, etag, request_id: _ } = message;
        let told = Told { name, text, actor, etag, request, caller: &caller };
        let watch = self.order(told, told::REVIEW_BYTES_MAX, |said| Event::Sign(review, said)).await?;
        Ok(Response::new(v1::SignReviewResponse { watch }))
    }

    async fn sign_evaluation(
        &self,
        request: Request<v1::SignEvaluationRequest>,
    ) -> Result<Response<v1::SignEvaluationResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("SignEvaluation", &message.request_id, &message)?;
        let v1::SignEvaluationRequest { name, text, waive, actor, etag, request_id: _ } = message;
        let waive = told::bounded("waive", waive, told::ACTION_BYTES_MAX)?;
        let waive = Some(waive).filter(|waive| !waive.trim().is_empty());
        let told = Told { name, text, actor, etag, request, caller: &caller };
        let watch = self.order(told, told::REVIEW_BYTES_MAX, |said| Event::Evaluate { said, waive }).await?;
        Ok(Response::new(v1::SignEvaluationResponse { watch }))
    }

    async fn add_action(
        &self,
        request: Request<v1::AddActionRequest>,
    ) -> Result<Response<v1::AddActionResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("AddAction", &message.request_id, &message)?;
        let v1::AddActionRequest { name, action, actor, request_id: _ } = message;
        let wire = action.ok_or_else(|| field::missing("action"))?;
        let (action, text) = at("action", new_action_from_wire(wire))?;
        let told = Told { name, text, actor, etag: String::new(), request, caller: &caller };
        let watch = self.order(told, told::ACTION_BYTES_MAX, |said| Event::Add(action, said)).await?;
        Ok(Response::new(v1::AddActionResponse { watch }))
    }

    async fn close_action(
        &self,
        request: Request<v1::CloseActionRequest>,
    ) -> Result<Response<v1::CloseActionResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("CloseAction", &message.request_id, &message)?;
        let v1::CloseActionRequest { name, action, reason, actor, request_id: _ } = message;
        if reason.trim().is_empty() {
            return Err(field::missing("reason"));
        }
        let told = Told { name, text: reason, actor, etag: String::new(), request, caller: &caller };
        let watch = self.order(told, told::ACTION_BYTES_MAX, |said| Event::Close(action, said)).await?;
        Ok(Response::new(v1::CloseActionResponse { watch }))
    }

    async fn add_retrospective(
        &self,
        request: Request<v1::AddRetrospectiveRequest>,
    ) -> Result<Response<v1::AddRetrospectiveResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("AddRetrospective", &message.request_id, &message)?;
        let v1::AddRetrospectiveRequest { name, text, actor, request_id: _ } = message;
        if text.trim().is_empty() {
            return Err(field::missing("text"));
        }
        let told = Told { name, text, actor, etag: String::new(), request, caller: &caller };
        let watch = self.order(told, told::LESSON_BYTES_MAX, Event::Reflect).await?;
        Ok(Response::new(v1::AddRetrospectiveResponse { watch }))
    }

    async fn record_kpi(
        &self,
        request: Request<v1::RecordKpiRequest>,
    ) -> Result<Response<v1::RecordKpiResponse>, Status> {
        let v1::RecordKpiRequest { parent, kpi, value, time } = request.into_inner();
        let service = at("parent", name::parse_service(&parent))?;
        let kpi = KpiId::new(kpi.clone()).map_err(|why| field::bad("kpi", &kpi, InvalidKind::BadName(why)))?;
        let value = at("", decimal("value", &value))?;
        let time = at("time", time.map(timestamp_from_wire).transpose())?;
        let seen = self.shared.watches.record_kpi(&service, &kpi, value, time).await;
        let seen = seen.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::RecordKpiResponse { kpi: Some(view::kpi(&seen)) }))
    }

    async fn list_kpis(&self, request: Request<v1::ListKpisRequest>) -> Result<Response<v1::ListKpisResponse>, Status> {
        let v1::ListKpisRequest { parent } = request.into_inner();
        let service = at("parent", name::parse_service(&parent))?;
        let seen = self.shared.watches.kpis_seen(&service).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::ListKpisResponse { kpis: seen.iter().map(view::kpi).collect() }))
    }

    async fn give_feedback(
        &self,
        request: Request<v1::GiveFeedbackRequest>,
    ) -> Result<Response<v1::GiveFeedbackResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("GiveFeedback", &message.request_id, &message)?;
        let v1::GiveFeedbackRequest { feedback, request_id: _ } = message;
        let mut wire = feedback.ok_or_else(|| field::missing("feedback"))?;
        // The time is the server's, and who says it is as far known as the connection proves.
        wire.time = Some(meridian_proto::convert::timestamp_to_wire(self.shared.clock.now()));
        wire.actor = actor_of(wire.actor, &caller)?;
        let known = matches!(caller.get::<Caller>(), Some(Caller::Known(_)));
        let source = if known { Source::Proven } else { Source::Unverified };
        let feedback = Feedback { source, ..at("feedback", Feedback::try_from(wire))? };
        let kept = self.shared.watches.give(NewFeedback { feedback, request }).await;
        let kept = kept.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::GiveFeedbackResponse { feedback: Some((&kept).into()) }))
    }

    async fn list_feedback(
        &self,
        request: Request<v1::ListFeedbackRequest>,
    ) -> Result<Response<v1::ListFeedbackResponse>, Status> {
        let v1::ListFeedbackRequest { parent, page_size, page_token } = request.into_inner();
        let (service, version) = at("parent", name::parse_release(&parent))?;
        let listing = format!("feedback of {service} {version}");
        let wanted = field::page(&listing, &layout::answers(&service, &version), page_size, &page_token)?;
        let watches = &self.shared.watches;
        let page = watches.feedback(&service, &version, wanted.after, wanted.size.min(ANSWERS_MAX)).await;
        let (page, opinion) = page.map_err(|error| status::refused(&error))?;
        let next_page_token = field::next_page(&listing, page.next.as_ref());
        let feedback = page.items.iter().map(Into::into).collect();
        Ok(Response::new(v1::ListFeedbackResponse { feedback, next_page_token, opinion: Some(opinion.into()) }))
    }

    async fn list_milestones(
        &self,
        request: Request<v1::ListMilestonesRequest>,
    ) -> Result<Response<v1::ListMilestonesResponse>, Status> {
        let v1::ListMilestonesRequest { parent } = request.into_inner();
        let (_, rollout) = at("parent", name::parse_rollout(&parent))?;
        let all = self.shared.watches.milestones(&rollout).await.map_err(|error| status::refused(&error))?;
        let milestones = all.into_iter().map(view::milestone).collect();
        Ok(Response::new(v1::ListMilestonesResponse { milestones }))
    }
}
