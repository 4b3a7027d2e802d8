//! Launching releases on a fleet through the client library, as a pipeline would.

use std::collections::BTreeMap;
use std::time::Duration;

use meridian_client::{
    Client, Intent, OperatorOrder, PlanWanted, ReleaseName, RequestId, RolloutName, RolloutStart, RolloutView,
    ServiceChange, Watch, WatchItem, WatchTarget,
};
use meridian_core::evidence::{Check, EvidencePolicy, Measure};
use meridian_core::id::{PlaybookId, ServiceId, WaveId};
use meridian_core::plan::parameters::Parameters;
use meridian_core::playbook::{
    Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Stage, StageKind, Step, Wave,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use crate::artifacts::Artifact;
use crate::fleet::{Fleet, SERVICE};

/// How long one rollout may take on a busy machine.
pub const ROLLOUT_MAX: Duration = Duration::from_secs(90);

/// A playbook of one wave per list of regions; every wave takes the same steps.
#[must_use]
pub fn playbook(name: &str, waves: &[&[&str]], weights: &[u64], bake_ms: u64) -> Playbook {
    let steps = |_: &&[&str]| {
        let step = |percent: &u64| Step {
            weight: Weight::from_basis_points(percent * 100).expect("tests write percents up to 100"),
            cohort: None,
            bake: Span::from_millis(bake_ms),
            requests: 0,
        };
        weights.iter().map(step).collect::<Vec<Step>>()
    };
    let wave = |(index, regions): (usize, &&[&str])| Wave {
        id: WaveId::new(format!("wave-{index}")).expect("a valid name"),
        regions: RegionSelector::Names(regions.iter().map(|r| (*r).parse_region()).collect()),
        max_parallel: u32::try_from(regions.len()).expect("few regions"),
        max_skew: u32::MAX,
        steps: steps(regions),
        soak: Span::ZERO,
        approvals: Vec::new(),
        callbacks: Vec::new(),
        spread: None,
    };
    Playbook {
        timetable: meridian_core::calendar::Timetable::default(),
        watch: meridian_core::watch::WatchPolicy::default(),
        checklist: Vec::new(),
        hotfix: None,
        joiners: meridian_core::playbook::Joiners::default(),
        concurrency: meridian_core::playbook::Concurrency::Reject,
        id: PlaybookId::new(name).expect("a valid name"),
        stages: vec![Stage {
            kind: StageKind::Production,
            staging: None,
            waves: waves.iter().enumerate().map(wave).collect(),
        }],
        evidence: EvidencePolicy { checks: Vec::new(), window: Span::from_secs(10), extend_max: Span::from_secs(60) },
        rollback: RollbackPolicy { retention: Span::from_millis(200), ..RollbackPolicy::default() },
        limits: Limits::default(),
        safety: SafetyPolicy::default(),
    }
}

/// The same playbook, judged by the error ratio.
#[must_use]
pub fn judged(mut playbook: Playbook, max_percent: u64, sample_min: u64) -> Playbook {
    let max = Weight::from_basis_points(max_percent * 100).expect("tests write percents up to 100");
    let measure = Measure::ErrorRatio { max };
    playbook.evidence.checks.push(Check { name: "errors".to_owned(), measure, sample_min });
    playbook
}

trait ParseRegion {
    fn parse_region(&self) -> meridian_core::id::RegionId;
}

impl ParseRegion for str {
    fn parse_region(&self) -> meridian_core::id::RegionId {
        meridian_core::id::RegionId::new(self).expect("a valid name")
    }
}

/// Launches releases of [`SERVICE`] on a fleet.
pub struct Launcher {
    client: Client,
    service: ServiceId,
}

impl Launcher {
    /// One that talks to the fleet's server; the service is registered.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn new(fleet: &Fleet) -> anyhow::Result<Self> {
        Self::with_client(fleet.client().await?).await
    }

    /// One that uses a given client.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn with_client(client: Client) -> anyhow::Result<Self> {
        let service = ServiceId::new(SERVICE)?;
        let change = ServiceChange {
            parameters: Parameters::default(),
            id: service.clone(),
            description: String::new(),
            owner: String::new(),
            labels: BTreeMap::new(),
            etag: None,
        };
        client.apply_service(&change, Intent::Commit, &RequestId::random()).await?;
        Ok(Self { client, service })
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Stores a playbook.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn apply(&self, playbook: &Playbook) -> anyhow::Result<()> {
        self.client.apply_playbook(playbook, None, Intent::Commit, &RequestId::random()).await?;
        Ok(())
    }

    /// Makes a release of an artifact that agents find.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn release(&self, fleet: &Fleet, artifact: &Artifact) -> anyhow::Result<ReleaseName> {
        let digest = fleet.artifacts().add(artifact)?;
        self.release_digest(&artifact.version, digest).await
    }

    /// Makes a release of a digest, whether anybody has the artifact or not.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn release_digest(
        &self,
        version: &str,
        digest: meridian_core::digest::Digest,
    ) -> anyhow::Result<ReleaseName> {
        let release = Release {
            service: self.service.clone(),
            version: version.parse()?,
            digest,
            notes: Notes::default(),
            reversibility: Reversibility::Free,
            prepares: None,
        };
        self.client.create_release(&release, Intent::Commit, &RequestId::random()).await?;
        Ok(ReleaseName { service: self.service.clone(), version: release.version })
    }

    /// Plans and starts.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn start(&self, release: &ReleaseName, playbook: &str) -> anyhow::Result<RolloutName> {
        let playbook = PlaybookId::new(playbook)?;
        let wanted = PlanWanted { release: release.clone(), playbook, revision: None, supersede: None };
        let plan = self.client.create_plan(&wanted, Intent::Commit, &RequestId::random()).await?;
        let (service, actor) = (self.service.clone(), "tests".to_owned());
        let start = RolloutStart { service, plan: plan.hash, id: None, actor };
        Ok(self.client.start_rollout(&start, Intent::Commit, &RequestId::random()).await?.name)
    }

    /// Takes a rollout back.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn roll_back(&self, rollout: &RolloutName) -> anyhow::Result<RolloutView> {
        let order = OperatorOrder { actor: "tests".to_owned(), reason: "to see it".to_owned(), etag: None };
        let scope = meridian_core::playbook::Scope::Fleet;
        Ok(self.client.roll_back_rollout(rollout, &scope, &order, &RequestId::random()).await?)
    }

    /// Lets a release that was taken back be started again: its veto and the hold that came with it are lifted.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn pardon(&self, release: &ReleaseName) -> anyhow::Result<()> {
        let order = OperatorOrder { actor: "tests".to_owned(), reason: "to do it again".to_owned(), etag: None };
        self.client.unveto_release(release, &order, &RequestId::random()).await?;
        self.client.release_hold(&release.service, &order, &RequestId::random()).await?;
        Ok(())
    }

    /// A watch of one rollout, from its snapshot.
    #[must_use]
    pub fn watch(&self, rollout: &RolloutName) -> Watch {
        self.client.watch(WatchTarget::Rollout(rollout.clone()), 0)
    }

    /// Watches until the rollout is in one of these states (by their words) and returns it.
    ///
    /// # Errors
    /// If it is not within [`ROLLOUT_MAX`].
    pub async fn until(&self, rollout: &RolloutName, words: &[&str]) -> anyhow::Result<RolloutView> {
        let mut last = None;
        let wait = self.until_view(rollout, |view| {
            last = Some(format!("{} {:?}", view.summary, view.waits));
            words.contains(&view.state.as_str())
        });
        let reached = tokio::time::timeout(ROLLOUT_MAX, wait).await;
        reached.map_err(|_| anyhow::anyhow!("{rollout} never was {words:?}; last seen: {last:?}"))?
    }

    /// Watches until a view satisfies `look`.
    ///
    /// # Errors
    /// If the watch fails.
    pub async fn until_view(
        &self,
        rollout: &RolloutName,
        mut look: impl FnMut(&RolloutView) -> bool,
    ) -> anyhow::Result<RolloutView> {
        let mut watch = self.watch(rollout);
        loop {
            match watch.next().await? {
                WatchItem::Snapshot(view) | WatchItem::Delta(view) if look(&view) => return Ok(*view),
                WatchItem::Snapshot(_)
                | WatchItem::Delta(_)
                | WatchItem::Reset
                | WatchItem::Synced(_)
                | WatchItem::Bookmark(_)
                | WatchItem::Lost(_) => {}
            }
        }
    }
}
