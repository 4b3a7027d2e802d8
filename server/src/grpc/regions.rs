//! `meridian.v1.RegionService`.

use meridian_core::agent::quarantine::Distrust;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::observation::Contact;
use meridian_core::plan::{JoinWait, TrafficShare};
use meridian_proto::convert::{TEXT_BYTES_MAX, labels, name, share_or_none, text, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::region_service_server::RegionService;
use meridian_store::{layout, record};
use tonic::{Request, Response, Status};

use super::field::{self, at, etag, etag_to_wire, mark};
use super::{Shared, status, terms, view};
use crate::catalog::{RegionSpec, ServiceLanes, Stored, Terms, Voucher};
use crate::error::EngineError;
use crate::joining::JoinCall;

const LISTING: &str = "regions";

/// Answers for regions.
pub struct Regions {
    pub(super) shared: Shared,
}

impl Regions {
    fn view(&self, id: &RegionId, stored: &Stored<record::Region>, lanes: &[ServiceLanes]) -> v1::Region {
        let sessions = self.shared.engine.sessions();
        let seen = sessions.region(id, self.shared.clock.now());
        let (contact, lost) = view::contact(seen.as_ref().map_or(Contact::Never, |seen| seen.contact));
        let lane = |of: &ServiceLanes| {
            let state = of.lanes.get(id)?;
            let live = seen.as_ref().filter(|seen| matches!(seen.contact, Contact::Live(_)));
            let observed = live.and_then(|seen| seen.lanes.get(&of.service));
            let drift = observed.and_then(|seen| sessions.drift(id, &of.service, seen)).map(|drift| drift.to_string());
            Some(v1::RegionLane {
                service: name::service(&of.service),
                stable: state.stable.as_ref().map(Into::into),
                rollout: state.holder().map(|id| name::rollout(&of.service, id)).unwrap_or_default(),
                epoch: Some(state.epoch.into()),
                drift: drift.unwrap_or_default(),
                alone: observed.is_some_and(|seen| seen.alone.is_some()),
                observed_split: observed.and_then(|seen| seen.traffic.as_ref()).map(|traffic| traffic.split.into()),
            })
        };
        let region = &stored.value;
        v1::Region {
            name: name::region(id),
            labels: region.labels.clone(),
            description: region.description.clone(),
            cordoned: region.cordoned,
            etag: etag_to_wire(stored.revision),
            create_time: Some(timestamp_to_wire(region.created)),
            update_time: Some(timestamp_to_wire(region.updated)),
            contact: contact.into(),
            last_seen_time: seen.as_ref().and_then(|seen| seen.heard).or(lost).map(timestamp_to_wire),
            agent_version: region.agent_version.clone(),
            capabilities: region.capabilities.iter().cloned().collect(),
            lanes: lanes.iter().filter_map(lane).collect(),
            traffic_share: region.traffic_share.map(TrafficShare::get).unwrap_or_default(),
            quarantine: region.quarantine.as_ref().map(quarantine),
            drain: region.drain.as_ref().map(|said| drain(id, said, lanes)),
            joins: Vec::new(),
            undrains: region.undrains.iter().rev().map(undrain).collect(),
        }
    }

    /// The region with what keeps it from the fleet's releases.
    async fn with_joins(&self, id: &RegionId, region: v1::Region) -> Result<v1::Region, Status> {
        let joins = self.shared.joining.of_region(id).await.map_err(|error| status::refused(&error))?;
        let joins = joins.iter().map(|(service, wait)| join(service, wait.as_ref())).collect();
        Ok(v1::Region { joins, ..region })
    }

    /// A region after a change.
    async fn changed(
        &self,
        id: &RegionId,
        stored: Result<Stored<record::Region>, EngineError>,
    ) -> Result<v1::Region, Status> {
        let stored = stored.map_err(|error| status::refused(&error))?;
        Ok(self.view(id, &stored, &self.lanes().await?))
    }

    async fn lanes(&self) -> Result<Vec<ServiceLanes>, Status> {
        self.shared.catalog.lanes_of_all().await.map_err(|error| status::refused(&error))
    }
}

/// Who said something, and why.
fn voucher(actor: String, reason: String) -> Result<Voucher, Status> {
    let actor = at("actor", text("", actor, TEXT_BYTES_MAX))?;
    Ok(Voucher { actor, reason: at("reason", text("", reason, TEXT_BYTES_MAX))? })
}

fn drain(region: &RegionId, said: &record::Drain, lanes: &[ServiceLanes]) -> v1::RegionDrain {
    let held = |of: &ServiceLanes| Some(name::rollout(&of.service, of.held_by(|held| held == region)?));
    let waits: Vec<String> = lanes.iter().filter_map(held).collect();
    let record::Drain { actor, reason, since } = said.clone();
    v1::RegionDrain { actor, reason, since_time: Some(timestamp_to_wire(since)), drained: waits.is_empty(), waits }
}

fn undrain(undrain: &record::Undrain) -> v1::RegionUndrain {
    let record::Undrain { drain, actor, reason, time } = undrain.clone();
    let record::Drain { actor: by, reason: why, since } = drain;
    let since_time = Some(timestamp_to_wire(since));
    let drain = v1::RegionDrain { actor: by, reason: why, since_time, ..v1::RegionDrain::default() };
    v1::RegionUndrain { drain: Some(drain), actor, reason, time: Some(timestamp_to_wire(time)) }
}

fn join(service: &ServiceId, wait: Option<&JoinWait>) -> v1::RegionJoin {
    let rollout = wait.and_then(JoinWait::rollout).map(|rollout| name::rollout(service, rollout));
    v1::RegionJoin {
        service: name::service(service),
        code: wait.map_or("", JoinWait::code).to_owned(),
        message: wait.map_or_else(|| "nothing keeps it; it joins at the next look".to_owned(), ToString::to_string),
        rollout: rollout.unwrap_or_default(),
    }
}

fn quarantine(quarantine: &record::Quarantine) -> v1::Quarantine {
    let lane = |(service, doubt): (&ServiceId, &Distrust)| v1::QuarantinedLane {
        service: name::service(service),
        code: doubt.code().to_owned(),
        message: doubt.to_string(),
    };
    let lanes = quarantine.lanes.iter().map(lane).collect();
    v1::Quarantine { since_time: Some(timestamp_to_wire(quarantine.since)), lanes }
}

#[tonic::async_trait]
impl RegionService for Regions {
    async fn get_region(
        &self,
        request: Request<v1::GetRegionRequest>,
    ) -> Result<Response<v1::GetRegionResponse>, Status> {
        let v1::GetRegionRequest { name } = request.into_inner();
        let id = at("name", name::parse_region(&name))?;
        let stored = self.shared.catalog.get(&id).await.map_err(|error| status::refused(&error))?;
        let region = self.view(&id, &stored, &self.lanes().await?);
        let region = Some(self.with_joins(&id, region).await?);
        Ok(Response::new(v1::GetRegionResponse { region }))
    }

    async fn list_regions(
        &self,
        request: Request<v1::ListRegionsRequest>,
    ) -> Result<Response<v1::ListRegionsResponse>, Status> {
        let v1::ListRegionsRequest { page_size, page_token } = request.into_inner();
        let wanted = field::page(LISTING, &layout::regions(), page_size, &page_token)?;
        let page = self.shared.catalog.regions(wanted.after, wanted.size).await;
        let page = page.map_err(|error| status::refused(&error))?;
        let lanes = self.lanes().await?;
        let listed = |id, stored| v1::Region { undrains: Vec::new(), ..self.view(id, stored, &lanes) };
        let regions = page.items.iter().map(|(id, stored)| listed(id, stored)).collect();
        let next_page_token = field::next_page(LISTING, page.next.as_ref());
        Ok(Response::new(v1::ListRegionsResponse { regions, next_page_token }))
    }

    async fn update_region(
        &self,
        request: Request<v1::UpdateRegionRequest>,
    ) -> Result<Response<v1::UpdateRegionResponse>, Status> {
        let message = request.into_inner();
        let request = mark("UpdateRegion", &message.request_id, &message)?;
        let v1::UpdateRegionRequest { region, allow_missing, validate_only, request_id: _ } = message;
        let v1::Region {
            name,
            labels: all,
            description,
            cordoned,
            etag: given,
            create_time: _,
            update_time: _,
            contact: _,
            last_seen_time: _,
            agent_version: _,
            capabilities: _,
            lanes: _,
            traffic_share,
            quarantine: _,
            drain: _,
            joins: _,
            undrains: _,
        } = region.ok_or_else(|| field::missing("region"))?;
        let id = at("region.name", name::parse_region(&name))?;
        let spec = RegionSpec {
            labels: at("region", labels("labels", all))?,
            description: at("region", text("description", description, TEXT_BYTES_MAX))?,
            cordoned,
            traffic_share: at("region", share_or_none("traffic_share", traffic_share))?,
        };
        let terms = terms(allow_missing, validate_only, etag("region.etag", &given)?, request);
        let region = Some(self.changed(&id, self.shared.catalog.put_region(&id, spec, &terms).await).await?);
        Ok(Response::new(v1::UpdateRegionResponse { region }))
    }

    async fn confirm_region(
        &self,
        request: Request<v1::ConfirmRegionRequest>,
    ) -> Result<Response<v1::ConfirmRegionResponse>, Status> {
        let message = request.into_inner();
        let request = mark("ConfirmRegion", &message.request_id, &message)?;
        let v1::ConfirmRegionRequest { name, actor, reason, request_id: _ } = message;
        let id = at("name", name::parse_region(&name))?;
        let voucher = voucher(actor, reason)?;
        let terms = Terms { request, ..Terms::default() };
        let stored = self.shared.catalog.confirm_region(&id, &voucher, &terms).await;
        if stored.is_ok() {
            // Servers that hold its session elsewhere see it in the record with the next report.
            self.shared.engine.sessions().believe(&id);
        }
        let region = Some(self.changed(&id, stored).await?);
        Ok(Response::new(v1::ConfirmRegionResponse { region }))
    }

    async fn drain_region(
        &self,
        request: Request<v1::DrainRegionRequest>,
    ) -> Result<Response<v1::DrainRegionResponse>, Status> {
        let message = request.into_inner();
        let request = mark("DrainRegion", &message.request_id, &message)?;
        let v1::DrainRegionRequest { name, actor, reason, request_id: _ } = message;
        let id = at("name", name::parse_region(&name))?;
        let said = voucher(actor, reason)?;
        if said.reason.trim().is_empty() {
            return Err(field::missing("reason"));
        }
        let terms = Terms { request, ..Terms::default() };
        let region = Some(self.changed(&id, self.shared.catalog.drain_region(&id, &said, &terms).await).await?);
        Ok(Response::new(v1::DrainRegionResponse { region }))
    }

    async fn undrain_region(
        &self,
        request: Request<v1::UndrainRegionRequest>,
    ) -> Result<Response<v1::UndrainRegionResponse>, Status> {
        let message = request.into_inner();
        let request = mark("UndrainRegion", &message.request_id, &message)?;
        let v1::UndrainRegionRequest { name, actor, reason, request_id: _ } = message;
        let id = at("name", name::parse_region(&name))?;
        let said = voucher(actor, reason)?;
        let terms = Terms { request, ..Terms::default() };
        let region = Some(self.changed(&id, self.shared.catalog.undrain_region(&id, &said, &terms).await).await?);
        Ok(Response::new(v1::UndrainRegionResponse { region }))
    }

    async fn join_region(
        &self,
        request: Request<v1::JoinRegionRequest>,
    ) -> Result<Response<v1::JoinRegionResponse>, Status> {
        let message = request.into_inner();
        let request = mark("JoinRegion", &message.request_id, &message)?;
        let v1::JoinRegionRequest { name, service, actor, request_id: _ } = message;
        let region = at("name", name::parse_region(&name))?;
        let service = at("service", name::parse_service(&service))?;
        let actor = at("actor", text("", actor, TEXT_BYTES_MAX))?;
        let call = JoinCall { region, service: service.clone(), actor, request };
        let joined = self.shared.joining.join(call).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::JoinRegionResponse { rollout: name::rollout(&service, &joined) }))
    }

    async fn delete_region(
        &self,
        request: Request<v1::DeleteRegionRequest>,
    ) -> Result<Response<v1::DeleteRegionResponse>, Status> {
        let message = request.into_inner();
        let request = mark("DeleteRegion", &message.request_id, &message)?;
        let v1::DeleteRegionRequest { name, etag: given, request_id: _ } = message;
        let id = at("name", name::parse_region(&name))?;
        let terms = Terms { etag: etag("etag", &given)?, request, ..Terms::default() };
        self.shared.catalog.remove_region(&id, &terms).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::DeleteRegionResponse {}))
    }
}
