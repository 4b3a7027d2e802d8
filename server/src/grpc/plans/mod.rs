//! `meridian.v1.PlanService`.

pub mod sets;

use meridian_calendar::{ShutOut, first_departure, shut_out};
use meridian_core::calendar::{Departure, Interval};
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::observation::Contact;
use meridian_core::plan::forecast::forecast;
use meridian_core::plan::supersede::REASON_BYTES_MAX;
use meridian_core::plan::{Plan, PlanRefusal};
use meridian_core::release::Reversibility;
use meridian_core::rollout::supersede::SupersedeRefused;
use meridian_core::time::{Span, Timestamp};
use meridian_proto::convert::{forecast_to_wire, name, parse_playbook_or_revision, text, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::plan_service_server::PlanService;
use tonic::{Request, Response, Status};

use crate::catalog::PlanOrder;
use crate::error::EngineError;
use crate::grpc::field::{self, at, mark};
use crate::grpc::{Shared, status, terms};

/// Regions named in one warning; the rest are counted.
const NAMED_MAX: usize = 10;

/// Answers for plans.
pub struct Plans {
    pub(in crate::grpc) shared: Shared,
}

impl Plans {
    /// Things to know before the start.
    fn warnings(&self, plan: &Plan) -> Vec<String> {
        let mut warnings = Vec::new();
        let first: Vec<_> =
            plan.lanes.iter().filter(|(_, lane)| lane.base.is_none()).map(|(region, _)| region).collect();
        if !first.is_empty() {
            warnings.push(format!("no way back in {}: nothing has served there before", listed(&first)));
        }
        let unrehearsed = plan.unrehearsed();
        if !unrehearsed.is_empty() {
            let where_ = listed(&unrehearsed);
            warnings.push(format!("no way back is rehearsed in {where_}: nothing has served there before"));
        }
        if let Some(supersede) = &plan.supersedes {
            let over = &supersede.rollout;
            warnings.push(format!("wherever {over} has begun, traffic goes back to the stable release first"));
        }
        let now = self.shared.clock.now();
        let sessions = self.shared.engine.sessions();
        let contact = |region| sessions.region(region, now).map_or(Contact::Never, |seen| seen.contact);
        let away: Vec<_> = plan.lanes.keys().filter(|region| !matches!(contact(region), Contact::Live(_))).collect();
        if !away.is_empty() {
            warnings.push(format!("not connected now: {}", listed(&away)));
        }
        if let (Reversibility::PointOfNoReturn, Some(wave)) = (plan.reversibility, plan.waves.first()) {
            let line = "from the first traffic on the new release, in wave";
            warnings.push(format!("point of no return: {line} {}, nothing goes back by itself", wave.id));
        }
        if plan.reversibility == Reversibility::Costly {
            warnings.push("going back from this release is costly; see its notes".to_owned());
        }
        warnings.extend(never_through(plan, now));
        warnings
    }
}

/// What keeps the plan from getting through, however well everything goes.
fn never_through(plan: &Plan, now: Timestamp) -> Vec<String> {
    let shut = shut_out(plan, now).into_iter().map(|ShutOut { wave, region, needs }| {
        format!("wave {wave} needs a window of {needs}, and {region} has none in the next two months")
    });
    let departure = first_departure(plan, now).map(|(begins, _)| begins);
    let ashore = plan.timetable.train.as_ref().filter(|_| departure.is_none()).map(|train| {
        format!("no departure of train {train} in the next two months takes it; board another one, or leave it")
    });
    let waits = departure.map_or(Span::ZERO, |begins| begins.since(now));
    let (ends, total) = (forecast(plan).last().map(|last| waits.plus(last.settles)), plan.limits.total);
    let late = ends.filter(|ends| *ends >= total);
    let late = late
        .map(|ends| format!("it takes {ends} at least from its start, and limits.total takes it back after {total}"));
    shut.chain(ashore).chain(late).collect()
}

/// With which departure the plan begins, if it is started now.
fn departure(plan: &Plan, now: Timestamp) -> Option<v1::Departure> {
    let (begins, Departure { train, increment, during: Interval { from, to } }) = first_departure(plan, now)?;
    Some(v1::Departure {
        train,
        increment: increment.unwrap_or_default(),
        depart_time: Some(timestamp_to_wire(from)),
        close_time: Some(timestamp_to_wire(to)),
        begin_time: Some(timestamp_to_wire(begins)),
    })
}

/// The rollout whose lanes are to be taken over, and why if that is for a hotfix.
fn superseded(
    service: &ServiceId,
    supersede: &str,
    reason: String,
) -> Result<Option<(RolloutId, Option<String>)>, Status> {
    let reason = at("", text("hotfix_reason", reason, REASON_BYTES_MAX))?;
    let hotfix = Some(reason).filter(|reason| !reason.is_empty());
    if hotfix.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(field::missing("hotfix_reason"));
    }
    if supersede.is_empty() {
        return if hotfix.is_some() { Err(field::missing("supersede")) } else { Ok(None) };
    }
    let (of, id) = at("supersede", name::parse_rollout(supersede))?;
    if of != *service {
        let refused = SupersedeRefused::OtherService { rollout: id, service: of };
        return Err(status::refused(&EngineError::PlanRefused(vec![PlanRefusal::Supersede(refused)])));
    }
    Ok(Some((id, hotfix)))
}

fn listed(regions: &[&meridian_core::id::RegionId]) -> String {
    let named: Vec<&str> = regions.iter().take(NAMED_MAX).map(|region| region.as_str()).collect();
    let rest = regions.len().saturating_sub(NAMED_MAX);
    if rest == 0 { named.join(", ") } else { format!("{} and {rest} more", named.join(", ")) }
}

#[tonic::async_trait]
impl PlanService for Plans {
    async fn create_plan(
        &self,
        request: Request<v1::CreatePlanRequest>,
    ) -> Result<Response<v1::CreatePlanResponse>, Status> {
        let message = request.into_inner();
        let request = mark("CreatePlan", &message.request_id, &message)?;
        let v1::CreatePlanRequest { release, playbook, validate_only, request_id: _, supersede, hotfix_reason } =
            message;
        let (service, version) = at("release", name::parse_release(&release))?;
        let (playbook, revision) = at("playbook", parse_playbook_or_revision(&playbook))?;
        let supersede = superseded(&service, &supersede, hotfix_reason)?;
        let order = PlanOrder { service, version, playbook, revision, supersede, set: None };
        let made = self.shared.catalog.make_plan(&order, &terms(true, validate_only, None, request)).await;
        let plan = made.map_err(|error| status::refused(&error))?.plan;
        Ok(Response::new(v1::CreatePlanResponse {
            forecast: forecast_to_wire(&plan),
            warnings: self.warnings(&plan),
            departure: departure(&plan, self.shared.clock.now()),
            plan: Some((&**plan).into()),
        }))
    }

    async fn get_plan(&self, request: Request<v1::GetPlanRequest>) -> Result<Response<v1::GetPlanResponse>, Status> {
        let v1::GetPlanRequest { name } = request.into_inner();
        let hash = at("name", name::parse_plan(&name))?;
        let stored = self.shared.catalog.plan(&hash).await.map_err(|error| status::refused(&error))?.value;
        Ok(Response::new(v1::GetPlanResponse {
            forecast: forecast_to_wire(&stored.plan),
            create_time: Some(timestamp_to_wire(stored.created)),
            plan: Some((&stored.plan).into()),
        }))
    }
}
