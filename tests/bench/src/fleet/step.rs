//! P1: what a region's step costs. One region goes through four waves of a hundred steps without a bake; each step is a
//! decision, its commit, a push to the agent and its acknowledgement. The acknowledgement of one step and the intent for
//! the next meet on one server, so a step is one compare-and-swap.

use meridian_client::RolloutState;
use meridian_core::digest::Digest;
use meridian_core::playbook::RegionSelector;
use meridian_core::time::Span;

use super::launch::playbook;
use super::{Rig, Shape};
use crate::figures::median;
use crate::row::Row;

const ROUNDS: u64 = 5;
const WAVES: u64 = 4;
const STEPS: u64 = 100;
/// Rises to the whole over all steps.
const RISE_BASIS_POINTS: u64 = 25;
/// As many as steps of a round.
const CAS_A_ROUND: usize = 400;

/// Measures on an etcd of so many nodes, and prints.
pub async fn measure(etcd_nodes: usize) -> anyhow::Result<()> {
    let mut rig = Rig::start(Shape { etcd_nodes, ..Shape::of(1) }).await?;
    let everywhere = RegionSelector::Rest;
    rig.launcher.apply(&playbook("install", &everywhere, &[vec![10_000]], Span::ZERO, Vec::new())?).await?;
    let weights = |wave: u64| (1..=STEPS).map(|step| (wave * STEPS + step) * RISE_BASIS_POINTS).collect();
    let waves: Vec<Vec<u64>> = (0..WAVES).map(weights).collect();
    rig.launcher.apply(&playbook("fine", &everywhere, &waves, Span::ZERO, Vec::new())?).await?;
    launch(&mut rig, 0, "install").await?;
    let (mut floors, mut ours, mut intervals) = (Vec::new(), Vec::new(), 0);
    for round in 1..=ROUNDS {
        let cas = rig.cas.times(CAS_A_ROUND).await?;
        floors.push(2.0 * median(&cas));
        let steps = launch(&mut rig, round, "fine").await?;
        intervals += steps.len();
        ours.push(median(&steps));
    }
    let (floor, ours) = (median(&floors), median(&ours));
    let what = format!(
        "a region's step, p50 of {intervals} intervals between goals at the agent; floor: two raw CAS of 256 B; \
         step/CAS={:.2} rounds={ROUNDS} etcd={etcd_nodes} node(s), mTLS",
        2.0 * ours / floor
    );
    Row { id: "P1", floor, ours, unit: "ms", target: "0.80".to_owned(), what }.print();
    rig.stop().await
}

/// Launches the next release; the time between each goal at the agent and the next one, in milliseconds.
pub(super) async fn launch(rig: &mut Rig, round: u64, playbook: &str) -> anyhow::Result<Vec<f64>> {
    let version = format!("1.{round}.0");
    let release = rig.launcher.release_digest(&version, Digest::of(version.as_bytes())).await?;
    rig.stub.stats().await?;
    let rollout = rig.launcher.start(&release, playbook).await?;
    rig.until(&rollout, RolloutState::Stable).await?;
    let epochs = rig.stub.stats().await?;
    let pairs = epochs.iter().zip(epochs.iter().skip(1));
    Ok(pairs.map(|(one, next)| crate::clock::millis_between(one.first_goal, next.first_goal)).collect())
}
