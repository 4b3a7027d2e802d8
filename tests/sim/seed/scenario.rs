//! What a seed plays: how many servers and regions, which playbook, which releases are bad and where. All of it is drawn
//! before anything runs.

use std::collections::BTreeMap;
use std::time::Duration;

use meridian_core::digest::Digest;
use meridian_core::evidence::{Check, EvidencePolicy, Measure};
use meridian_core::id::{PlaybookId, RegionId, ServiceId, WaveId};
use meridian_core::playbook::{
    BackPace, Electorate, Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Stage, StageKind, Step,
    VotePolicy, Wave,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use semver::Version;

/// Releases after the first, at most.
pub const ROLLOUTS: u64 = 3;

/// What is played.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub servers: usize,
    pub regions: Vec<RegionId>,
    /// Requests in each region between two looks of the world: few of them are little evidence.
    pub traffic: Vec<u64>,
    pub playbook: Playbook,
    /// Releases that answer badly in a region.
    pub bad: BTreeMap<RegionId, BTreeMap<Digest, Bad>>,
    /// How the operator decides.
    pub operator: u64,
    pub ending: Ending,
    /// Whether an agent's disk is ever taken back: then somebody looks after quarantine.
    pub forgets: bool,
    /// Whether a rollout that has moved traffic is superseded by another one.
    pub supersedes: bool,
    /// What is asked for beside one rollout after another.
    pub play: Play,
    /// When reads may be answered from the past.
    pub stale: Vec<(Duration, Duration)>,
}

/// What is asked for beside one rollout after another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Play {
    /// Nothing.
    Plain,
    /// Releases wait in the queue while another one holds the lanes.
    Queue,
    /// There is a second service, and releases of both are launched together.
    Sets,
}

impl Play {
    /// Of a number that is drawn anyway, so that all other histories stay as they were.
    const fn of(operator: u64) -> Self {
        match operator / 4 % 8 {
            1 => Self::Queue,
            2 => Self::Sets,
            _ => Self::Plain,
        }
    }
}

/// How a release answers badly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bad {
    /// Percent of its requests.
    pub percent: u64,
    /// From then on; from the beginning if that is nought.
    pub from: Duration,
}

/// What happens once the faults are over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// All is well, and everything comes to rest.
    AllWell,
    /// One region and all servers but one stay broken for ever: the others come back all the same.
    CoreOnly {
        /// The region.
        lost: usize,
        /// Whether its agent is gone, or only can't be reached.
        is_down: bool,
        /// The server that is left.
        server: usize,
    },
}

impl Scenario {
    /// Draws one.
    pub fn draw(rng: &mut StdRng, servers: Option<usize>) -> Self {
        let drawn = [1, 1, 2, 3][rng.random_range(0..4)];
        let servers = servers.unwrap_or(drawn).max(1);
        let count = rng.random_range(2..=4);
        let regions: Vec<RegionId> = (0..count).map(region).collect();
        let traffic = regions.iter().map(|_| [60, 60, 12, 4][rng.random_range(0..4)]).collect();
        let playbook = playbook(rng, &regions);
        let mut bad: BTreeMap<RegionId, BTreeMap<Digest, Bad>> = BTreeMap::new();
        draw_bad(rng, (&service(), 45), &regions, &mut bad);
        let ending = match rng.random_range(0..4) {
            0 => Ending::CoreOnly {
                lost: rng.random_range(0..regions.len()),
                is_down: rng.random_range(0..2) == 0,
                server: rng.random_range(0..servers),
            },
            _ => Ending::AllWell,
        };
        let operator: u64 = rng.random();
        // Of no further draw, so that all other histories stay as they were.
        let play = Play::of(operator);
        if play == Play::Sets {
            // Few enough for sets that end well.
            draw_bad(&mut StdRng::seed_from_u64(!operator), (&partner(), 20), &regions, &mut bad);
        }
        Self {
            servers,
            regions,
            traffic,
            playbook,
            bad,
            supersedes: operator.is_multiple_of(4),
            play,
            operator,
            ending,
            forgets: false,
            stale: Vec::new(),
        }
    }

    /// The services that there are.
    pub fn services(&self) -> Vec<ServiceId> {
        let second = (self.play == Play::Sets).then(partner);
        [service()].into_iter().chain(second).collect()
    }
}

/// Which releases of a service answer badly, where, and from when on.
fn draw_bad(
    rng: &mut StdRng,
    (of, likely): (&ServiceId, u32),
    regions: &[RegionId],
    bad: &mut BTreeMap<RegionId, BTreeMap<Digest, Bad>>,
) {
    for number in 2..2 + ROLLOUTS {
        let digest = release(of, number).digest;
        let is_bad = rng.random_range(0..100) < likely;
        for region in regions {
            if is_bad && rng.random_range(0..100) < 60 {
                let late = rng.random_range(0..3) == 0;
                let from = Duration::from_millis(if late { rng.random_range(4_000..25_000) } else { 0 });
                let percent = rng.random_range(15..=80);
                bad.entry(region.clone()).or_default().insert(digest, Bad { percent, from });
            }
        }
    }
}

