//! `meridian.v1.ServiceService`.

use meridian_core::id::ServiceId;
use meridian_core::rollout::veto::VetoOrder;
use meridian_proto::convert::{
    TEXT_BYTES_MAX, labels, name, parameters_from_wire, parameters_to_wire, text, timestamp_to_wire,
};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::service_service_server::ServiceService;
use meridian_store::{layout, record};
use tonic::{Request, Response, Status};

use super::field::{self, at, etag, etag_to_wire, mark};
use super::orders::said;
use super::{Shared, status, terms, view};
use crate::catalog::{ServiceText, Stored, Terms};
use crate::engine::VetoCall;

const LISTING: &str = "services";

/// Answers for services.
pub struct Services {
    pub(super) shared: Shared,
}

impl Services {
    async fn view(&self, id: &ServiceId, stored: &Stored<record::Service>) -> Result<v1::Service, Status> {
        let head = self.shared.catalog.head_of(id).await.map_err(|error| status::refused(&error))?;
        let record::Service { description, owner, labels, parameters, created, updated } = &stored.value;
        Ok(v1::Service {
            name: name::service(id),
            description: description.clone(),
            owner: owner.clone(),
            labels: labels.clone(),
            parameters: parameters_to_wire(parameters),
            etag: etag_to_wire(stored.revision),
            create_time: Some(timestamp_to_wire(*created)),
            update_time: Some(timestamp_to_wire(*updated)),
            vetoed_digests: head.vetoes.digests.keys().map(ToString::to_string).collect(),
            hold: head.vetoes.hold.as_ref().map(|veto| view::veto(id, veto)),
        })
    }
}

#[tonic::async_trait]
impl ServiceService for Services {
    async fn get_service(
        &self,
        request: Request<v1::GetServiceRequest>,
    ) -> Result<Response<v1::GetServiceResponse>, Status> {
        let v1::GetServiceRequest { name } = request.into_inner();
        let id = at("name", name::parse_service(&name))?;
        let stored = self.shared.catalog.get(&id).await.map_err(|error| status::refused(&error))?;
        let service = Some(self.view(&id, &stored).await?);
        Ok(Response::new(v1::GetServiceResponse { service }))
    }

    async fn list_services(
        &self,
        request: Request<v1::ListServicesRequest>,
    ) -> Result<Response<v1::ListServicesResponse>, Status> {
        let v1::ListServicesRequest { page_size, page_token } = request.into_inner();
        let wanted = field::page(LISTING, &layout::services(), page_size, &page_token)?;
        let page =
            self.shared.catalog.services(wanted.after, wanted.size).await.map_err(|error| status::refused(&error))?;
        let mut services = Vec::with_capacity(page.items.len());
        for (id, stored) in &page.items {
            services.push(self.view(id, stored).await?);
        }
        let next_page_token = field::next_page(LISTING, page.next.as_ref());
        Ok(Response::new(v1::ListServicesResponse { services, next_page_token }))
    }

    async fn update_service(
        &self,
        request: Request<v1::UpdateServiceRequest>,
    ) -> Result<Response<v1::UpdateServiceResponse>, Status> {
        let message = request.into_inner();
        let request = mark("UpdateService", &message.request_id, &message)?;
        let v1::UpdateServiceRequest { service, allow_missing, validate_only, request_id: _ } = message;
        let v1::Service {
            name,
            description,
            owner,
            labels: all,
            etag: given,
            create_time: _,
            update_time: _,
            vetoed_digests: _,
            hold: _,
            parameters,
        } = service.ok_or_else(|| field::missing("service"))?;
        let id = at("service.name", name::parse_service(&name))?;
        let words = ServiceText {
            description: at("service", text("description", description, TEXT_BYTES_MAX))?,
            owner: at("service", text("owner", owner, TEXT_BYTES_MAX))?,
            labels: at("service", labels("labels", all))?,
            parameters: at("service", parameters_from_wire("parameters", parameters))?,
        };
        let terms = terms(allow_missing, validate_only, etag("service.etag", &given)?, request);
        let stored =
            self.shared.catalog.put_service(&id, words, &terms).await.map_err(|error| status::refused(&error))?;
        let service = Some(self.view(&id, &stored).await?);
        Ok(Response::new(v1::UpdateServiceResponse { service }))
    }

    async fn release_hold(
        &self,
        request: Request<v1::ReleaseHoldRequest>,
    ) -> Result<Response<v1::ReleaseHoldResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("ReleaseHold", &message.request_id, &message)?;
        let v1::ReleaseHoldRequest { name, actor, reason, request_id: _ } = message;
        let id = at("name", name::parse_service(&name))?;
        let stored = self.shared.catalog.get(&id).await.map_err(|error| status::refused(&error))?;
        let (actor, reason) = said(actor, reason, &caller)?;
        let call = VetoCall { service: id.clone(), order: VetoOrder::ReleaseHold, actor, reason, request };
        self.shared.engine.veto(&call).await.map_err(|error| status::refused(&error))?;
        let service = Some(self.view(&id, &stored).await?);
        Ok(Response::new(v1::ReleaseHoldResponse { service }))
    }

    async fn delete_service(
        &self,
        request: Request<v1::DeleteServiceRequest>,
    ) -> Result<Response<v1::DeleteServiceResponse>, Status> {
        let message = request.into_inner();
        let request = mark("DeleteService", &message.request_id, &message)?;
        let v1::DeleteServiceRequest { name, etag: given, request_id: _ } = message;
        let id = at("name", name::parse_service(&name))?;
        let terms = Terms { etag: etag("etag", &given)?, request, ..Terms::default() };
        self.shared.catalog.remove_service(&id, &terms).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::DeleteServiceResponse {}))
    }
}
