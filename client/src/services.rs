//! Services: what is launched, as the server knows it.

use std::collections::BTreeMap;

use meridian_core::digest::Digest;
use meridian_core::id::ServiceId;
use meridian_core::plan::parameters::Parameters;
use meridian_core::time::Timestamp;
use meridian_proto::convert::name;
use meridian_proto::convert::{At as _, Invalid, InvalidKind, parameters_from_wire, parameters_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::service_service_client::ServiceServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RequestId;
use crate::releases::VetoView;
use crate::{Intent, wire};

/// A service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceView {
    /// Its name.
    pub id: ServiceId,
    /// What it does, for people.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// For selecting.
    pub labels: BTreeMap<String, String>,
    /// What its workloads are started with.
    pub parameters: Parameters,
    /// Changes with every change.
    pub etag: String,
    /// When it was made, if the server says so.
    pub created: Option<Timestamp>,
    /// When it was changed last, if the server says so.
    pub updated: Option<Timestamp>,
    /// Digests that no agent may start again until lifted.
    pub vetoed: Vec<Digest>,
    /// Set while automation is held: no rollout starts.
    pub hold: Option<VetoView>,
}

/// A service as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceChange {
    /// Its name.
    pub id: ServiceId,
    /// What it does, for people.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// For selecting.
    pub labels: BTreeMap<String, String>,
    /// What its workloads are started with.
    pub parameters: Parameters,
    /// If set, the change is refused unless this is still the current one.
    pub etag: Option<String>,
}

impl Client {
    /// One service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn service(&self, id: &ServiceId) -> Result<ServiceView, ClientError> {
        const CALL: &str = "get service";
        let message = v1::GetServiceRequest { name: name::service(id) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_service(m).await }).await?;
        wire::answer(CALL, wire::required("service", answer.service))
    }

    /// All services.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn services(&self) -> Result<Vec<ServiceView>, ClientError> {
        const CALL: &str = "list services";
        wire::pages(CALL, |page_token| async move {
            let message = v1::ListServicesRequest { page_size: wire::PAGE_SIZE, page_token };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_services(m).await }).await?;
            let views = wire::list("services", answer.services, ServiceView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// Makes or changes a service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn apply_service(
        &self,
        change: &ServiceChange,
        intent: Intent,
        request: &RequestId,
    ) -> Result<ServiceView, ClientError> {
        const CALL: &str = "apply service";
        let message = v1::UpdateServiceRequest {
            service: Some(change.into()),
            allow_missing: true,
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).update_service(m).await }).await?;
        wire::answer(CALL, wire::required("service", answer.service))
    }

    /// Deletes a service; refused while a rollout holds one of its lanes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete_service(&self, id: &ServiceId, request: &RequestId) -> Result<(), ClientError> {
        const CALL: &str = "delete service";
        let (name, request_id) = (name::service(id), request.to_string());
        let message = v1::DeleteServiceRequest { name, etag: String::new(), request_id };
        self.call(CALL, message, |link, m| async move { Calls::new(link).delete_service(m).await }).await?;
        Ok(())
    }
}

impl From<&ServiceChange> for v1::Service {
    fn from(change: &ServiceChange) -> Self {
        let ServiceChange { id, description, owner, labels, parameters, etag } = change.clone();
        Self {
            name: name::service(&id),
            description,
            owner,
            labels: labels.into_iter().collect(),
            etag: etag.unwrap_or_default(),
            create_time: None,
            update_time: None,
            vetoed_digests: Vec::new(),
            hold: None,
            parameters: parameters_to_wire(&parameters),
        }
    }
}

impl TryFrom<v1::Service> for ServiceView {
    type Error = Invalid;

    fn try_from(message: v1::Service) -> Result<Self, Invalid> {
        let v1::Service {
            name,
            description,
            owner,
            labels,
            etag,
            create_time,
            update_time,
            vetoed_digests,
            hold,
            parameters,
        } = message;
        let digest = |text: String| Digest::parse(&text).map_err(|why| Invalid::of(&text, InvalidKind::BadDigest(why)));
        Ok(Self {
            id: name::parse_service(&name).at("name")?,
            description,
            owner,
            labels: labels.into_iter().collect(),
            parameters: parameters_from_wire("parameters", parameters)?,
            etag,
            created: wire::moment_or_none("create_time", create_time)?,
            updated: wire::moment_or_none("update_time", update_time)?,
            vetoed: wire::list("vetoed_digests", vetoed_digests, digest)?,
            hold: wire::optional("hold", hold)?,
        })
    }
}
