//! The world of one seed: hosts, their network, and what befalls them. It lets time pass in small steps; between two of
//! them it does what no process can: crash one, cut a way, let requests arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meridian_core::id::{Lane, RegionId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use turmoil::Sim;

use crate::ends;
use crate::etcd::{self, Etcd, Sort};
use crate::faults::{self, Fault, What};
use crate::hosts::{self, WallClock, server_host};
use crate::operator::{self, Operator};
use crate::options::Options;
use crate::oracle::Oracle;
use crate::patience::Patience;
use crate::scenario::{Ending, Scenario};
use crate::site::disk::Disk;
use crate::site::{self, Site};
use crate::story::Story;

/// One step; nothing is quicker than this.
const TICK: Duration = Duration::from_millis(5);
/// Between two rounds of requests.
const ROUND: Duration = Duration::from_millis(100);
/// Faults begin once the processes are up.
const FAULTS_FROM: Duration = Duration::from_secs(3);
/// And are over by then.
pub const FAULTS_TO: Duration = Duration::from_secs(26);
/// All of it has come to its end by then, or it is stuck.
const END: Duration = Duration::from_secs(120);

/// Everything in it.
pub struct World {
    pub story: Story,
    pub oracle: Oracle,
    pub scenario: Scenario,
    /// Those of each service, in the order of regions.
    pub sites: Vec<Site>,
    pub(crate) disks: Vec<Disk>,
    pub(crate) clocks: Vec<WallClock>,
    pub(crate) etcd: Etcd,
    faults: Vec<Fault>,
    /// What is to be ended, and when.
    pub(crate) ends: Vec<(Duration, What)>,
    /// Hosts that are down, and ways that are not as they should be.
    pub(crate) down: BTreeSet<String>,
    pub(crate) cut: BTreeSet<(String, String)>,
}

impl World {
    /// Draws a world.
    pub fn new(options: &Options) -> Self {
        let mut rng = StdRng::seed_from_u64(options.seed);
        let story = Story::new(options.tells);
        let mut scenario = Scenario::draw(&mut rng, options.servers);
        let mut faults = faults::draw(&mut rng, &scenario, FAULTS_FROM, FAULTS_TO);
        let is_stale = |fault: &&Fault| fault.what == What::Etcd(Sort::StaleReads);
        scenario.stale = faults.iter().filter(is_stale).map(|fault| (fault.at, fault.at + fault.lasting)).collect();
        scenario.forgets = faults.iter().any(|fault| matches!(fault.what, What::OldDisk(..)));
        if let Some(only) = &options.only {
            faults = faults.into_iter().enumerate().filter(|(at, _)| only.contains(at)).map(|(_, one)| one).collect();
        }
        let oracle = Oracle::new(story.clone());
        let (sites, disks) = places(&mut rng, &scenario, &oracle);
        let clocks = (0..scenario.servers).map(|_| WallClock::new(story.clone())).collect();
        let witness = oracle.clone();
        let etcd = Etcd::new(options.seed, story.clone(), Box::new(move |applied| witness.committed(applied)));
        let (ends, down, cut) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Self { story, oracle, scenario, sites, disks, clocks, etcd, faults, ends, down, cut }
    }

    /// How many faults there are.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Plays it to its end.
    pub fn run(&mut self, seed: u64) {
        let mut sim = self.hosts(seed);
        let mut round = Duration::ZERO;
        let mut faults = std::mem::take(&mut self.faults).into_iter().peekable();
        let (mut is_calm, mut patience) = (false, Patience::default());
        loop {
            let now = sim.elapsed();
            self.story.tick(now);
            if now >= round {
                round = now + ROUND;
                self.sites.iter().for_each(Site::pass);
                patience.look(self, now);
            }
            while let Some(fault) = faults.next_if(|fault| fault.at <= now) {
                self.befall(&mut sim, &fault, now);
            }
            self.end_faults(&mut sim, now);
            if now >= FAULTS_TO && !is_calm {
                is_calm = true;
                self.heal(&mut sim);
            }
            let is_over = match sim.step() {
                Ok(is_over) => is_over,
                Err(error) => {
                    self.story.require("TASK", false, || format!("a process broke: {error}"));
                    return;
                }
            };
            if self.story.is_broken() {
                return;
            }
            if is_calm && is_over && ends::has_come_to_rest(self) {
                break;
            }
            if now >= END {
                break;
            }
        }
        ends::check(self);
    }

