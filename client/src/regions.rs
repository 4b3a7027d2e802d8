//! Regions: registered, labelled, cordoned, and what their agents last said.

use std::collections::BTreeMap;

use meridian_core::epoch::Epoch;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::lane::Placed;
use meridian_core::plan::TrafficShare;
use meridian_core::time::Timestamp;
use meridian_core::weight::Split;
use meridian_proto::convert::name;
use meridian_proto::convert::{At as _, Invalid, InvalidKind, share_or_none};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::region_service_client::RegionServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RequestId;
use crate::{Intent, wire};

/// A region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionView {
    /// Its name.
    pub id: RegionId,
    /// What waves select it by.
    pub labels: BTreeMap<String, String>,
    /// Where it is, for people.
    pub description: String,
    /// Taken out of new plans.
    pub cordoned: bool,
    /// Its part of the traffic, if declared.
    pub traffic_share: Option<TrafficShare>,
    /// Changes with every change.
    pub etag: String,
    /// When it was registered, if the server says so.
    pub created: Option<Timestamp>,
    /// When it was changed last, if the server says so.
    pub updated: Option<Timestamp>,
    /// Whether its agent can be reached.
    pub contact: ContactView,
    /// When its agent last spoke.
    pub last_seen: Option<Timestamp>,
    /// The agent's version; empty if it never said.
    pub agent_version: String,
    /// What its drivers can do.
    pub capabilities: Vec<String>,
    /// What is where.
    pub lanes: Vec<RegionLaneView>,
    /// Why its agent is not believed; empty: it is.
    pub doubts: Vec<DoubtView>,
    /// That it is on its way out of the fleet.
    pub drain: Option<DrainView>,
    /// Services whose release it has not got; empty in listings.
    pub joins: Vec<JoinView>,
    /// Drains that were taken back, the newest first; empty in listings.
    pub undrains: Vec<UndrainView>,
}

/// That a region is on its way out of the fleet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DrainView {
    /// Who said so, as declared.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Since when, if the server says so.
    pub since: Option<Timestamp>,
    /// Whether no rollout holds it any more.
    pub drained: bool,
    /// The rollouts that do.
    pub waits: Vec<String>,
}

/// That a region was on its way out of the fleet, and was taken back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UndrainView {
    /// Who had said that it goes, why and when.
    pub drain: DrainView,
    /// Who took it back, as declared.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When, if the server says so.
    pub at: Option<Timestamp>,
}

/// A service whose release a region has not got.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JoinView {
    /// The service.
    pub service: ServiceId,
    /// What keeps it: a stable code; empty: nothing.
    pub code: String,
    /// For people.
    pub message: String,
    /// The rollout that this is about.
    pub rollout: Option<RolloutId>,
}

/// Why an agent is not believed about one service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DoubtView {
    /// The service.
    pub service: ServiceId,
    /// Stable code.
    pub code: String,
    /// For people.
    pub message: String,
}

/// One service in a region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionLaneView {
    /// The service.
    pub service: ServiceId,
    /// The release last recorded as stable here.
    pub stable: Option<Placed>,
    /// The rollout that holds the lane.
    pub rollout: Option<RolloutId>,
    /// The epoch of the lane's state.
    pub epoch: Epoch,
    /// Traffic as read back by the agent; `None`: not known.
    pub observed: Option<Split>,
    /// How it differs from the goal that the agent confirmed.
    pub drift: Option<String>,
    /// Whether the agent has taken it back alone.
    pub alone: bool,
}

/// Whether an agent can be reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum ContactView {
    /// It has spoken recently.
    Live,
    /// It has not.
    Lost,
    /// It never has since the server started.
    Never,
    /// It speaks and is not believed.
    Quarantined,
    /// The server says nothing, or a word that this client does not know.
    Unknown,
}

/// A region as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionChange {
    /// Its name.
    pub id: RegionId,
    /// What waves select it by.
    pub labels: BTreeMap<String, String>,
    /// Where it is, for people.
    pub description: String,
    /// Taken out of new plans.
    pub cordoned: bool,
    /// Its part of the traffic, relative to the other regions.
    pub traffic_share: Option<TrafficShare>,
    /// If set, the change is refused unless this is still the current one.
    pub etag: Option<String>,
}

