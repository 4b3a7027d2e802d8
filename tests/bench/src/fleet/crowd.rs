//! A thousand rollouts at once, each of a service of its own in one of a few regions: all going back at once (P4), all
//! going forward at once while one goes back (P12), and what a step costs with all that history behind it (P11).

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use meridian_client::{
    Intent, LanePosition, OperatorOrder, PlanWanted, ReleaseName, RequestId, RolloutName, RolloutStart, RolloutState,
    ServiceChange,
};
use meridian_core::digest::Digest;
use meridian_core::id::{PlaybookId, RegionId, ServiceId};
use meridian_core::plan::parameters::Parameters;
use meridian_core::playbook::{Playbook, RegionSelector};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::time::Span;

use super::launch::{errors_check, playbook};
use super::rollback::roll_back;
use super::{Rig, Shape, step};
use crate::cas;
use crate::clock::millis_between;
use crate::figures::median;
use crate::machine::resident;
use crate::row::Row;
use crate::stub::regions;

const SERVICES: usize = 1000;
const REGIONS: usize = 8;
/// Calls under way at once while the crowd is made ready.
const CALLS: usize = 16;
/// Rounds of a measurement that takes one launch each.
const ROUNDS: u64 = 4;
/// Rollbacks, alone and beside the crowd.
const ROLLBACKS: usize = 11;
/// Steps of one rollout, of one hundredth each: a thousand of them are 100 000 decisions.
const STEPS: u64 = 100;
/// The first step of the crowd rests as long as it takes to start all of them.
const GATHER: Span = Span::from_secs(30);
/// How long the crowd's pace is measured.
const PACE: Duration = Duration::from_secs(8);
/// The floor's compare-and-swaps at once, and each of them so often.
const CAS_AT_ONCE: usize = 64;
const CAS_EACH: usize = 150;

/// Measures and prints.
pub async fn measure() -> anyhow::Result<()> {
    let mut rig = Rig::start(Shape { lanes: 1, ..Shape::of(REGIONS) }).await?;
    let regions = regions(REGIONS)?;
    for region in &regions {
        for playbook in playbooks(region)? {
            rig.launcher.apply(&playbook).await?;
        }
    }
    let first = named("install", &regions[0]);
    step::launch(&mut rig, 0, &first).await?;
    let bad = rig.launcher.release_digest("2.0.0", Digest::of(b"2.0.0")).await?;
    let crowd = Crowd { regions, bad };
    let empty = crowd.steps(&mut rig, 0).await?;
    let alone = crowd.rollbacks(&mut rig).await?;
    crowd.make(&rig).await?;
    let memory_before = resident(rig.server_pid())?;
    back_at_once(&mut rig, &crowd).await?;
    forward_at_once(&mut rig, &crowd, alone).await?;
    let full = crowd.steps(&mut rig, ROUNDS).await?;
    let memory_after = resident(rig.server_pid())?;
    let what = format!(
        "a region's step after {} decisions of others, p50 of {ROUNDS} launches; floor: the same before them; server \
         RSS {:.1}MB before, {:.1}MB after (its own {:.1}MB, {:.1}MB)",
        SERVICES as u64 * STEPS,
        memory_before.0,
        memory_after.0,
        memory_before.1,
        memory_after.1,
    );
    Row { id: "P11", floor: empty, ours: full, unit: "ms", target: format!("{:.3}ms", 1.1 * empty), what }.print();
    rig.stop().await
}

