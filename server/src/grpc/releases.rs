//! `meridian.v1.ReleaseService`.

use meridian_core::digest::Digest;
use meridian_core::id::ServiceId;
use meridian_core::rollout::veto::{VetoOrder, Vetoes};
use meridian_proto::convert::{name, release_from_wire, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::release_service_server::ReleaseService;
use meridian_store::{layout, record};
use tonic::{Extensions, Request, Response, Status};

use super::field::{self, at, etag_to_wire, mark};
use super::orders::said;
use super::{Shared, status, terms, view};
use crate::catalog::Stored;
use crate::engine::{RequestMark, VetoCall};

/// Answers for releases.
pub struct Releases {
    pub(super) shared: Shared,
}

impl Releases {
    /// The release after an order about its veto.
    async fn order(&self, told: Told, order: impl FnOnce(Digest) -> VetoOrder) -> Result<Option<v1::Release>, Status> {
        let Told { name, actor, reason, request, caller } = told;
        let id = at("name", name::parse_release(&name))?;
        let stored = self.shared.catalog.get::<record::StoredRelease>(&id).await;
        let stored = stored.map_err(|error| status::refused(&error))?;
        let (actor, reason) = said(actor, reason, &caller)?;
        let order = order(stored.value.release.digest);
        let call = VetoCall { service: id.0.clone(), order, actor, reason, request };
        self.shared.engine.veto(&call).await.map_err(|error| status::refused(&error))?;
        Ok(Some(view_of(&stored, &self.vetoes(&id.0).await?)))
    }

    async fn vetoes(&self, service: &ServiceId) -> Result<Vetoes, Status> {
        Ok(self.shared.catalog.head_of(service).await.map_err(|error| status::refused(&error))?.vetoes)
    }
}

/// What an order about a veto carries.
struct Told {
    name: String,
    actor: String,
    reason: String,
    request: Option<RequestMark>,
    caller: Extensions,
}

fn view_of(stored: &Stored<record::StoredRelease>, vetoes: &Vetoes) -> v1::Release {
    let record::StoredRelease { release, created } = &stored.value;
    v1::Release {
        veto: vetoes.digests.get(&release.digest).map(|veto| view::veto(&release.service, veto)),
        etag: etag_to_wire(stored.revision),
        create_time: Some(timestamp_to_wire(*created)),
        ..release.into()
    }
}

#[tonic::async_trait]
impl ReleaseService for Releases {
    async fn create_release(
        &self,
        request: Request<v1::CreateReleaseRequest>,
    ) -> Result<Response<v1::CreateReleaseResponse>, Status> {
        let message = request.into_inner();
        let request = mark("CreateRelease", &message.request_id, &message)?;
        let v1::CreateReleaseRequest { parent, release, validate_only, request_id: _ } = message;
        let service = at("parent", name::parse_service(&parent))?;
        let wire = release.ok_or_else(|| field::missing("release"))?;
        let release = at("release", release_from_wire(&service, wire))?;
        let terms = terms(true, validate_only, None, request);
        let stored = self.shared.catalog.add_release(release, &terms).await.map_err(|error| status::refused(&error))?;
        let release = Some(view_of(&stored, &self.vetoes(&service).await?));
        Ok(Response::new(v1::CreateReleaseResponse { release }))
    }

    async fn get_release(
        &self,
        request: Request<v1::GetReleaseRequest>,
    ) -> Result<Response<v1::GetReleaseResponse>, Status> {
        let v1::GetReleaseRequest { name } = request.into_inner();
        let id = at("name", name::parse_release(&name))?;
        let stored = self.shared.catalog.get(&id).await.map_err(|error| status::refused(&error))?;
        let release = Some(view_of(&stored, &self.vetoes(&id.0).await?));
        Ok(Response::new(v1::GetReleaseResponse { release }))
    }

    async fn veto_release(
        &self,
        request: Request<v1::VetoReleaseRequest>,
    ) -> Result<Response<v1::VetoReleaseResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("VetoRelease", &message.request_id, &message)?;
        let v1::VetoReleaseRequest { name, actor, reason, request_id: _ } = message;
        let release = self.order(Told { name, actor, reason, request, caller }, VetoOrder::Veto).await?;
        Ok(Response::new(v1::VetoReleaseResponse { release }))
    }

    async fn unveto_release(
        &self,
        request: Request<v1::UnvetoReleaseRequest>,
    ) -> Result<Response<v1::UnvetoReleaseResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("UnvetoRelease", &message.request_id, &message)?;
        let v1::UnvetoReleaseRequest { name, actor, reason, request_id: _ } = message;
        let release = self.order(Told { name, actor, reason, request, caller }, VetoOrder::Unveto).await?;
        Ok(Response::new(v1::UnvetoReleaseResponse { release }))
    }

    async fn list_releases(
        &self,
        request: Request<v1::ListReleasesRequest>,
    ) -> Result<Response<v1::ListReleasesResponse>, Status> {
        let v1::ListReleasesRequest { parent, page_size, page_token } = request.into_inner();
        let service = at("parent", name::parse_service(&parent))?;
        let listing = format!("releases of {service}");
        let wanted = field::page(&listing, &layout::releases(&service), page_size, &page_token)?;
        let page = self.shared.catalog.releases(&service, wanted.after, wanted.size).await;
        let page = page.map_err(|error| status::refused(&error))?;
        let vetoes = self.vetoes(&service).await?;
        let releases = page.items.iter().map(|stored| view_of(stored, &vetoes)).collect();
        let next_page_token = field::next_page(&listing, page.next.as_ref());
        Ok(Response::new(v1::ListReleasesResponse { releases, next_page_token }))
    }
}
