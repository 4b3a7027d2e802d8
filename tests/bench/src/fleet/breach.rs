//! P3: one region of a hundred or a thousand measures a breach; until every region has acknowledged the goal to go back. Nobody gives an
//! order. The switch of the traffic itself is measured with P10 and added to both sides.

use std::time::Duration;

use meridian_client::{ReleaseName, RolloutState};
use meridian_core::id::RegionId;

use super::Rig;
use super::rollback::push_to_all;
use crate::clock::millis_between;
use crate::figures::{median, quantile};
use crate::row::Row;
use crate::switching::SwitchTime;

/// Between what happened before and a measurement.
const QUIET: Duration = Duration::from_millis(150);
const CAS_A_ROUND: usize = 20;

/// Measures on a rig that is prepared with a check, and prints.
pub async fn measure(
    rig: &mut Rig,
    release: &ReleaseName,
    rounds: u64,
    target: &str,
    switch: SwitchTime,
) -> anyhow::Result<()> {
    let (mut ours, mut cas, mut pushes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        cas.extend(rig.cas.times(CAS_A_ROUND).await?);
        pushes.push(push_to_all(rig, round).await?);
        ours.push(switch.ours_ms + breach(rig, release, round).await?);
    }
    let floor = median(&cas) + median(&pushes) + switch.floor_ms;
    let what = format!(
        "breach in one of {} regions to traffic back in all, p99 of {rounds} (p50={:.2}ms); floor: p50 of CAS {:.2} + \
         push and acks {:.2} + raw switch {:.2}",
        rig.count,
        median(&ours),
        median(&cas),
        median(&pushes),
        switch.floor_ms,
    );
    let ours = quantile(&ours, 0.99);
    Row { id: "P3", floor, ours, unit: "ms", target: target.to_owned(), what }.print();
    Ok(())
}

/// Milliseconds from the report of the breach to the last acknowledgement.
async fn breach(rig: &mut Rig, release: &ReleaseName, round: u64) -> anyhow::Result<f64> {
    let rollout = rig.bake(release, "half").await?;
    tokio::time::sleep(QUIET).await; // tidy: paced
    let region = RegionId::new(format!("r{:04}", round % rig.count as u64))?;
    let reported = rig.stub.breach(&region).await?;
    let whole = rig.stub.whole(|whole| whole.first_goal >= reported).await?;
    rig.until(&rollout, RolloutState::RolledBack).await?;
    rig.launcher.pardon(release).await?;
    Ok(millis_between(reported, whole.last_ack))
}