impl Client {
    /// One region.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn region(&self, id: &RegionId) -> Result<RegionView, ClientError> {
        const CALL: &str = "get region";
        let message = v1::GetRegionRequest { name: name::region(id) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_region(m).await }).await?;
        wire::answer(CALL, wire::required("region", answer.region))
    }

    /// All regions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn regions(&self) -> Result<Vec<RegionView>, ClientError> {
        const CALL: &str = "list regions";
        wire::pages(CALL, |page_token| async move {
            let message = v1::ListRegionsRequest { page_size: wire::PAGE_SIZE, page_token };
            let answer =
                self.call(CALL, message, |link, m| async move { Calls::new(link).list_regions(m).await }).await?;
            let views = wire::list("regions", answer.regions, RegionView::try_from);
            Ok((wire::answer(CALL, views)?, answer.next_page_token))
        })
        .await
    }

    /// Registers or changes a region.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn apply_region(
        &self,
        change: &RegionChange,
        intent: Intent,
        request: &RequestId,
    ) -> Result<RegionView, ClientError> {
        const CALL: &str = "apply region";
        let message = v1::UpdateRegionRequest {
            region: Some(change.into()),
            allow_missing: true,
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).update_region(m).await }).await?;
        wire::answer(CALL, wire::required("region", answer.region))
    }

    /// Vouches for a region's agent, which is in quarantine: it is believed again, as it is now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn confirm_region(
        &self,
        id: &RegionId,
        actor: &str,
        reason: &str,
        request: &RequestId,
    ) -> Result<RegionView, ClientError> {
        const CALL: &str = "confirm region";
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        let message =
            v1::ConfirmRegionRequest { name: name::region(id), actor, reason, request_id: request.to_string() };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).confirm_region(m).await }).await?;
        wire::answer(CALL, wire::required("region", answer.region))
    }

    /// Takes a region out of the fleet: nothing newly planned takes it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn drain_region(
        &self,
        id: &RegionId,
        actor: &str,
        reason: &str,
        request: &RequestId,
    ) -> Result<RegionView, ClientError> {
        const CALL: &str = "drain region";
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        let message = v1::DrainRegionRequest { name: name::region(id), actor, reason, request_id: request.to_string() };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).drain_region(m).await }).await?;
        wire::answer(CALL, wire::required("region", answer.region))
    }

    /// Takes it back into the fleet.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn undrain_region(
        &self,
        id: &RegionId,
        actor: &str,
        reason: &str,
        request: &RequestId,
    ) -> Result<RegionView, ClientError> {
        const CALL: &str = "undrain region";
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        let message =
            v1::UndrainRegionRequest { name: name::region(id), actor, reason, request_id: request.to_string() };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).undrain_region(m).await }).await?;
        wire::answer(CALL, wire::required("region", answer.region))
    }

    /// Brings a region up to the fleet's release of a service. Says which rollout does it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn join_region(
        &self,
        id: &RegionId,
        service: &ServiceId,
        actor: &str,
        request: &RequestId,
    ) -> Result<RolloutId, ClientError> {
        const CALL: &str = "join region";
        let (name, service, actor) = (name::region(id), name::service(service), actor.to_owned());
        let message = v1::JoinRegionRequest { name, service, actor, request_id: request.to_string() };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).join_region(m).await }).await?;
        wire::answer(CALL, name::parse_rollout(&answer.rollout).map(|(_, rollout)| rollout).at("rollout"))
    }

    /// Deletes a region; refused while a rollout holds one of its lanes, and where something is stable until it is drained.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete_region(&self, id: &RegionId, request: &RequestId) -> Result<(), ClientError> {
        const CALL: &str = "delete region";
        let (name, request_id) = (name::region(id), request.to_string());
        let message = v1::DeleteRegionRequest { name, etag: String::new(), request_id };
        self.call(CALL, message, |link, m| async move { Calls::new(link).delete_region(m).await }).await?;
        Ok(())
    }
}

impl RegionView {
    /// The region as it is now, to be changed; refused later if somebody else changes it first.
    #[must_use]
    pub fn to_change(&self) -> RegionChange {
        RegionChange {
            id: self.id.clone(),
            labels: self.labels.clone(),
            description: self.description.clone(),
            cordoned: self.cordoned,
            traffic_share: self.traffic_share,
            etag: Some(self.etag.clone()),
        }
    }
}

impl ContactView {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Never => "never",
            Self::Quarantined => "quarantined",
            Self::Unknown => "unknown",
        }
    }

    /// From the wire's number; what is not known is unknown.
    pub(crate) fn from_wire(number: i32) -> Self {
        match v1::Contact::try_from(number) {
            Ok(v1::Contact::Live) => Self::Live,
            Ok(v1::Contact::Lost) => Self::Lost,
            Ok(v1::Contact::Never) => Self::Never,
            Ok(v1::Contact::Quarantined) => Self::Quarantined,
            Ok(v1::Contact::Unspecified) | Err(_) => Self::Unknown,
        }
    }
}

