//! The analysis of a rollout: what each check found in each region, why it is judged so, and what loads came to.

use meridian_core::evidence::{StepRef, Verdict};
use meridian_core::id::RegionId;
use meridian_core::plan::Leg;
use meridian_core::rollout::state::LoadReport;
use meridian_core::time::Timestamp;
use meridian_core::weight::Weight;
use meridian_proto::convert::{At as _, Invalid, InvalidKind};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout_service_client::RolloutServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RolloutName;
use crate::wire;

const EXPLAIN: &str = "explain analysis";

/// What a finding rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum GroundView {
    /// Evidence of the present step, as the server sees it now.
    Evidence,
    /// A durable vote.
    Vote,
    /// Nothing that counts.
    Nothing,
    /// Something that a newer server says.
    Unknown,
}

impl GroundView {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Vote => "vote",
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
        }
    }
}

/// What one check found in one region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FindingView {
    /// Where.
    pub region: RegionId,
    /// The check, or what a vote rests on in its place.
    pub check: String,
    /// What is measured; empty if nothing is.
    pub measure: String,
    /// How it is judged.
    pub test: String,
    /// On what.
    pub ground: GroundView,
    /// On which step.
    pub step: Option<StepRef>,
    /// With its numbers.
    pub verdict: Option<Verdict>,
    /// The fewest samples that say something.
    pub sample_min: u64,
    /// In words.
    pub why: String,
    /// When the vote was cast.
    pub voted: Option<Timestamp>,
}

impl TryFrom<v1::CheckFinding> for FindingView {
    type Error = Invalid;

    fn try_from(message: v1::CheckFinding) -> Result<Self, Invalid> {
        use v1::check_finding::Ground;
        let v1::CheckFinding { region, check, measure, test, ground, step, verdict, sample_min, why, vote_time } =
            message;
        let ground = match Ground::try_from(ground) {
            Ok(Ground::Evidence) => GroundView::Evidence,
            Ok(Ground::Vote) => GroundView::Vote,
            Ok(Ground::Nothing) => GroundView::Nothing,
            Ok(Ground::Unspecified) | Err(_) => GroundView::Unknown,
        };
        let bad = |why| Invalid::of(&region, InvalidKind::BadName(why));
        Ok(Self {
            region: RegionId::new(region.clone()).map_err(bad).at("region")?,
            check,
            measure,
            test,
            ground,
            step: wire::optional("step", step)?,
            verdict: wire::optional("verdict", verdict)?,
            sample_min,
            why,
            voted: wire::moment_or_none("vote_time", vote_time)?,
        })
    }
}

/// The load of a step in one region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StepLoadView {
    /// Where.
    pub region: RegionId,
    /// The name of its wave.
    pub wave: String,
    /// How much the new release got meanwhile.
    pub weight: Weight,
    /// What of a rehearsal it is, if it is.
    pub leg: Option<Leg>,
    /// What it came to.
    pub report: LoadReport,
}

impl TryFrom<v1::StepLoad> for StepLoadView {
    type Error = Invalid;

    fn try_from(message: v1::StepLoad) -> Result<Self, Invalid> {
        use v1::step_load::Leg as Wire;
        let v1::StepLoad { region, wave, weight_basis_points, leg, report } = message;
        let bad = |why| Invalid::of(&region, InvalidKind::BadName(why));
        let bound = InvalidKind::OutOfRange { min: 0, max: u64::from(Weight::WHOLE.basis_points()) };
        let weight = Weight::from_basis_points(u64::from(weight_basis_points));
        Ok(Self {
            region: RegionId::new(region.clone()).map_err(bad).at("region")?,
            wave,
            weight: weight.map_err(|_| Invalid::of(weight_basis_points, bound)).at("weight_basis_points")?,
            leg: match Wire::try_from(leg) {
                Ok(Wire::Down) => Some(Leg::Down),
                Ok(Wire::Up) => Some(Leg::Up),
                Ok(Wire::Unspecified) | Err(_) => None,
            },
            report: wire::required("report", report)?,
        })
    }
}

impl Client {
    /// What each check of a rollout found in each region.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn analysis(&self, rollout: &RolloutName) -> Result<Vec<FindingView>, ClientError> {
        let answer = self.explained(rollout).await?;
        wire::answer(EXPLAIN, wire::list("findings", answer.findings, FindingView::try_from))
    }

    /// What the loads of a rollout's steps came to.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn loads(&self, rollout: &RolloutName) -> Result<Vec<StepLoadView>, ClientError> {
        let answer = self.explained(rollout).await?;
        wire::answer(EXPLAIN, wire::list("loads", answer.loads, StepLoadView::try_from))
    }

    async fn explained(&self, rollout: &RolloutName) -> Result<v1::ExplainAnalysisResponse, ClientError> {
        let message = v1::ExplainAnalysisRequest { name: rollout.to_string() };
        self.call(EXPLAIN, message, |link, m| async move { Calls::new(link).explain_analysis(m).await }).await
    }
}
