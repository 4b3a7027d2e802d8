//! Plans: made by the server, named by their hash, never changed.

use meridian_core::digest::Digest;
use meridian_core::id::PlaybookId;
use meridian_core::plan::Plan;
use meridian_core::time::{Span, Timestamp};
use meridian_proto::convert::name;
use meridian_proto::convert::span_from_wire;
use meridian_proto::convert::{At as _, Invalid};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::plan_service_client::PlanServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{ReleaseName, RequestId, RolloutName};
use crate::{Intent, playbooks, wire};

/// A compiled plan and what it will do at the earliest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlanView {
    /// The plan.
    pub plan: Plan,
    /// Its hash, computed here from the plan that came; the name that a start refers to.
    pub hash: Digest,
    /// When it was stored, if it is and the server says so.
    pub created: Option<Timestamp>,
    /// The earliest course of its waves.
    pub forecast: Vec<WaveForecastView>,
    /// Things to know before the start.
    pub warnings: Vec<String>,
    /// With which departure it begins at the earliest if it is started now, if it takes a train and the server says so.
    pub departure: Option<DepartureView>,
}

/// With which departure of a train a rollout begins.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct DepartureView {
    /// Which train.
    pub train: String,
    /// Inside which increment.
    pub increment: Option<String>,
    /// When it departs.
    pub departs: Timestamp,
    /// When boarding ends.
    pub closes: Timestamp,
    /// When the first region may begin.
    pub begins: Timestamp,
}

/// The earliest course of one wave, counted from the start.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct WaveForecastView {
    /// The wave's name.
    pub wave: String,
    /// Begins.
    pub begins: Span,
    /// Has settled.
    pub settles: Span,
    /// Regions that serve the new release, wholly or in part, once it has settled.
    pub exposed: usize,
}

/// What to make a plan of.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PlanWanted {
    /// What is launched.
    pub release: ReleaseName,
    /// How.
    pub playbook: PlaybookId,
    /// Which revision of it; `None`: the latest.
    pub revision: Option<u64>,
    /// Whose lanes it takes over; `None`: free ones.
    pub supersede: Option<SupersedeWanted>,
}

/// The rollout whose lanes a plan is to take over.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SupersedeWanted {
    /// Which.
    pub rollout: RolloutName,
    /// Why, if the new release is its hotfix.
    pub hotfix: Option<String>,
}

impl Client {
    /// Compiles a plan, and stores it unless it is only to be checked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn create_plan(
        &self,
        wanted: &PlanWanted,
        intent: Intent,
        request: &RequestId,
    ) -> Result<PlanView, ClientError> {
        const CALL: &str = "create plan";
        let over = wanted.supersede.as_ref();
        let message = v1::CreatePlanRequest {
            release: wanted.release.to_string(),
            playbook: playbooks::resource(&wanted.playbook, wanted.revision),
            validate_only: intent.is_check(),
            request_id: request.to_string(),
            supersede: over.map(|over| over.rollout.to_string()).unwrap_or_default(),
            hotfix_reason: over.and_then(|over| over.hotfix.clone()).unwrap_or_default(),
        };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).create_plan(m).await }).await?;
        let v1::CreatePlanResponse { plan, forecast, warnings, departure } = answer;
        let departure = wire::answer(CALL, wire::optional("departure", departure))?;
        Ok(PlanView { departure, warnings, ..view(CALL, plan, None, forecast)? })
    }

    /// A stored plan.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn plan(&self, hash: &Digest) -> Result<PlanView, ClientError> {
        const CALL: &str = "get plan";
        let message = v1::GetPlanRequest { name: name::plan(hash) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_plan(m).await }).await?;
        let v1::GetPlanResponse { plan, create_time, forecast } = answer;
        let created = wire::answer(CALL, wire::moment_or_none("create_time", create_time))?;
        view(CALL, plan, created, forecast)
    }
}

/// What was reviewed must be what runs: the name is checked against the content.
fn view(
    call: &'static str,
    plan: Option<v1::Plan>,
    created: Option<Timestamp>,
    forecast: Vec<v1::WaveForecast>,
) -> Result<PlanView, ClientError> {
    let named = plan.as_ref().map(|plan| plan.name.clone()).unwrap_or_default();
    let plan: Plan = wire::answer(call, wire::required("plan", plan))?;
    let hash = plan.hash();
    if !named.is_empty() && named != name::plan(&hash) {
        let why = format!("the plan is called {named}, but its content has the hash {}", hash.hex());
        return Err(ClientError::Answer { call, why });
    }
    let forecast = wire::answer(call, wire::list("forecast", forecast, WaveForecastView::try_from))?;
    Ok(PlanView { plan, hash, created, forecast, warnings: Vec::new(), departure: None })
}

impl TryFrom<v1::Departure> for DepartureView {
    type Error = Invalid;

    fn try_from(message: v1::Departure) -> Result<Self, Invalid> {
        let v1::Departure { train, increment, depart_time, close_time, begin_time } = message;
        Ok(Self {
            train,
            increment: Some(increment).filter(|increment| !increment.is_empty()),
            departs: wire::moment("depart_time", depart_time)?,
            closes: wire::moment("close_time", close_time)?,
            begins: wire::moment("begin_time", begin_time)?,
        })
    }
}

impl TryFrom<v1::WaveForecast> for WaveForecastView {
    type Error = Invalid;

    fn try_from(message: v1::WaveForecast) -> Result<Self, Invalid> {
        let v1::WaveForecast { wave, begins, settles, exposed_regions } = message;
        Ok(Self {
            wave,
            begins: span_from_wire(begins.unwrap_or_default()).at("begins")?,
            settles: span_from_wire(settles.unwrap_or_default()).at("settles")?,
            exposed: wire::count("exposed_regions", exposed_regions)?,
        })
    }
}
