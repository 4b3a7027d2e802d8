//! The analysis of a rollout: what each check found in each region, and why it is judged so.

use meridian_core::evidence::{StepRef, Verdict};
use meridian_core::id::RegionId;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{At as _, Invalid, InvalidKind};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout_service_client::RolloutServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::RolloutName;
use crate::wire;

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

impl Client {
    /// What each check of a rollout found in each region.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn analysis(&self, rollout: &RolloutName) -> Result<Vec<FindingView>, ClientError> {
        const CALL: &str = "explain analysis";
        let message = v1::ExplainAnalysisRequest { name: rollout.to_string() };
        let answer =
            self.call(CALL, message, |link, m| async move { Calls::new(link).explain_analysis(m).await }).await?;
        wire::answer(CALL, wire::list("findings", answer.findings, FindingView::try_from))
    }
}
