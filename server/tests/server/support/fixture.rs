//! A service with a playbook, releases and regions: what a rollout needs before it can start.

use meridian_core::evidence::EvidencePolicy;
use meridian_core::id::{PlaybookId, WaveId};
use meridian_core::playbook::{
    Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Stage, StageKind, Step, Wave,
};
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use meridian_proto::r#gen::v1;

use super::{Server, digest};

pub const SERVICE: &str = "services/checkout";
pub const PLAYBOOK: &str = "playbooks/careful";

/// One wave over all regions, two steps, bakes as given; no checks, so that time alone decides.
pub fn playbook(bake: Span) -> Playbook {
    let step = |percent: u64| Step {
        weight: Weight::from_basis_points(percent * 100).unwrap(),
        cohort: None,
        bake,
        requests: 0,
    };
    let wave = Wave {
        id: WaveId::new("all").unwrap(),
        regions: RegionSelector::Rest,
        max_parallel: 10,
        max_skew: 10,
        steps: vec![step(20), step(100)],
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
        id: PlaybookId::new("careful").unwrap(),
        stages: vec![Stage { kind: StageKind::Production, staging: None, waves: vec![wave] }],
        evidence: EvidencePolicy { checks: Vec::new(), window: Span::from_secs(5), extend_max: Span::from_secs(60) },
        rollback: RollbackPolicy::default(),
        limits: Limits::default(),
        safety: SafetyPolicy::default(),
    }
}

impl Server {
    pub async fn put_service(&self, name: &str) -> v1::Service {
        let service = v1::Service { name: name.to_owned(), ..v1::Service::default() };
        let request = v1::UpdateServiceRequest { service: Some(service), allow_missing: true, ..Default::default() };
        self.services().update_service(request).await.unwrap().into_inner().service.unwrap()
    }

    pub async fn put_playbook(&self, playbook: &Playbook) -> v1::Playbook {
        let playbook = Some(playbook.into());
        let request = v1::UpdatePlaybookRequest { playbook, allow_missing: true, ..Default::default() };
        self.playbooks().update_playbook(request).await.unwrap().into_inner().playbook.unwrap()
    }

    pub async fn put_region(&self, id: &str) -> v1::Region {
        let region = v1::Region { name: format!("regions/{id}"), ..v1::Region::default() };
        let request = v1::UpdateRegionRequest { region: Some(region), allow_missing: true, ..Default::default() };
        self.regions().update_region(request).await.unwrap().into_inner().region.unwrap()
    }

    pub async fn add_release(&self, version: &str) -> v1::Release {
        let request = release(version);
        self.releases().create_release(request).await.unwrap().into_inner().release.unwrap()
    }

    /// Service, playbook with long bakes, release 1.0.0, region `eu`.
    pub async fn stocked(&self) {
        self.put_service(SERVICE).await;
        self.put_playbook(&playbook(Span::from_secs(3600))).await;
        self.add_release("1.0.0").await;
        self.put_region("eu").await;
    }

    pub async fn plan(&self, version: &str) -> v1::Plan {
        self.plans().create_plan(plan(version)).await.unwrap().into_inner().plan.unwrap()
    }

    pub async fn start_rollout(&self, plan: &str) -> v1::Rollout {
        self.rollouts().create_rollout(rollout(plan)).await.unwrap().into_inner().rollout.unwrap()
    }
}

pub fn release(version: &str) -> v1::CreateReleaseRequest {
    let release = v1::Release {
        version: version.to_owned(),
        digest: digest(version),
        reversibility: v1::Reversibility::Free.into(),
        ..v1::Release::default()
    };
    v1::CreateReleaseRequest { parent: SERVICE.to_owned(), release: Some(release), ..Default::default() }
}

pub fn plan(version: &str) -> v1::CreatePlanRequest {
    let release = format!("{SERVICE}/releases/{version}");
    v1::CreatePlanRequest { release, playbook: PLAYBOOK.to_owned(), ..Default::default() }
}

pub fn rollout(plan: &str) -> v1::CreateRolloutRequest {
    let (parent, plan) = (SERVICE.to_owned(), plan.to_owned());
    v1::CreateRolloutRequest { parent, plan, actor: "ann".to_owned(), ..Default::default() }
}
