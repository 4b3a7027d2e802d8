//! A rollout to start tests from: `checkout` 1.8.2, two waves, three regions, the first wave done.

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{Outcome, StepRef, Verdict};
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::lane::Placed;
use meridian_core::playbook::StageKind;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::{Split, Weight};
use semver::Version;

use crate::name::RolloutName;
use crate::regions::ContactView;
use crate::rollouts::{LanePosition, LaneView, ReasonView, RolloutState, RolloutView, WaveView};

/// 2026-11-23T11:00:00Z, when the sample was started.
pub const STARTED: Timestamp = Timestamp::from_millis(1_795_431_600_000);

/// The rollout, running: `eu-west` settled, `us-east` baking at 10 %, `ap-south` waiting for it.
#[must_use]
pub fn rollout() -> RolloutView {
    let now = STARTED.after(Span::from_secs(720));
    let wave = |name: &str, stage, regions: &[&str], steps| WaveView {
        name: name.to_owned(),
        stage: Some(stage),
        regions: regions.iter().map(|name| region(name)).collect(),
        steps,
    };
    let mut settled = lane("eu-west", LanePosition::Settled, 10_000);
    (settled.at, settled.steps) = (Some(StepRef { wave: 0, step: 0 }), 1);
    let mut baking = lane("us-east", LanePosition::Baking, 1_000);
    (baking.at, baking.steps) = (Some(StepRef { wave: 1, step: 0 }), 3);
    baking.verdict = Some(verdict(Outcome::Pass));
    let waiting = lane("ap-south", LanePosition::Waiting, 0);
    let bake_end = now.after(Span::from_secs(220));
    RolloutView {
        name: name("r-1"),
        release: ReleaseRef { version: Version::new(1, 8, 2), digest: Digest::of(b"1.8.2") },
        plan: Digest::of(b"plan"),
        epoch: Epoch::new(0, 7),
        state: RolloutState::Running,
        summary: "running: wave 2 of 2".to_owned(),
        cause: None,
        requester: "ci-deploy".to_owned(),
        created: STARTED,
        since: STARTED,
        wave: 1,
        waves: vec![
            wave("canary", StageKind::Pilot, &["eu-west"], 1),
            wave("rest", StageKind::Production, &["us-east", "ap-south"], 3),
        ],
        lanes: vec![settled, baking, waiting],
        waits: vec![
            reason("BAKE", "us-east: bakes", Some("us-east"), Some(bake_end)),
            reason("MAX_PARALLEL", "ap-south: as many regions as allowed are on their way", Some("ap-south"), None),
        ],
        etag: "\"7\"".to_owned(),
        revision: 7,
        viewed: now,
        actions: vec!["pause".to_owned(), "rollback".to_owned()],
        approvals: Vec::new(),
        checklist: Vec::new(),
        superseded_by: None,
        supersedes: None,
        train: None,
        join_after: None,
        set: None,
    }
}

/// `services/checkout/rollouts/{id}`.
///
/// # Panics
/// If `id` is not a name.
#[must_use]
pub fn name(id: &str) -> RolloutName {
    RolloutName { service: service(), rollout: RolloutId::new(id).expect("tests name rollouts well") }
}

/// `checkout`.
///
/// # Panics
/// Never.
#[must_use]
pub fn service() -> ServiceId {
    ServiceId::new("checkout").expect("a good name")
}

/// A region.
///
/// # Panics
/// If `name` is not a name.
#[must_use]
pub fn region(name: &str) -> RegionId {
    RegionId::new(name).expect("tests name regions well")
}

/// A reason.
#[must_use]
pub fn reason(code: &str, message: &str, at: Option<&str>, until: Option<Timestamp>) -> ReasonView {
    ReasonView { code: code.to_owned(), message: message.to_owned(), region: at.map(region), until }
}

/// A verdict on errors over 1200 requests.
#[must_use]
pub fn verdict(outcome: Outcome) -> Verdict {
    let measured = if outcome == Outcome::Fail { 480 } else { 12 };
    Verdict { outcome, check: "errors".to_owned(), measured, limit: 100, samples: 1200 }
}

/// A lane with a live agent that does what it was told: `weight` basis points to green, the rest to blue.
///
/// # Panics
/// If the weight is above the whole.
#[must_use]
pub fn lane(name: &str, position: LanePosition, weight: u64) -> LaneView {
    let weight = Weight::from_basis_points(weight).expect("tests weigh well");
    let base = ReleaseRef { version: Version::new(1, 8, 1), digest: Digest::of(b"1.8.1") };
    LaneView {
        region: region(name),
        position,
        at: None,
        steps: 0,
        since: Some(STARTED.after(Span::from_secs(600))),
        slot: Some(Slot::Green),
        base: Some(Placed {
            slot: Slot::Blue,
            release: base,
            parameters: meridian_core::plan::parameters::Values::new(),
        }),
        ordered: Some(Split::toward(Slot::Green, weight)),
        observed: Some(Split::toward(Slot::Green, weight)),
        epoch: Epoch::new(0, 6),
        confirmed: true,
        contact: ContactView::Live,
        last_seen: Some(STARTED.after(Span::from_secs(718))),
        verdict: None,
        vote: None,
        trouble: None,
    }
}
