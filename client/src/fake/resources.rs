//! The resource services of the server in memory. Listings come in pages of two, so that paging is always exercised.

use std::collections::BTreeMap;

use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::plan_service_server::PlanService;
use meridian_proto::r#gen::v1::playbook_service_server::PlaybookService;
use meridian_proto::r#gen::v1::region_service_server::RegionService;
use meridian_proto::r#gen::v1::release_service_server::ReleaseService;
use meridian_proto::r#gen::v1::service_service_server::ServiceService;
use tonic::{Request, Response, Status};

use super::Shared;
use super::refusal::{not_found, status};
use super::state::{Shelf, Tagged};
use crate::error::RefusalKind;

const PAGE: usize = 2;

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

/// A page of what begins with a prefix, and the token of the next.
pub(super) fn page<T: Clone>(items: &BTreeMap<String, T>, prefix: &str, token: &str) -> (Vec<T>, String) {
    let mut rest = items.iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() > token);
    let page: Vec<_> = rest.by_ref().take(PAGE).collect();
    let next = if rest.next().is_some() { page.last().map(|(name, _)| (*name).clone()) } else { None };
    (page.into_iter().map(|(_, item)| item.clone()).collect(), next.unwrap_or_default())
}

fn find<T: Clone>(items: &BTreeMap<String, T>, name: &str) -> Result<T, Status> {
    items.get(name).cloned().ok_or_else(|| not_found(name))
}

fn change<T: Tagged>(shelf: &mut Shelf<T>, name: &str, given: Option<T>, is_check: bool) -> Result<T, Status> {
    let mut given = given.ok_or_else(|| status(RefusalKind::Invalid, "INVALID_MANIFEST", "nothing was given"))?;
    if let Some(mut kept) = shelf.items.get(name).cloned()
        && !given.etag().is_empty()
        && given.etag() != kept.etag()
    {
        return Err(status(RefusalKind::Conflict, "STALE_ETAG", "somebody was faster"));
    }
    if is_check { Ok(given) } else { Ok(shelf.put(name.to_owned(), given)) }
}

fn remove<T>(shelf: &mut Shelf<T>, name: &str) -> Result<(), Status> {
    shelf.items.remove(name).map(|_| ()).ok_or_else(|| not_found(name))
}

fn named<T>(given: Option<&T>, name: impl Fn(&T) -> &String) -> String {
    given.map(|given| name(given).clone()).unwrap_or_default()
}

#[tonic::async_trait]
impl ServiceService for Shared {
    async fn get_service(&self, request: Request<v1::GetServiceRequest>) -> Answer<v1::GetServiceResponse> {
        let name = request.into_inner().name;
        self.enter("GetService", "", &[&name]).await?;
        answer(v1::GetServiceResponse { service: Some(find(&self.lock().services.items, &name)?) })
    }

    async fn list_services(&self, request: Request<v1::ListServicesRequest>) -> Answer<v1::ListServicesResponse> {
        self.enter("ListServices", "", &[]).await?;
        let (services, next_page_token) = page(&self.lock().services.items, "", &request.into_inner().page_token);
        answer(v1::ListServicesResponse { services, next_page_token })
    }

    async fn update_service(&self, request: Request<v1::UpdateServiceRequest>) -> Answer<v1::UpdateServiceResponse> {
        let request = request.into_inner();
        let name = named(request.service.as_ref(), |service| &service.name);
        self.enter("UpdateService", &request.request_id, &[&name]).await?;
        let service = change(&mut self.lock().services, &name, request.service, request.validate_only)?;
        answer(v1::UpdateServiceResponse { service: Some(service) })
    }

    async fn delete_service(&self, request: Request<v1::DeleteServiceRequest>) -> Answer<v1::DeleteServiceResponse> {
        let request = request.into_inner();
        self.enter("DeleteService", &request.request_id, &[&request.name]).await?;
        remove(&mut self.lock().services, &request.name)?;
        answer(v1::DeleteServiceResponse {})
    }

    async fn release_hold(&self, request: Request<v1::ReleaseHoldRequest>) -> Answer<v1::ReleaseHoldResponse> {
        let v1::ReleaseHoldRequest { name, actor, reason, request_id } = request.into_inner();
        self.enter("ReleaseHold", &request_id, &[&name, &actor, &reason]).await?;
        let service = v1::Service { hold: None, ..find(&self.lock().services.items, &name)? };
        answer(v1::ReleaseHoldResponse { service: Some(self.lock().services.put(name, service)) })
    }
}

#[tonic::async_trait]
impl PlaybookService for Shared {
    async fn get_playbook(&self, request: Request<v1::GetPlaybookRequest>) -> Answer<v1::GetPlaybookResponse> {
        let name = request.into_inner().name;
        self.enter("GetPlaybook", "", &[&name]).await?;
        answer(v1::GetPlaybookResponse { playbook: Some(find(&self.lock().playbooks.items, &name)?) })
    }