/// The service of every history.
pub fn service() -> ServiceId {
    ServiceId::new("checkout").expect("a name")
}

/// The one that it is launched together with; another shard's.
pub fn partner() -> ServiceId {
    ServiceId::new("pay").expect("a name")
}

/// A region by number.
pub fn region(number: usize) -> RegionId {
    RegionId::new(format!("r{number}")).expect("a name")
}

/// What a release of this version is made of.
pub fn digest_of(of: &ServiceId, version: &Version) -> Digest {
    let name = if *of == service() { version.to_string() } else { format!("{of} {version}") };
    Digest::of(name.as_bytes())
}

/// A release by number.
pub fn release(of: &ServiceId, number: u64) -> Release {
    let version = Version::new(number, 0, 0);
    Release {
        service: of.clone(),
        digest: digest_of(of, &version),
        version,
        notes: Notes::default(),
        reversibility: Reversibility::Free,
        prepares: None,
    }
}

fn percent(percent: u64) -> Weight {
    Weight::from_basis_points(percent * 100).expect("at most a hundred")
}

/// Brings the first release up everywhere at once.
pub fn install() -> Playbook {
    let step = Step { weight: Weight::WHOLE, cohort: None, bake: Span::ZERO, requests: 0 };
    let wave = Wave {
        id: WaveId::new("all").expect("a name"),
        regions: RegionSelector::Rest,
        max_parallel: 9,
        max_skew: 9,
        steps: vec![step],
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
        id: PlaybookId::new("install").expect("a name"),
        stages: vec![Stage { kind: StageKind::Production, staging: None, waves: vec![wave] }],
        evidence: EvidencePolicy { checks: Vec::new(), window: Span::from_secs(10), extend_max: Span::from_secs(10) },
        rollback: RollbackPolicy { retention: Span::ZERO, ..RollbackPolicy::default() },
        limits: Limits::default(),
        safety: SafetyPolicy::default(),
    }
}

fn playbook(rng: &mut StdRng, regions: &[RegionId]) -> Playbook {
    let cut = rng.random_range(0..regions.len());
    let (first, second) = regions.split_at(cut);
    let parts: Vec<&[RegionId]> = [first, second].into_iter().filter(|part| !part.is_empty()).collect();
    let waves = parts.into_iter().enumerate().map(|(index, part)| wave(rng, index, part)).collect();
    let votes = match rng.random_range(0..4) {
        0 => VotePolicy::Count(rng.random_range(1..=2)),
        1 => VotePolicy::Percent(percent(rng.random_range(10..=60))),
        _ => VotePolicy::Any,
    };
    let secs = Span::from_secs;
    let check = Check {
        name: "errors".to_owned(),
        measure: Measure::ErrorRatio { max: percent(5) },
        sample_min: rng.random_range(10..=60),
    };
    let fleet = rng.random_range(0..4) > 0;
    Playbook {
        timetable: meridian_core::calendar::Timetable::default(),
        watch: meridian_core::watch::WatchPolicy::default(),
        checklist: Vec::new(),
        hotfix: None,
        joiners: meridian_core::playbook::Joiners::default(),
        concurrency: meridian_core::playbook::Concurrency::Reject,
        id: PlaybookId::new("steps").expect("a name"),
        stages: vec![Stage { kind: StageKind::Production, staging: None, waves }],
        evidence: EvidencePolicy { checks: vec![check], window: secs(30), extend_max: secs(15) },
        rollback: RollbackPolicy {
            votes,
            over: Electorate::of(fleet),
            pooled: None,
            fleet,
            retention: secs(rng.random_range(0..=3)),
            pace: rng.random_bool(0.3).then(|| BackPace { max_parallel: rng.random_range(1..=2) }),
        },
        limits: Limits { prepare: secs(30), shift: secs(20), revert: secs(30), total: secs(600) },
        safety: SafetyPolicy::default(),
    }
}

fn wave(rng: &mut StdRng, index: usize, regions: &[RegionId]) -> Wave {
    let mut steps = Vec::new();
    for weight in [20, 50] {
        if rng.random_range(0..2) == 0 {
            let bake = Span::from_millis(rng.random_range(300..=2500));
            steps.push(Step { weight: percent(weight), cohort: None, bake, requests: 0 });
        }
    }
    let bake = Span::from_millis(rng.random_range(0..=2500));
    steps.push(Step { weight: Weight::WHOLE, cohort: None, bake, requests: 0 });
    Wave {
        id: WaveId::new(format!("w{index}")).expect("a name"),
        regions: RegionSelector::Names(regions.to_vec()),
        max_parallel: rng.random_range(1..=3),
        max_skew: rng.random_range(0..=2),
        steps,
        soak: Span::from_millis(rng.random_range(0..=1500)),
        approvals: Vec::new(),
        callbacks: Vec::new(),
        spread: None,
    }
}
