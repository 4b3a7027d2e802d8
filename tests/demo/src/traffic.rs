//! A steady load in every region, and what came of it.

use std::time::Duration;

use meridian_harness::Fleet;
use meridian_load::{Load, Options};

/// Load generators, one per region.
pub struct Traffic {
    loads: Vec<(String, Load)>,
}

/// What all requests came to.
pub struct Totals {
    /// Requests answered by a slot.
    pub answered: u64,
    /// Requests that the switch let fail: refused, reset, timed out, or answered by nobody's slot.
    pub failed_by_switch: u64,
}

impl Traffic {
    /// Starts a load of `rate` requests per second in each region.
    pub fn start(fleet: &Fleet, rate: f64) -> anyhow::Result<Self> {
        Self::start_in(fleet, fleet.regions(), rate)
    }

    /// The same in some regions only.
    pub fn start_in(fleet: &Fleet, regions: &[String], rate: f64) -> anyhow::Result<Self> {
        let mut loads = Vec::new();
        for region in regions {
            let mut options = Options::new(fleet.front(region));
            options.path = "/flights/7".to_owned();
            options.rate_per_second = rate;
            options.timeout = Duration::from_secs(5);
            loads.push((region.clone(), Load::start(options)?));
        }
        Ok(Self { loads })
    }

    /// Prints which version answered how often so far.
    pub fn print(&self) {
        for (region, load) in &self.loads {
            let snapshot = load.snapshot();
            let versions: Vec<String> = snapshot.by_version.iter().map(|(v, n)| format!("{v}: {n}")).collect();
            println!("  {region:<9} {:>6} answered  ({})", snapshot.answered, versions.join(", "));
        }
    }

    /// Ends the load and sums up.
    pub async fn stop(self) -> Totals {
        let mut totals = Totals { answered: 0, failed_by_switch: 0 };
        for (region, load) in self.loads {
            let report = load.stop().await;
            totals.answered += report.totals.answered;
            totals.failed_by_switch += report.totals.failed_by_switch;
            if report.totals.failed_by_switch > 0 {
                println!("  {region}: {}", report.totals);
            }
        }
        totals
    }
}