    async fn list_playbooks(&self, request: Request<v1::ListPlaybooksRequest>) -> Answer<v1::ListPlaybooksResponse> {
        self.enter("ListPlaybooks", "", &[]).await?;
        let (playbooks, next_page_token) = page(&self.lock().playbooks.items, "", &request.into_inner().page_token);
        answer(v1::ListPlaybooksResponse { playbooks, next_page_token })
    }

    async fn update_playbook(&self, request: Request<v1::UpdatePlaybookRequest>) -> Answer<v1::UpdatePlaybookResponse> {
        let request = request.into_inner();
        let name = named(request.playbook.as_ref(), |playbook| &playbook.name);
        self.enter("UpdatePlaybook", &request.request_id, &[&name]).await?;
        let playbook = change(&mut self.lock().playbooks, &name, request.playbook, request.validate_only)?;
        answer(v1::UpdatePlaybookResponse { playbook: Some(playbook) })
    }

    async fn delete_playbook(&self, request: Request<v1::DeletePlaybookRequest>) -> Answer<v1::DeletePlaybookResponse> {
        let request = request.into_inner();
        self.enter("DeletePlaybook", &request.request_id, &[&request.name]).await?;
        remove(&mut self.lock().playbooks, &request.name)?;
        answer(v1::DeletePlaybookResponse {})
    }
}

#[tonic::async_trait]
impl ReleaseService for Shared {
    async fn create_release(&self, request: Request<v1::CreateReleaseRequest>) -> Answer<v1::CreateReleaseResponse> {
        let request = request.into_inner();
        let name = named(request.release.as_ref(), |release| &release.name);
        self.enter("CreateRelease", &request.request_id, &[&name]).await?;
        let mut state = self.lock();
        let there = state.releases.items.get(&name);
        if let (Some(there), Some(given)) = (there, &request.release)
            && there.digest != given.digest
        {
            let message = "a release never changes; choose another version";
            return Err(status(RefusalKind::AlreadyExists, "RELEASE_IMMUTABLE", message));
        }
        let release = change(&mut state.releases, &name, request.release, request.validate_only)?;
        answer(v1::CreateReleaseResponse { release: Some(release) })
    }

    async fn get_release(&self, request: Request<v1::GetReleaseRequest>) -> Answer<v1::GetReleaseResponse> {
        let name = request.into_inner().name;
        self.enter("GetRelease", "", &[&name]).await?;
        answer(v1::GetReleaseResponse { release: Some(find(&self.lock().releases.items, &name)?) })
    }

    async fn veto_release(&self, request: Request<v1::VetoReleaseRequest>) -> Answer<v1::VetoReleaseResponse> {
        let v1::VetoReleaseRequest { name, actor, reason, request_id } = request.into_inner();
        self.enter("VetoRelease", &request_id, &[&name, &actor, &reason]).await?;
        let veto = Some(v1::Veto { actor, reason, ..v1::Veto::default() });
        let release = v1::Release { veto, ..find(&self.lock().releases.items, &name)? };
        answer(v1::VetoReleaseResponse { release: Some(self.lock().releases.put(name, release)) })
    }

    async fn unveto_release(&self, request: Request<v1::UnvetoReleaseRequest>) -> Answer<v1::UnvetoReleaseResponse> {
        let v1::UnvetoReleaseRequest { name, actor, reason, request_id } = request.into_inner();
        self.enter("UnvetoRelease", &request_id, &[&name, &actor, &reason]).await?;
        let release = v1::Release { veto: None, ..find(&self.lock().releases.items, &name)? };
        answer(v1::UnvetoReleaseResponse { release: Some(self.lock().releases.put(name, release)) })
    }

    async fn list_releases(&self, request: Request<v1::ListReleasesRequest>) -> Answer<v1::ListReleasesResponse> {
        let request = request.into_inner();
        self.enter("ListReleases", "", &[&request.parent]).await?;
        let prefix = format!("{}/", request.parent);
        let (releases, next_page_token) = page(&self.lock().releases.items, &prefix, &request.page_token);
        answer(v1::ListReleasesResponse { releases, next_page_token })
    }
}

#[tonic::async_trait]
impl RegionService for Shared {
    async fn get_region(&self, request: Request<v1::GetRegionRequest>) -> Answer<v1::GetRegionResponse> {
        let name = request.into_inner().name;
        self.enter("GetRegion", "", &[&name]).await?;
        answer(v1::GetRegionResponse { region: Some(find(&self.lock().regions.items, &name)?) })
    }

    async fn list_regions(&self, request: Request<v1::ListRegionsRequest>) -> Answer<v1::ListRegionsResponse> {
        self.enter("ListRegions", "", &[]).await?;
        let (regions, next_page_token) = page(&self.lock().regions.items, "", &request.into_inner().page_token);
        answer(v1::ListRegionsResponse { regions, next_page_token })
    }

