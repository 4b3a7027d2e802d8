//! The driver `envoy` and its floor, in turns: switches of ours, then flips of another Envoy with as little configuration
//! as can be, each under the same load.

use std::path::Path;
use std::time::Duration;

use meridian_core::slot::{Slot, Slots};
use meridian_drivers::TrafficDriver;
use meridian_drivers::envoy::{EnvoyConfig, EnvoyTraffic};
use meridian_harness::ground;
use meridian_harness::process::end_all_in;

use super::flip::FlippedEnvoy;
use super::round::{self, Found};
use super::{Orders, slots};
use crate::machine;

/// Turns of ours and of the floor.
const TURNS: usize = 4;
/// Flips of the floor in a turn.
const FLIPS: usize = 120;

/// Switches so often; what was found, and the floor's times in milliseconds.
pub async fn measure(switches: usize) -> anyhow::Result<(Found, Vec<f64>)> {
    let folder = ground::folder()?;
    let measured = within(folder.path(), switches).await;
    end_all_in(folder.path(), Duration::from_secs(6));
    measured
}

async fn within(folder: &Path, switches: usize) -> anyhow::Result<(Found, Vec<f64>)> {
    let at = slots::start(folder).await?;
    let mut config = EnvoyConfig::new(folder.join("t"), "bench/r0000", ground::free_address()?);
    config.binary = Some(machine::envoy()?);
    let driver = EnvoyTraffic::open(config).await?;
    let mut orders = Orders::new(Slots { blue: Some(at.blue), green: Some(at.green) });
    orders.switch(&driver, Slot::Blue).await?;
    let mut flipped = FlippedEnvoy::start(&folder.join("f"), &at).await?;
    let (mut found, mut floors) = (Found::default(), Vec::new());
    for _ in 0..TURNS {
        let switch = async |slot| orders.switch(&driver, slot).await;
        found.add(round::run(driver.entrance(), switches / TURNS, switch, async || Ok(())).await?);
        let entrance = flipped.entrance;
        let flip = async |slot| flipped.flip(slot).await;
        floors.extend(round::run(entrance, FLIPS, flip, async || Ok(())).await?.times_ms);
    }
    Ok((found, floors))
}
