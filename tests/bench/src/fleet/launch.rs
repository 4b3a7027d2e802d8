//! Launches on a rig: the first release everywhere, playbooks for each row, and waiting for a state.

use std::cell::RefCell;
use std::time::Duration;

use meridian_client::{LanePosition, ReleaseName, RolloutName, RolloutState, RolloutView};
use meridian_core::digest::Digest;
use meridian_core::evidence::{Check, EvidencePolicy, Measure};
use meridian_core::id::{PlaybookId, WaveId};
use meridian_core::playbook::{
    Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Stage, StageKind, Step, Wave,
};
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use meridian_harness::wait_until;

use super::Rig;

/// For a thousand regions on a busy machine.
const STATE_MAX: Duration = Duration::from_secs(60);

/// A playbook of waves that each take the regions through these weights in basis points.
pub fn playbook(
    name: &str,
    regions: &RegionSelector,
    waves: &[Vec<u64>],
    bake: Span,
    checks: Vec<Check>,
) -> anyhow::Result<Playbook> {
    let mut stages = Vec::new();
    for (index, weights) in waves.iter().enumerate() {
        let step =
            |weight: &u64| Ok(Step { weight: Weight::from_basis_points(*weight)?, cohort: None, bake, requests: 0 });
        let wave = Wave {
            id: WaveId::new(format!("wave-{index}"))?,
            regions: regions.clone(),
            max_parallel: u32::MAX,
            max_skew: u32::MAX,
            steps: weights.iter().map(step).collect::<anyhow::Result<_>>()?,
            soak: Span::ZERO,
            approvals: Vec::new(),
            callbacks: Vec::new(),
            spread: None,
        };
        // A region belongs to one wave of a stage, so each wave is a stage.
        stages.push(Stage { kind: StageKind::Production, staging: None, waves: vec![wave] });
    }
    Ok(Playbook {
        timetable: meridian_core::calendar::Timetable::default(),
        watch: meridian_core::watch::WatchPolicy::default(),
        checklist: Vec::new(),
        hotfix: None,
        joiners: meridian_core::playbook::Joiners::default(),
        concurrency: meridian_core::playbook::Concurrency::Reject,
        id: PlaybookId::new(name)?,
        stages,
        evidence: EvidencePolicy { checks, window: Span::from_secs(60), extend_max: Span::from_secs(3600) },
        rollback: RollbackPolicy { retention: Span::ZERO, ..RollbackPolicy::default() },
        limits: Limits::default(),
        safety: SafetyPolicy::default(),
    })
}

/// At most one request in a hundred may fail.
pub fn errors_check() -> anyhow::Result<Check> {
    let max = Weight::from_basis_points(100)?;
    Ok(Check { name: "errors".to_owned(), measure: Measure::ErrorRatio { max }, sample_min: 100 })
}

impl Rig {
    /// Brings 1.0.0 to every region and makes 1.1.0, which is to follow with the playbook `half`: a long bake at 50 %.
    pub async fn prepare(&self, checks: Vec<Check>) -> anyhow::Result<ReleaseName> {
        let everywhere = RegionSelector::Rest;
        self.launcher.apply(&playbook("install", &everywhere, &[vec![10_000]], Span::ZERO, Vec::new())?).await?;
        let bake = Span::from_secs(3600);
        self.launcher.apply(&playbook("half", &everywhere, &[vec![5000, 10_000]], bake, checks)?).await?;
        let first = self.launcher.release_digest("1.0.0", Digest::of(b"1.0.0")).await?;
        let rollout = self.launcher.start(&first, "install").await?;
        self.until(&rollout, RolloutState::Stable).await?;
        self.launcher.release_digest("1.1.0", Digest::of(b"1.1.0")).await
    }

    /// Starts a rollout and waits until every region of it bakes.
    pub(super) async fn bake(&self, release: &ReleaseName, playbook: &str) -> anyhow::Result<RolloutName> {
        let rollout = self.launcher.start(release, playbook).await?;
        let bakes =
            |view: &RolloutView| view.lanes.iter().all(|lane| lane.position == LanePosition::Baking && lane.confirmed);
        self.until_view(&rollout, "every region to bake", bakes).await?;
        Ok(rollout)
    }

    /// Waits until a rollout is in a state.
    pub(super) async fn until(&self, rollout: &RolloutName, state: RolloutState) -> anyhow::Result<RolloutView> {
        self.until_view(rollout, &format!("{rollout} to be {state:?}"), |view| view.state == state).await
    }

    /// Waits until a rollout looks like this.
    pub(super) async fn until_view(
        &self,
        rollout: &RolloutName,
        what: &str,
        look: impl Fn(&RolloutView) -> bool,
    ) -> anyhow::Result<RolloutView> {
        let client = self.launcher.client();
        let last = RefCell::new(String::new());
        let wanted = wait_until(what, STATE_MAX, || async {
            let view = client.rollout(rollout).await;
            let view = view.map_err(|error| last.replace(error.to_string())).ok()?;
            last.replace(format!("{}, waits {:?}", view.summary, view.waits.first()));
            look(&view).then_some(view)
        });
        wanted.await.map_err(|error| error.context(format!("last seen: {}; {}", last.borrow(), self.log())))
    }
}
