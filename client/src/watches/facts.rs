//! What a watch rests on: KPIs and feedback; and what follows from all of it: milestones.

use meridian_core::id::{KpiId, ServiceId};
use meridian_core::time::Timestamp;
use meridian_core::watch::{Decimal, Feedback, Opinion, Score, Severity};
use meridian_proto::convert::{At as _, Invalid, InvalidKind, decimal, name, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::watch_service_client::WatchServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{ReleaseName, RequestId, RolloutName};
use crate::wire;

/// A KPI of a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KpiView {
    /// Which.
    pub kpi: KpiId,
    /// How many samples are kept.
    pub samples: u64,
    /// The newest of them.
    pub last: Option<(Timestamp, Decimal)>,
}

/// What somebody says of a release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FeedbackGiven {
    /// Of which.
    pub release: ReleaseName,
    /// Of how much use.
    pub score: Score,
    /// Whether it asks to stop.
    pub severity: Severity,
    /// In words.
    pub text: String,
    /// Which users they are one of.
    pub cohort: String,
    /// Who says it.
    pub actor: String,
}

/// All feedback of a release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FeedbackView {
    /// The oldest first.
    pub answers: Vec<Feedback>,
    /// Added up.
    pub opinion: Opinion,
}

/// A milestone of a rollout.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MilestoneView {
    /// Of which rollout.
    pub rollout: RolloutName,
    /// Its word.
    pub milestone: String,
    /// Whether it is reached.
    pub state: MilestoneState,
    /// When, if the records still say.
    pub reached: Option<Timestamp>,
    /// What it waits for, or why it never will be; empty if it is reached.
    pub reason: String,
}

/// Whether a milestone is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum MilestoneState {
    /// It is.
    Reached,
    /// Not yet.
    Pending,
    /// It never will be.
    Missed,
}

impl MilestoneState {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Pending => "pending",
            Self::Missed => "missed",
        }
    }
}

impl Client {
    /// Records what was measured of a KPI. The same sample again changes nothing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn record_kpi(
        &self,
        service: &ServiceId,
        kpi: &KpiId,
        value: Decimal,
        at: Timestamp,
    ) -> Result<KpiView, ClientError> {
        const CALL: &str = "record kpi";
        let (parent, kpi, value) = (name::service(service), kpi.to_string(), value.to_string());
        let message = v1::RecordKpiRequest { parent, kpi, value, time: Some(timestamp_to_wire(at)) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).record_kpi(m).await }).await?;
        wire::answer(CALL, wire::required("kpi", answer.kpi))
    }

    /// The KPIs of a service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn kpis(&self, service: &ServiceId) -> Result<Vec<KpiView>, ClientError> {
        const CALL: &str = "list kpis";
        let message = v1::ListKpisRequest { parent: name::service(service) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).list_kpis(m).await }).await?;
        wire::answer(CALL, wire::list("kpis", answer.kpis, KpiView::try_from))
    }

    /// Gives feedback on a release.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn give_feedback(&self, given: &FeedbackGiven, request: &RequestId) -> Result<Feedback, ClientError> {
        const CALL: &str = "give feedback";
        let FeedbackGiven { release, score, severity, text, cohort, actor } = given.clone();
        let severity = match severity {
            Severity::Note => v1::feedback::Severity::Note,
            Severity::Blocker => v1::feedback::Severity::Blocker,
        };
        let feedback = v1::Feedback {
            release: release.to_string(),
            score: u32::from(score.get()),
            severity: severity.into(),
            text,
            cohort,
            actor,
            source: v1::feedback::Source::Unspecified.into(),
            time: None,
        };
        let message = v1::GiveFeedbackRequest { feedback: Some(feedback), request_id: request.to_string() };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).give_feedback(m).await }).await?;
        wire::answer(CALL, wire::required("feedback", answer.feedback))
    }

    /// All feedback of a release.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn feedback(&self, release: &ReleaseName) -> Result<FeedbackView, ClientError> {
        const CALL: &str = "list feedback";
        let seen = std::sync::Mutex::new(Opinion::default());
        let opinion = &seen;
        let answers = wire::pages(CALL, |page_token| async move {
            let message =
                v1::ListFeedbackRequest { parent: release.to_string(), page_size: wire::PAGE_SIZE, page_token };
            let call = |link, m| async move { Calls::new(link).list_feedback(m).await };
            let answer = self.call(CALL, message, call).await?;
            *opinion.lock().expect("no holder of this lock panics") = answer.opinion.unwrap_or_default().into();
            let answers = wire::list("feedback", answer.feedback, Feedback::try_from);
            Ok((wire::answer(CALL, answers)?, answer.next_page_token))
        })
        .await?;
        Ok(FeedbackView { answers, opinion: seen.into_inner().expect("no holder of this lock panics") })
    }

    /// The milestones of a rollout.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn milestones(&self, rollout: &RolloutName) -> Result<Vec<MilestoneView>, ClientError> {
        const CALL: &str = "list milestones";
        let message = v1::ListMilestonesRequest { parent: rollout.to_string() };
        let call = |link, m| async move { Calls::new(link).list_milestones(m).await };
        let answer = self.call(CALL, message, call).await?;
        let view = |message| milestone(rollout, message);
        wire::answer(CALL, wire::list("milestones", answer.milestones, view))
    }
}

impl TryFrom<v1::Kpi> for KpiView {
    type Error = Invalid;

    fn try_from(message: v1::Kpi) -> Result<Self, Invalid> {
        let v1::Kpi { kpi, samples, last_time, last_value } = message;
        let last = wire::moment_or_none("last_time", last_time)?;
        let last = last.map(|at| Ok((at, decimal("last_value", &last_value)?))).transpose()?;
        let kpi = KpiId::new(kpi.clone()).map_err(|why| Invalid::of(kpi, InvalidKind::BadName(why))).at("kpi")?;
        Ok(Self { kpi, samples, last })
    }
}

fn milestone(rollout: &RolloutName, message: v1::Milestone) -> Result<MilestoneView, Invalid> {
    use v1::milestone::State;
    let v1::Milestone { milestone, state, reach_time, reason } = message;
    let state = match State::try_from(state) {
        Ok(State::Reached) => MilestoneState::Reached,
        Ok(State::Pending) => MilestoneState::Pending,
        Ok(State::Missed) => MilestoneState::Missed,
        Ok(State::Unspecified) | Err(_) => return Err(Invalid::of(state, InvalidKind::UnknownEnum)).at("state"),
    };
    let reached = wire::moment_or_none("reach_time", reach_time)?;
    Ok(MilestoneView { rollout: rollout.clone(), milestone, state, reached, reason })
}
