//! `meridian.v1.ReleaseService`.

use meridian_proto::convert::{name, release_from_wire, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::release_service_server::ReleaseService;
use meridian_store::{layout, record};
use tonic::{Request, Response, Status};

use super::field::{self, at, etag_to_wire, mark};
use super::{status, terms};
use crate::catalog::{Catalog, Stored};

/// Answers for releases.
pub struct Releases {
    pub(super) catalog: Catalog,
}

fn view(stored: &Stored<record::StoredRelease>) -> v1::Release {
    let record::StoredRelease { release, created } = &stored.value;
    v1::Release {
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
        let stored = self.catalog.add_release(release, &terms).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::CreateReleaseResponse { release: Some(view(&stored)) }))
    }

    async fn get_release(
        &self,
        request: Request<v1::GetReleaseRequest>,
    ) -> Result<Response<v1::GetReleaseResponse>, Status> {
        let v1::GetReleaseRequest { name } = request.into_inner();
        let id = at("name", name::parse_release(&name))?;
        let stored = self.catalog.get(&id).await.map_err(|error| status::refused(&error))?;
        Ok(Response::new(v1::GetReleaseResponse { release: Some(view(&stored)) }))
    }

    async fn list_releases(
        &self,
        request: Request<v1::ListReleasesRequest>,
    ) -> Result<Response<v1::ListReleasesResponse>, Status> {
        let v1::ListReleasesRequest { parent, page_size, page_token } = request.into_inner();
        let service = at("parent", name::parse_service(&parent))?;
        let listing = format!("releases of {service}");
        let wanted = field::page(&listing, &layout::releases(&service), page_size, &page_token)?;
        let page = self.catalog.releases(&service, wanted.after, wanted.size).await;
        let page = page.map_err(|error| status::refused(&error))?;
        let releases = page.items.iter().map(view).collect();
        let next_page_token = field::next_page(&listing, page.next.as_ref());
        Ok(Response::new(v1::ListReleasesResponse { releases, next_page_token }))
    }
}