    fn hosts(&self, seed: u64) -> Sim<'static> {
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .simulation_duration(END * 2)
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(12))
            .tcp_capacity(4096)
            .build();
        let etcd = self.etcd.clone();
        sim.host(etcd::HOST, move || etcd.clone().run());
        for (number, clock) in self.clocks.iter().enumerate() {
            let (clock, oracle) = (clock.clone(), self.oracle.clone());
            sim.host(server_host(number), move || hosts::server(clock.clone(), oracle.clone()));
        }
        let servers = self.scenario.servers;
        for (region, disk) in self.scenario.regions.iter().zip(&self.disks) {
            let (sites, disk) = (self.sites_in(region), disk.clone());
            sim.host(region.to_string(), move || hosts::agent(sites.clone(), disk.clone(), servers));
        }
        let operator = Operator::run(self.scenario.clone(), self.oracle.clone(), FAULTS_TO);
        sim.client(operator::HOST, operator);
        sim
    }

    /// The faults are over.
    fn heal(&mut self, sim: &mut Sim<'static>) {
        self.story.note("FAULT", format_args!("all is well again"));
        for (_, what) in std::mem::take(&mut self.ends) {
            self.end_fault(sim, &what);
        }
        self.etcd.behave();
        self.sites.iter().for_each(Site::heal);
        if let Ending::CoreOnly { lost, is_down, server } = self.scenario.ending {
            let region = self.scenario.regions[lost].to_string();
            self.story.note("FAULT", format_args!("but {region} is lost for ever, and only server {server} stays"));
            let others: Vec<String> = (0..self.scenario.servers).map(server_host).collect();
            if is_down {
                sim.crash(region.as_str());
            } else {
                others.iter().for_each(|host| sim.partition(region.as_str(), host.as_str()));
            }
            others.iter().filter(|host| **host != server_host(server)).for_each(|host| sim.crash(host.as_str()));
        }
    }

    /// All services in a region.
    pub(crate) fn sites_in(&self, region: &RegionId) -> Vec<Site> {
        self.sites.iter().filter(|site| site.region() == region).cloned().collect()
    }

    /// The region that stays broken for ever.
    pub fn lost(&self) -> Option<&RegionId> {
        match self.scenario.ending {
            Ending::AllWell => None,
            Ending::CoreOnly { lost, .. } => self.scenario.regions.get(lost),
        }
    }
}

/// All regions as they are, and the disks under their agents.
fn places(rng: &mut StdRng, scenario: &Scenario, oracle: &Oracle) -> (Vec<Site>, Vec<Disk>) {
    let mut fork = || rng.random::<u64>();
    let seeds: Vec<(u64, u64)> = scenario.regions.iter().map(|_| (fork(), fork())).collect();
    let mut sites = Vec::new();
    for (at, service) in scenario.services().into_iter().enumerate() {
        for ((region, requests), (seed, _)) in scenario.regions.iter().zip(&scenario.traffic).zip(&seeds) {
            let bad: BTreeMap<_, _> = scenario.bad.get(region).cloned().unwrap_or_default();
            let always = bad.iter().filter(|(_, bad)| bad.from.is_zero());
            always.for_each(|(digest, _)| oracle.is_bad(region, *digest));
            let lane = Lane { service: service.clone(), region: region.clone() };
            let seed = if at == 0 { *seed } else { fork() };
            sites.push(Site::new(lane, (bad, *requests), StdRng::seed_from_u64(seed), oracle.clone()));
        }
    }
    let here = |region: &RegionId| sites.iter().filter(|site: &&Site| site.region() == region).cloned().collect();
    let disk = |(region, (_, seed)): (&RegionId, &(u64, u64))| site::disk(here(region), StdRng::seed_from_u64(*seed));
    let disks = scenario.regions.iter().zip(&seeds).map(disk).collect();
    (sites, disks)
}
