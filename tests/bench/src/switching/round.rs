//! Switches under load, and what the requests say of them: how many failed, and whether any started on the old slot after
//! the new one was acknowledged. It does not know how a data plane switches.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use meridian_core::slot::Slot;
use meridian_load::{Load, Options, Recording, Sample};

use super::slots::version;

/// Load on each data plane.
pub const RATE_PER_SECOND: f64 = 2000.0;
const CONNECTIONS: usize = 32;
/// Between an acknowledgement and the next order, in two halves with the floor's own measurement between them.
const HALF_STAY: Duration = Duration::from_millis(8);
/// Before the first switch the load has to run.
const WARM_REQUESTS: u64 = 200;
const WARM_MAX: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// From order to acknowledgement, each.
    pub times_ms: Vec<f64>,
    /// Requests sent.
    pub requests: u64,
    /// Requests without an answer made by a slot.
    pub failed: u64,
    /// Requests that lie wholly between an acknowledgement and the next order.
    pub judged: u64,
    /// Of these, those that the old slot answered.
    pub late: u64,
    /// How long after the acknowledgement the latest of them started.
    pub late_by_ms_max: f64,
    /// The first failure.
    pub example: Option<String>,
}

/// A slot was the only one, from its acknowledgement to the next order; microseconds since the load's base.
struct Reign {
    slot: Slot,
    from: u64,
    to: u64,
}

impl Found {
    /// Adds another round.
    pub fn add(&mut self, other: Self) {
        let Self { times_ms, requests, failed, judged, late, late_by_ms_max, example } = other;
        self.times_ms.extend(times_ms);
        self.requests += requests;
        self.failed += failed;
        self.judged += judged;
        self.late += late;
        self.late_by_ms_max = self.late_by_ms_max.max(late_by_ms_max);
        self.example = self.example.take().or(example);
    }
}

/// Switches so often, from blue to green and back, under load; `between` runs in the middle of each stay.
pub async fn run(
    entrance: SocketAddr,
    switches: usize,
    mut switch: impl AsyncFnMut(Slot) -> anyhow::Result<()>,
    mut between: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Found> {
    switch(Slot::Blue).await?;
    let base = Instant::now();
    let mut options = Options::new(entrance);
    options.path = "/flights/7".to_owned();
    options.rate_per_second = RATE_PER_SECOND;
    options.connections = CONNECTIONS;
    options.record = true;
    options.base = base;
    let load = Load::start(options)?;
    load.wait_until(|seen| seen.answered >= WARM_REQUESTS, WARM_MAX).await?;
    let micros = || u64::try_from(base.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (mut times_ms, mut reigns, mut slot) = (Vec::new(), Vec::new(), Slot::Blue);
    for _ in 0..switches {
        slot = slot.other();
        let ordered = Instant::now();
        switch(slot).await?;
        times_ms.push(ordered.elapsed().as_secs_f64() * 1000.0);
        let from = micros();
        tokio::time::sleep(HALF_STAY).await; // tidy: paced
        between().await?;
        tokio::time::sleep(HALF_STAY).await; // tidy: paced
        reigns.push(Reign { slot, from, to: micros() });
    }
    let report = load.stop().await;
    let totals = &report.totals;
    let example = (totals.failed_by_switch > 0).then(|| totals.to_string());
    let (requests, failed) = (totals.sent, totals.failed_by_switch);
    let mut found = Found { times_ms, requests, failed, example, ..Found::default() };
    judge(&report.recording, &reigns, &mut found);
    Ok(found)
}

/// A request counts if it lies wholly within a reign: one under way when the next order comes may meet either slot.
fn judge(recording: &Recording, reigns: &[Reign], found: &mut Found) {
    for Sample { start_micros, end_micros, version: answered, .. } in recording.iter() {
        let next = reigns.partition_point(|reign| reign.from < start_micros);
        let Some(reign) = next.checked_sub(1).and_then(|last| reigns.get(last)) else {
            continue;
        };
        if end_micros > reign.to {
            continue;
        }
        found.judged += 1;
        if answered == Some(version(reign.slot.other())) {
            found.late += 1;
            #[expect(clippy::cast_precision_loss, reason = "some milliseconds")]
            let late_by_ms = (start_micros - reign.from) as f64 / 1000.0;
            found.late_by_ms_max = found.late_by_ms_max.max(late_by_ms);
        }
    }
}