    async fn update_region(&self, request: Request<v1::UpdateRegionRequest>) -> Answer<v1::UpdateRegionResponse> {
        let request = request.into_inner();
        let name = named(request.region.as_ref(), |region| &region.name);
        self.enter("UpdateRegion", &request.request_id, &[&name]).await?;
        let region = change(&mut self.lock().regions, &name, request.region, request.validate_only)?;
        answer(v1::UpdateRegionResponse { region: Some(region) })
    }

    async fn confirm_region(&self, request: Request<v1::ConfirmRegionRequest>) -> Answer<v1::ConfirmRegionResponse> {
        let request = request.into_inner();
        self.enter("ConfirmRegion", &request.request_id, &[&request.name, &request.actor, &request.reason]).await?;
        let mut region = find(&self.lock().regions.items, &request.name)?;
        region.quarantine = None;
        let region = change(&mut self.lock().regions, &request.name, Some(region), false)?;
        answer(v1::ConfirmRegionResponse { region: Some(region) })
    }

    async fn drain_region(&self, request: Request<v1::DrainRegionRequest>) -> Answer<v1::DrainRegionResponse> {
        let v1::DrainRegionRequest { name, actor, reason, request_id } = request.into_inner();
        self.enter("DrainRegion", &request_id, &[&name, &actor, &reason]).await?;
        let drain = Some(v1::RegionDrain { actor, reason, drained: true, ..v1::RegionDrain::default() });
        let region = v1::Region { drain, ..find(&self.lock().regions.items, &name)? };
        let region = change(&mut self.lock().regions, &name, Some(region), false)?;
        answer(v1::DrainRegionResponse { region: Some(region) })
    }

    async fn undrain_region(&self, request: Request<v1::UndrainRegionRequest>) -> Answer<v1::UndrainRegionResponse> {
        let v1::UndrainRegionRequest { name, actor, reason, request_id } = request.into_inner();
        self.enter("UndrainRegion", &request_id, &[&name, &actor, &reason]).await?;
        let mut region = find(&self.lock().regions.items, &name)?;
        let undrain = |drain| v1::RegionUndrain { drain: Some(drain), actor, reason, time: None };
        region.undrains.splice(..0, region.drain.take().map(undrain));
        let region = change(&mut self.lock().regions, &name, Some(region), false)?;
        answer(v1::UndrainRegionResponse { region: Some(region) })
    }

    async fn join_region(&self, request: Request<v1::JoinRegionRequest>) -> Answer<v1::JoinRegionResponse> {
        let v1::JoinRegionRequest { name, service, actor, request_id } = request.into_inner();
        self.enter("JoinRegion", &request_id, &[&name, &service, &actor]).await?;
        let region = find(&self.lock().regions.items, &name)?;
        let wait = region.joins.into_iter().find(|join| join.service == service);
        match wait {
            Some(join) if join.code == "JOIN_FAILED_BEFORE" || join.code == "JOINERS_WAIT" => {
                answer(v1::JoinRegionResponse { rollout: format!("{service}/rollouts/join-1") })
            }
            Some(join) => Err(status(RefusalKind::Precondition, &join.code, &join.message)),
            None => Err(status(RefusalKind::Precondition, "NOTHING_TO_JOIN", "there is nothing to catch up with")),
        }
    }

    async fn delete_region(&self, request: Request<v1::DeleteRegionRequest>) -> Answer<v1::DeleteRegionResponse> {
        let request = request.into_inner();
        self.enter("DeleteRegion", &request.request_id, &[&request.name]).await?;
        remove(&mut self.lock().regions, &request.name)?;
        answer(v1::DeleteRegionResponse {})
    }
}

#[tonic::async_trait]
impl PlanService for Shared {
    async fn create_plan(&self, request: Request<v1::CreatePlanRequest>) -> Answer<v1::CreatePlanResponse> {
        let request = request.into_inner();
        let v1::CreatePlanRequest { release, playbook, supersede, hotfix_reason, .. } = &request;
        let asked = [release, playbook, supersede, hotfix_reason].map(String::as_str);
        let asked = if supersede.is_empty() { &asked[..2] } else { &asked };
        self.enter("CreatePlan", &request.request_id, asked).await?;
        let is_of = |plan: &v1::Plan| {
            let version = plan.release.as_ref().map(|release| release.version.as_str()).unwrap_or_default();
            format!("{}/releases/{version}", plan.service) == request.release
        };
        let state = self.lock();
        let made = state.plans.values().find(|made| made.plan.as_ref().is_some_and(is_of));
        let refusal = || status(RefusalKind::Precondition, "PLAN_REFUSED", "wave rest selects no region");
        answer(made.cloned().ok_or_else(refusal)?)
    }

    async fn get_plan(&self, request: Request<v1::GetPlanRequest>) -> Answer<v1::GetPlanResponse> {
        let name = request.into_inner().name;
        self.enter("GetPlan", "", &[&name]).await?;
        let v1::CreatePlanResponse { plan, forecast, warnings: _, departure: _ } = find(&self.lock().plans, &name)?;
        answer(v1::GetPlanResponse { plan, create_time: None, forecast })
    }
}
