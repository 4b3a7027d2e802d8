//! `meridian.v1.RegionService`.

use meridian_core::agent::quarantine::Distrust;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::observation::Contact;
use meridian_core::plan::TrafficShare;
use meridian_proto::convert::{TEXT_BYTES_MAX, labels, name, share_or_none, text, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::region_service_server::RegionService;
use meridian_store::{layout, record};
use tonic::{Request, Response, Status};

use super::field::{self, at, etag, etag_to_wire, mark};
use super::{Shared, status, terms, view};
use crate::catalog::{RegionSpec, ServiceLanes, Stored, Terms, Voucher};

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
        }
    }

    async fn lanes(&self) -> Result<Vec<ServiceLanes>, Status> {
        self.shared.catalog.lanes_of_all().await.map_err(|error| status::refused(&error))
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
        let region = Some(self.view(&id, &stored, &self.lanes().await?));
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
        let regions = page.items.iter().map(|(id, stored)| self.view(id, stored, &lanes)).collect();
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
        } = region.ok_or_else(|| field::missing("region"))?;
        let id = at("region.name", name::parse_region(&name))?;
        let spec = RegionSpec {
            labels: at("region", labels("labels", all))?,
            description: at("region", text("description", description, TEXT_BYTES_MAX))?,
            cordoned,
            traffic_share: at("region", share_or_none("traffic_share", traffic_share))?,
        };
        let terms = terms(allow_missing, validate_only, etag("region.etag", &given)?, request);
        let stored = self.shared.catalog.put_region(&id, spec, &terms).await;
        let stored = stored.map_err(|error| status::refused(&error))?;
        let region = Some(self.view(&id, &stored, &self.lanes().await?));
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
        let voucher = Voucher {
            actor: at("actor", text("", actor, TEXT_BYTES_MAX))?,
            reason: at("reason", text("", reason, TEXT_BYTES_MAX))?,
        };
        let terms = Terms { request, ..Terms::default() };
        let stored = self.shared.catalog.confirm_region(&id, &voucher, &terms).await;
        let stored = stored.map_err(|error| status::refused(&error))?;
        // Servers that hold its session elsewhere see it in the record with the next report.
        self.shared.engine.sessions().believe(&id);
        let region = Some(self.view(&id, &stored, &self.lanes().await?));
        Ok(Response::new(v1::ConfirmRegionResponse { region }))
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