/// P4: every service measures a breach in one moment.
async fn back_at_once(rig: &mut Rig, crowd: &Crowd) -> anyhow::Result<()> {
    let raw = cas::rate(&rig.endpoints(), CAS_AT_ONCE, CAS_EACH).await?;
    let rollouts = crowd.launch(rig, "1.1.0", "half").await?;
    crowd.until(rig, &rollouts, RolloutState::Running).await?;
    let ours = rig.stub.breach_crowd(SERVICES).await?;
    crowd.until(rig, &rollouts, RolloutState::RolledBack).await?;
    crowd.pardon(rig).await?;
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let floor = SERVICES as f64 * 1000.0 / raw;
    let what = format!(
        "{SERVICES} rollouts of as many services measure a breach at once, to the last ack to go back; floor: as many raw \
         CAS of 256 B, {CAS_AT_ONCE} at once ({raw:.0}/s)"
    );
    Row { id: "P4", floor, ours, unit: "ms", target: "1000ms".to_owned(), what }.print();
    Ok(())
}

/// P12: every service takes a hundred steps; meanwhile one more rollout goes back, again and again.
async fn forward_at_once(rig: &mut Rig, crowd: &Crowd, alone: f64) -> anyhow::Result<()> {
    let raw = cas::rate(&rig.endpoints(), CAS_AT_ONCE, CAS_EACH).await?;
    let rollouts = crowd.launch(rig, "1.2.0", "many").await?;
    let (before, _) = rig.stub.crowd().await?;
    // Until the last that was started has gathered, and moves.
    tokio::time::sleep(Duration::from_millis(GATHER.millis())).await; // tidy: paced
    let (from, began) = rig.stub.crowd().await?;
    tokio::time::sleep(PACE).await; // tidy: paced
    let (to, ended) = rig.stub.crowd().await?;
    anyhow::ensure!(to - before < SERVICES as u64 * STEPS, "the crowd was through before all of it moved");
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let ours = (to - from) as f64 * 1000.0 / millis_between(began, ended);
    let beside = crowd.rollbacks(rig).await?;
    crowd.until(rig, &rollouts, RolloutState::Stable).await?;
    let what = format!(
        "decisions a second of {SERVICES} rollouts at once; floor: raw CAS of 256 B, {CAS_AT_ONCE} at once; a rollback \
         meanwhile, from the order to the ack, p50 of {ROLLBACKS}: {beside:.1}ms (alone: {alone:.1}ms)"
    );
    Row { id: "P12", floor: raw, ours, unit: "/s", target: format!(">={:.0}/s", raw / 2.0), what }.print();
    Ok(())
}

fn named(playbook: &str, region: &RegionId) -> String {
    format!("{playbook}-{region}")
}

/// For each region: bring a release, bake it at a half, take many steps, and the same after gathering.
fn playbooks(region: &RegionId) -> anyhow::Result<[Playbook; 4]> {
    let here = RegionSelector::Names(vec![region.clone()]);
    let many: Vec<u64> = (1..=STEPS).map(|step| step * 10_000 / STEPS).collect();
    let bake = Span::from_secs(3600);
    let mut gathered = playbook(&named("many", region), &here, std::slice::from_ref(&many), Span::ZERO, Vec::new())?;
    if let Some(first) = gathered.stages[0].waves[0].steps.first_mut() {
        first.bake = GATHER;
    }
    Ok([
        playbook(&named("install", region), &here, &[vec![10_000]], Span::ZERO, Vec::new())?,
        playbook(&named("half", region), &here, &[vec![5000, 10_000]], bake, vec![errors_check()?])?,
        playbook(&named("fine", region), &here, &[many], Span::ZERO, Vec::new())?,
        gathered,
    ])
}

struct Crowd {
    regions: Vec<RegionId>,
    /// A release of the first service that is always taken back.
    bad: ReleaseName,
}

impl Crowd {
    /// The services, each with its region.
    fn services(&self) -> impl Iterator<Item = (String, &RegionId)> {
        (0..SERVICES).map(|number| (format!("s{number:04}"), &self.regions[number % self.regions.len()]))
    }

