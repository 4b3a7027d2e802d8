//! P9 and P10: switches under load. Two slots of the sample service are started by the process driver, a load of 2 000
//! requests a second goes through a traffic driver's data plane, and all traffic is moved from one slot to the other and
//! back. Where to go next: `round` (switches and what the requests say of them), `slots`, `proxy`, `envoy`.

mod envoy;
mod flip;
mod proxy;
mod round;
mod slots;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;
use meridian_drivers::{Origin, Route, TrafficDriver};
use std::net::SocketAddr;

use crate::figures::{median, quantile};
use crate::row::Row;
use round::Found;

/// Per driver.
const SWITCHES: usize = 1000;

/// How long a switch of the traffic takes, p50 in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct SwitchTime {
    /// By our driver.
    pub ours_ms: f64,
    /// By the least that could be.
    pub floor_ms: f64,
}

/// What a driver's run came to.
pub struct Outcome {
    /// How long a switch takes.
    pub time: SwitchTime,
    /// Requests that failed by a switch, and requests that started on the old slot after its acknowledgement.
    pub wrong: u64,
}

/// Measures the driver `proxy` and prints its rows.
pub async fn measure_proxy() -> anyhow::Result<Outcome> {
    let (found, floors) = proxy::measure(SWITCHES).await?;
    Ok(print("proxy", &found, &floors, "one fdatasync of 300 B + one GET on the control socket"))
}

/// Measures the driver `envoy` and prints its rows.
pub async fn measure_envoy() -> anyhow::Result<Outcome> {
    let (found, floors) = envoy::measure(SWITCHES).await?;
    Ok(print("envoy", &found, &floors, "one RDS route of another Envoy flipped by a minimal ADS server, same load"))
}

fn print(driver: &str, found: &Found, floors: &[f64], floor_is: &str) -> Outcome {
    let Found { times_ms, requests, failed, judged, late, late_by_ms_max, example } = found;
    let example = example.as_ref().map(|example| format!(" first: {example}")).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (ours, floor) = (*failed as f64, 0.0);
    let what = format!("requests failed by {} switches of driver {driver}, of {requests}{example}", times_ms.len());
    Row { id: "P9", floor, ours, unit: "", target: "0".to_owned(), what }.print();
    let time = SwitchTime { ours_ms: median(times_ms), floor_ms: median(floors) };
    let what = format!(
        "order to ack of driver {driver}, p50 of {} (p99={:.2}ms); old_slot_starts_after_ack={late} of {judged} requests \
         (latest {late_by_ms_max:.3}ms after); floor: {floor_is}",
        times_ms.len(),
        quantile(times_ms, 0.99),
    );
    let target = format!("{:.3}ms", 2.0 * time.floor_ms);
    Row { id: "P10", floor: time.floor_ms, ours: time.ours_ms, unit: "ms", target, what }.print();
    Outcome { time, wrong: failed + late }
}

/// Orders whole switches, each under the next epoch.
struct Orders {
    counter: u64,
    targets: Slots<Option<SocketAddr>>,
}

impl Orders {
    const fn new(targets: Slots<Option<SocketAddr>>) -> Self {
        Self { counter: 0, targets }
    }

    /// Sends everything to a slot.
    async fn switch(&mut self, driver: &dyn TrafficDriver, slot: Slot) -> anyhow::Result<()> {
        self.counter += 1;
        let route = Route {
            epoch: Epoch::new(1, self.counter),
            origin: Origin::Goal,
            hash: Digest::of(&self.counter.to_le_bytes()),
            split: Split::all(slot),
            cohort: None,
            sticky: None,
            targets: self.targets,
        };
        Ok(driver.route(&route).await?)
    }
}
