//! A region's probe: a request every ten milliseconds through the region's own front, each one kept; and a load besides.
//! It runs on the region's node, so no fault on a link is in its way. It does not judge.

use meridian_load::{FailureReason, Load, Options, Recording};
use tokio::time::Duration;

use super::{FRONT, Site};
use crate::history::Probe;

/// One request every 10 ms.
const PROBE_RATE: f64 = 100.0;
/// Long against any answer, short against a run.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A probe that runs.
#[derive(Debug)]
pub struct RegionProbe {
    probe: Load,
    load: Option<Load>,
}

impl RegionProbe {
    /// Starts a probe in a region, and an open load of `rate` requests per second besides; 0: none.
    ///
    /// # Errors
    /// If the node can't be entered.
    pub fn start(site: &Site, region: &str, rate: f64) -> anyhow::Result<Self> {
        let node = &site.agents[region].node;
        let options = |rate: f64, record: bool| {
            let mut options = Options::new(FRONT);
            options.path = "/flights/7".to_owned();
            options.rate_per_second = rate;
            (options.timeout, options.record, options.base) = (ANSWER_MAX, record, site.base);
            options
        };
        let (probing, loading) = (options(PROBE_RATE, true), options(rate, false));
        // The load's threads belong to the node of the thread that starts them.
        let probe = node.within(move || Load::start(probing))??;
        let load = if rate > 0.0 { Some(node.within(move || Load::start(loading))??) } else { None };
        Ok(Self { probe, load })
    }

    /// How many requests of load and probe were answered, and how many failed by the switch.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let loads = [Some(&self.probe), self.load.as_ref()];
        let snapshots = loads.into_iter().flatten().map(Load::snapshot);
        snapshots.fold((0, 0), |(answered, failed), seen| (answered + seen.answered, failed + seen.failed_by_switch))
    }

    /// The version answered last, as far as a probe saw it.
    #[must_use]
    pub fn answered_by(&self, version: &str) -> u64 {
        self.probe.snapshot().version(version)
    }

    /// Ends it and returns every request of the probe.
    pub async fn stop(self) -> Vec<Probe> {
        if let Some(load) = self.load {
            load.stop().await;
        }
        let report = self.probe.stop().await;
        for (reason, failures) in &report.totals.failures {
            let example = failures.examples.first().map_or("", |example| example.detail.as_str());
            println!("unanswered by a slot: {} {reason}, such as {example:?}", failures.count);
        }
        requests(&report.recording)
    }
}

fn requests(recording: &Recording) -> Vec<Probe> {
    let kept = recording.iter().map(|sample| Probe {
        start: sample.start_micros,
        end: sample.end_micros,
        // Only a slot tells its version; what answers without one is something on the way to it.
        slot: sample.version.and(sample.slot).map(str::to_owned),
        version: sample.version.map(str::to_owned),
        timed_out: matches!(sample.failure, Some(FailureReason::TimedOut | FailureReason::NotSent)),
    });
    kept.collect()
}