    /// Registers every service and brings its first release.
    async fn make(&self, rig: &Rig) -> anyhow::Result<()> {
        let client = rig.launcher.client();
        let made = stream::iter(self.services()).map(|(service, _)| async move {
            let id = ServiceId::new(service)?;
            let (description, owner) = (String::new(), String::new());
            let change = ServiceChange {
                id,
                description,
                owner,
                labels: [].into(),
                parameters: Parameters::default(),
                etag: None,
            };
            client.apply_service(&change, Intent::Commit, &RequestId::random()).await?;
            Ok::<_, anyhow::Error>(())
        });
        made.buffer_unordered(CALLS).try_collect::<Vec<()>>().await?;
        let rollouts = self.launch(rig, "1.0.0", "install").await?;
        self.until(rig, &rollouts, RolloutState::Stable).await
    }

    /// Starts a rollout of every service.
    async fn launch(&self, rig: &Rig, version: &str, playbook: &str) -> anyhow::Result<Vec<RolloutName>> {
        let started = stream::iter(self.services()).map(|(service, region)| async move {
            let playbook = PlaybookId::new(named(playbook, region))?;
            start(rig, ServiceId::new(service)?, version, playbook).await
        });
        started.buffer_unordered(CALLS).try_collect().await
    }

    /// Lifts the holds that came with going back: what is launched next has another digest.
    async fn pardon(&self, rig: &Rig) -> anyhow::Result<()> {
        let client = rig.launcher.client();
        let lifted = stream::iter(self.services()).map(|(service, _)| async move {
            let order = OperatorOrder { actor: "bench".to_owned(), reason: "to go on".to_owned(), etag: None };
            client.release_hold(&ServiceId::new(service)?, &order, &RequestId::random()).await?;
            Ok::<_, anyhow::Error>(())
        });
        lifted.buffer_unordered(CALLS).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// Waits until every rollout is in a state; one that runs has to bake.
    async fn until(&self, rig: &Rig, rollouts: &[RolloutName], state: RolloutState) -> anyhow::Result<()> {
        for rollout in rollouts {
            rig.until_view(rollout, &format!("{rollout} to be {state:?}"), |view| {
                let bakes = view.lanes.iter().all(|lane| lane.position == LanePosition::Baking && lane.confirmed);
                view.state == state && (bakes || state != RolloutState::Running)
            })
            .await?;
        }
        Ok(())
    }

    /// p50 of a step of the first service, in milliseconds.
    async fn steps(&self, rig: &mut Rig, rounds_before: u64) -> anyhow::Result<f64> {
        let fine = named("fine", &self.regions[0]);
        let mut times = Vec::new();
        for round in 1..=ROUNDS {
            times.extend(step::launch(rig, rounds_before + round, &fine).await?);
        }
        Ok(median(&times))
    }

    /// p50 of rollbacks of the first service, from the order to the ack, in milliseconds.
    async fn rollbacks(&self, rig: &mut Rig) -> anyhow::Result<f64> {
        let half = named("half", &self.regions[0]);
        let mut times = Vec::new();
        for _ in 0..ROLLBACKS {
            times.push(roll_back(rig, &self.bad, &half).await?.from_order);
        }
        Ok(median(&times))
    }
}

async fn start(rig: &Rig, service: ServiceId, version: &str, playbook: PlaybookId) -> anyhow::Result<RolloutName> {
    let client = rig.launcher.client();
    let release = Release {
        service: service.clone(),
        version: version.parse()?,
        digest: Digest::of(version.as_bytes()),
        notes: Notes::default(),
        reversibility: Reversibility::Free,
        prepares: None,
    };
    client.create_release(&release, Intent::Commit, &RequestId::random()).await?;
    let release = ReleaseName { service: service.clone(), version: release.version };
    let wanted = PlanWanted { release, playbook, revision: None, supersede: None };
    let plan = client.create_plan(&wanted, Intent::Commit, &RequestId::random()).await?;
    let order = RolloutStart { service, plan: plan.hash, id: None, actor: "bench".to_owned() };
    Ok(client.start_rollout(&order, Intent::Commit, &RequestId::random()).await?.name)
}