impl From<&RegionChange> for v1::Region {
    fn from(change: &RegionChange) -> Self {
        let RegionChange { id, labels, description, cordoned, traffic_share, etag } = change.clone();
        let labels = labels.into_iter().collect();
        let etag = etag.unwrap_or_default();
        let traffic_share = traffic_share.map(TrafficShare::get).unwrap_or_default();
        Self { name: name::region(&id), labels, description, cordoned, traffic_share, etag, ..Self::default() }
    }
}

impl TryFrom<v1::Region> for RegionView {
    type Error = Invalid;

    fn try_from(message: v1::Region) -> Result<Self, Invalid> {
        let v1::Region { name, labels, description, cordoned, etag, create_time, update_time, .. } = message;
        Ok(Self {
            id: name::parse_region(&name).at("name")?,
            labels: labels.into_iter().collect(),
            description,
            cordoned,
            traffic_share: share_or_none("traffic_share", message.traffic_share)?,
            etag,
            created: wire::moment_or_none("create_time", create_time)?,
            updated: wire::moment_or_none("update_time", update_time)?,
            contact: ContactView::from_wire(message.contact),
            last_seen: wire::moment_or_none("last_seen_time", message.last_seen_time)?,
            agent_version: message.agent_version,
            capabilities: message.capabilities,
            lanes: wire::list("lanes", message.lanes, RegionLaneView::try_from)?,
            doubts: message.quarantine.map_or(Ok(Vec::new()), |quarantine| {
                wire::list("quarantine.lanes", quarantine.lanes, DoubtView::try_from)
            })?,
            drain: wire::optional("drain", message.drain)?,
            joins: wire::list("joins", message.joins, JoinView::try_from)?,
            undrains: wire::list("undrains", message.undrains, UndrainView::try_from)?,
        })
    }
}

impl TryFrom<v1::RegionLane> for RegionLaneView {
    type Error = Invalid;

    fn try_from(message: v1::RegionLane) -> Result<Self, Invalid> {
        let v1::RegionLane { service, stable, rollout, epoch, observed_split, drift, alone } = message;
        Ok(Self {
            service: service_named(&service).at("service")?,
            stable: wire::optional("stable", stable)?,
            rollout: rollout_named(&rollout).at("rollout")?,
            epoch: wire::optional("epoch", epoch)?.unwrap_or_default(),
            observed: wire::optional("observed_split", observed_split)?,
            drift: (!drift.is_empty()).then_some(drift),
            alone,
        })
    }
}

impl TryFrom<v1::QuarantinedLane> for DoubtView {
    type Error = Invalid;

    fn try_from(message: v1::QuarantinedLane) -> Result<Self, Invalid> {
        let v1::QuarantinedLane { service, code, message } = message;
        Ok(Self { service: service_named(&service).at("service")?, code, message })
    }
}

impl TryFrom<v1::RegionDrain> for DrainView {
    type Error = Invalid;

    fn try_from(message: v1::RegionDrain) -> Result<Self, Invalid> {
        let v1::RegionDrain { actor, reason, since_time, drained, waits } = message;
        let since = wire::moment_or_none("since_time", since_time)?;
        Ok(Self { actor, reason, since, drained, waits })
    }
}

impl TryFrom<v1::RegionUndrain> for UndrainView {
    type Error = Invalid;

    fn try_from(message: v1::RegionUndrain) -> Result<Self, Invalid> {
        let v1::RegionUndrain { drain, actor, reason, time } = message;
        let drain = drain.ok_or_else(|| Invalid::missing("drain"))?.try_into().at("drain")?;
        Ok(Self { drain, actor, reason, at: wire::moment_or_none("time", time)? })
    }
}

impl TryFrom<v1::RegionJoin> for JoinView {
    type Error = Invalid;

    fn try_from(message: v1::RegionJoin) -> Result<Self, Invalid> {
        let v1::RegionJoin { service, code, message, rollout } = message;
        let (service, rollout) = (service_named(&service).at("service")?, rollout_named(&rollout).at("rollout")?);
        Ok(Self { service, code, message, rollout })
    }
}

/// A service by its resource name, or by its bare one.
fn service_named(text: &str) -> Result<ServiceId, Invalid> {
    if text.contains('/') {
        return name::parse_service(text);
    }
    ServiceId::new(text).map_err(|why| Invalid::of(text, InvalidKind::BadName(why)))
}

/// A rollout by its resource name, or by its bare one; empty: none.
fn rollout_named(text: &str) -> Result<Option<RolloutId>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.contains('/') {
        return name::parse_rollout(text).map(|(_, rollout)| Some(rollout));
    }
    RolloutId::new(text).map(Some).map_err(|why| Invalid::of(text, InvalidKind::BadName(why)))
}
