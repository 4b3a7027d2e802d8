//! Two slots of the sample service, started by the process driver: blue runs 1.0.0, green 1.1.0.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use meridian_core::observation::SlotState;
use meridian_core::plan::parameters::Values;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::{Slot, Slots};
use meridian_drivers::WorkloadDriver;
use meridian_drivers::process::{ProcessConfig, ProcessWorkload};
use meridian_harness::{Artifact, ArtifactFolder, program, wait_until};

/// How long a slot may take on a busy machine.
const READY_MAX: Duration = Duration::from_secs(30);

/// The version that runs in a slot.
pub const fn version(slot: Slot) -> &'static str {
    match slot {
        Slot::Blue => "1.0.0",
        Slot::Green => "1.1.0",
    }
}

/// Starts both and waits until they are ready; where they are.
pub async fn start(folder: &Path) -> anyhow::Result<Slots<SocketAddr>> {
    let artifacts = ArtifactFolder::create(folder.join("artifacts"))?;
    let binary = program("skyoptima")?.display().to_string();
    let command = [&binary, "--listen", "{address}", "--artifact", "{artifact}"].map(str::to_owned).to_vec();
    let driver = ProcessWorkload::open(ProcessConfig::new(folder.join("w"), artifacts.path(), command)).await?;
    for slot in Slot::BOTH {
        let digest = artifacts.add(&Artifact::good(version(slot)))?;
        let release = ReleaseRef { version: version(slot).parse()?, digest };
        driver.start(slot, &release, &Values::new()).await?;
    }
    wait_until("both slots to be ready", READY_MAX, || async {
        let seen = driver.look().await.ok()?;
        let ready = |slot: Slot| seen.get(slot).is_some_and(|seen| seen.state == SlotState::Ready);
        Slot::BOTH.into_iter().all(ready).then_some(())
    })
    .await?;
    let address = |slot| driver.address(slot).with_context(|| format!("slot {slot} has an address"));
    Ok(Slots { blue: address(Slot::Blue)?, green: address(Slot::Green)? })
}
