//! Releases: immutable, so there is making and reading, and nothing else.

mod veto;

use meridian_core::id::ServiceId;
use meridian_core::release::Release;
use meridian_core::time::Timestamp;
use meridian_proto::convert::Invalid;
use meridian_proto::convert::name;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::release_service_client::ReleaseServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{ReleaseName, RequestId};
use crate::{Intent, wire};

pub use veto::VetoView;

/// A release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReleaseView {
    /// What it is.
    pub release: Release,
    /// The server's mark of it.
    pub etag: String,
    /// When it was made, if the server says so.
    pub created: Option<Timestamp>,
    /// Set while no agent may start it.
    pub veto: Option<VetoView>,
}

impl Client {
    /// One release.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn release(&self, release: &ReleaseName) -> Result<ReleaseView, ClientError> {
        const CALL: &str = "get release";
        let message = v1::GetReleaseRequest { name: release.to_string() };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_release(m).await }).await?;
        wire::answer(CALL, wire::required("release", answer.release))
    }

    /// All releases of a service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn releases(&self, service: &ServiceId) -> Result<Vec<ReleaseView>, ClientError> {
        const CALL: &str = "list releases";
        wire::pages(CALL, |page_token| async move {
            let parent = name::service(service);
            let message = v1::ListReleasesRequest { parent, page_size: wire::PAGE_SIZE, page_token };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_releases(m).await }).await?;
            let views = wire::list("releases", answer.releases, ReleaseView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// Makes a release. One that is there with the same content is answered as it is; other content is refused.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn create_release(
        &self,
        release: &Release,
        intent: Intent,
        request: &RequestId,
    ) -> Result<ReleaseView, ClientError> {
        const CALL: &str = "create release";
        let message = v1::CreateReleaseRequest {
            parent: name::service(&release.service),
            release: Some(release.into()),
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).create_release(m).await }).await?;
        wire::answer(CALL, wire::required("release", answer.release))
    }
}

impl TryFrom<v1::Release> for ReleaseView {
    type Error = Invalid;

    fn try_from(message: v1::Release) -> Result<Self, Invalid> {
        let etag = message.etag.clone();
        let created = wire::moment_or_none("create_time", message.create_time)?;
        let veto = wire::optional("veto", message.veto.clone())?;
        Ok(Self { release: Release::try_from(message)?, etag, created, veto })
    }
}
