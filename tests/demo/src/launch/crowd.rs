//! The users: everybody in every region, and partners who ask for the pilot.

use std::time::Duration;

use anyhow::Context;
use meridian_harness::{Fleet, wait_until};
use meridian_load::{Load, Options};

use super::PATIENCE;
use crate::traffic::{Totals, Traffic};

/// Requests per second of everybody in a region, and of the partners.
const RATE: f64 = 120.0;
/// Where the partners are, and how their requests are known.
const PARTNERS: (&str, &str, &str) = ("eu-west", "x-skyoptima-pilot", "yes");

/// All users.
pub struct Crowd {
    everybody: Traffic,
    partners: Load,
}

impl Crowd {
    /// They come.
    pub fn gather(fleet: &Fleet) -> anyhow::Result<Self> {
        let (region, header, value) = PARTNERS;
        let mut options = Options::new(fleet.front(region));
        options.path = "/flights/7".to_owned();
        options.rate_per_second = RATE;
        options.timeout = Duration::from_secs(5);
        options.headers = vec![(header.to_owned(), value.to_owned())];
        // Nobody is in the lab: there the agent makes the load that the playbook asks for.
        let regions: Vec<String> = fleet.regions().iter().filter(|region| *region != "lab").cloned().collect();
        Ok(Self { everybody: Traffic::start_in(fleet, &regions, RATE)?, partners: Load::start(options)? })
    }

    /// Waits until partners are served by a version.
    pub async fn until_served(&self, region: &str, version: &str) -> anyhow::Result<()> {
        let served = || async { self.partners.snapshot().by_version.contains_key(version).then_some(()) };
        wait_until(&format!("partners in {region} are served by {version}"), PATIENCE, served).await.context("a pilot")
    }

    /// Which version has answered how often.
    pub fn print(&self) {
        self.everybody.print();
    }

    /// They go.
    pub async fn leave(self) -> Totals {
        let mut totals = self.everybody.stop().await;
        let partners = self.partners.stop().await.totals;
        totals.answered += partners.answered;
        totals.failed_by_switch += partners.failed_by_switch;
        totals
    }
}
