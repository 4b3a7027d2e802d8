//! P2: from the commit of a rollback to the last agent's acknowledgement. The floor is a bare server that pushes one goal
//! to as many agents of the same kind, in turns with ours.

use std::time::Duration;

use meridian_client::{ReleaseName, RolloutState};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::id::{Lane, RolloutId, ServiceId};
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;
use meridian_harness::fleet::SERVICE;
use meridian_proto::r#gen::agent::v1::Goals;

use super::Rig;
use crate::clock::{micros, millis_between};
use crate::figures::median;
use crate::machine::cpu_micros;
use crate::row::Row;
use crate::stub::regions;

/// Between what happened before and a measurement: late work of the server is not part of either.
const QUIET: Duration = Duration::from_millis(150);

/// Measures on a rig that is prepared, and prints.
pub async fn measure(rig: &mut Rig, release: &ReleaseName, rounds: u64, target: &str) -> anyhow::Result<()> {
    let (mut floors, mut ours, mut orders, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        floors.push(push_to_all(rig, round).await?);
        let Back { from_commit, from_order, server_cpu_micros } = roll_back(rig, release, "half").await?;
        cpu.push(server_cpu_micros);
        ours.push(from_commit);
        orders.push(from_order);
    }
    let what = format!(
        "rollback of {} regions, its commit to the last ack, median of {rounds}; floor: a bare push; \
         from the order at the caller: {:.1}ms, server CPU until then {:.0}us an agent",
        rig.count,
        median(&orders),
        median(&cpu),
    );
    let (floor, ours) = (median(&floors), median(&ours));
    Row { id: "P2", floor, ours, unit: "ms", target: target.to_owned(), what }.print();
    Ok(())
}

/// One rollback, in milliseconds to the last acknowledgement.
pub(super) struct Back {
    /// From the commit.
    pub from_commit: f64,
    /// From the order at the caller.
    pub from_order: f64,
    /// For each agent; the order, its commit and its answer included.
    pub server_cpu_micros: f64,
}

/// Starts a rollout, lets it bake and takes it back.
pub(super) async fn roll_back(rig: &mut Rig, release: &ReleaseName, playbook: &str) -> anyhow::Result<Back> {
    let rollout = rig.bake(release, playbook).await?;
    tokio::time::sleep(QUIET).await; // tidy: paced
    let (ordered, cpu_before) = (micros(), cpu_micros(rig.server_pid())?);
    let view = rig.launcher.roll_back(&rollout).await?;
    let whole = rig.stub.whole(|whole| whole.epoch == view.epoch).await?;
    let cpu = cpu_micros(rig.server_pid())? - cpu_before;
    let committed = rig.commits.at(view.epoch).await?;
    rig.until(&rollout, RolloutState::RolledBack).await?;
    rig.launcher.pardon(release).await?;
    let (from_commit, from_order) =
        (millis_between(committed, whole.last_ack), millis_between(ordered, whole.last_ack));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let server_cpu_micros = cpu as f64 / rig.count as f64;
    Ok(Back { from_commit, from_order, server_cpu_micros })
}

/// Pushes one goal to every agent of the floor; milliseconds to the last acknowledgement.
pub(super) async fn push_to_all(rig: &mut Rig, round: u64) -> anyhow::Result<f64> {
    let epoch = Epoch::new(round, micros());
    let goals = regions(rig.count)?.into_iter().map(|region| {
        let lane = Lane { service: ServiceId::new(SERVICE)?, region: region.clone() };
        let goal = goal(lane, epoch)?;
        Ok((region, Goals { goals: vec![(&goal).into()], vetoes: Vec::new() }))
    });
    let goals: Vec<_> = goals.collect::<anyhow::Result<_>>()?;
    tokio::time::sleep(QUIET).await; // tidy: paced
    let began = micros();
    rig.bare.push(goals)?;
    let whole = rig.bare_stub.whole(|whole| whole.epoch == epoch).await?;
    Ok(millis_between(began, whole.last_ack))
}

/// As large as the goal of a rollback.
fn goal(lane: Lane, epoch: Epoch) -> anyhow::Result<Goal> {
    let release = ReleaseRef { version: "1.0.0".parse()?, digest: Digest::of(b"1.0.0") };
    let slots = Slots { blue: SlotGoal::Run(release), green: SlotGoal::Keep };
    let (rollout, split) = (RolloutId::new("skyoptima-1-1-0-abc123")?, Some(Split::all(Slot::Blue)));
    Ok(Goal {
        lane,
        epoch,
        rollout,
        slots,
        parameters: Slots::default(),
        split,
        cohort: None,
        measurement: None,
        mandate: None,
    })
}
