//! The world of one seed: hosts, their network, and what befalls them. It lets time pass in small steps; between two of
//! them it does what no process can: crash one, cut a way, let requests arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meridian_core::id::RegionId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use turmoil::Sim;

use crate::ends;
use crate::etcd::{self, Etcd};
use crate::faults::{self, Fault, What};
use crate::hosts::{self, WallClock, server_host};
use crate::operator::{self, Operator};
use crate::options::Options;
use crate::oracle::Oracle;
use crate::scenario::{Ending, Scenario};
use crate::site::Site;
use crate::site::disk::Disk;
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
    pub sites: Vec<Site>,
    disks: Vec<Disk>,
    clocks: Vec<WallClock>,
    etcd: Etcd,
    faults: Vec<Fault>,
    /// What is to be ended, and when.
    ends: Vec<(Duration, What)>,
    /// Hosts that are down, and ways that are not as they should be.
    down: BTreeSet<String>,
    cut: BTreeSet<(String, String)>,
}

impl World {
    /// Draws a world.
    pub fn new(options: &Options) -> Self {
        let mut rng = StdRng::seed_from_u64(options.seed);
        let story = Story::new(options.tells);
        let scenario = Scenario::draw(&mut rng, options.servers);
        let mut faults = faults::draw(&mut rng, &scenario, FAULTS_FROM, FAULTS_TO);
        if let Some(only) = &options.only {
            faults = faults.into_iter().enumerate().filter(|(at, _)| only.contains(at)).map(|(_, one)| one).collect();
        }
        let oracle = Oracle::new(story.clone());
        let mut fork = || StdRng::seed_from_u64(rng.random());
        let (mut sites, mut disks) = (Vec::new(), Vec::new());
        for region in &scenario.regions {
            let bad: BTreeMap<_, _> = scenario.bad.get(region).cloned().unwrap_or_default();
            let always = bad.iter().filter(|(_, bad)| bad.from.is_zero());
            always.for_each(|(digest, _)| oracle.is_bad(region, *digest));
            let site = Site::new(region.clone(), fork(), bad, story.clone(), oracle.clone());
            disks.push(site.disk(fork()));
            sites.push(site);
        }
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
        let mut is_calm = false;
        loop {
            let now = sim.elapsed();
            self.story.tick(now);
            if now >= round {
                round = now + ROUND;
                self.sites.iter().for_each(Site::pass);
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
        for (site, disk) in self.sites.iter().zip(&self.disks) {
            let (site, disk) = (site.clone(), disk.clone());
            let host = site.region().to_string();
            sim.host(host, move || hosts::agent(site.clone(), disk.clone(), servers));
        }
        let operator = Operator::run(self.scenario.clone(), self.story.clone(), FAULTS_TO);
        sim.client(operator::HOST, operator);
        sim
    }

    fn befall(&mut self, sim: &mut Sim<'static>, fault: &Fault, now: Duration) {
        let Fault { at: _, lasting, what } = fault;
        let until = now + *lasting;
        if !self.may_begin(what) {
            return;
        }
        self.story.note("FAULT", format_args!("{fault}"));
        match what {
            What::Crash(host) => sim.crash(host.as_str()),
            What::Partition(one, other) => sim.partition(one.as_str(), other.as_str()),
            What::OneWay(one, other) => sim.partition_oneway(one.as_str(), other.as_str()),
            What::Hold(one, other) => sim.hold(one.as_str(), other.as_str()),
            What::Latency(one, other, millis) => {
                sim.set_link_latency(one.as_str(), other.as_str(), Duration::from_millis(*millis));
            }
            What::Pause(host) => {
                for (one, other) in self.ways(host) {
                    sim.hold(one.as_str(), other.as_str());
                }
            }
            What::Etcd(sort) => self.etcd.misbehave(*sort, *lasting),
            What::RevokeLeases => self.etcd.revoke_all(),
            What::RenewLeases => self.etcd.renew_all(),
            What::Compact => self.etcd.compact(),
            What::Goaway => self.etcd.goaway(),
            What::SlowDisk(number) => self.disks[*number].set_slow(true),
            What::SlotFalls(number, slot) => self.sites[*number].fell(*slot),
            What::DriversFail(number) => self.sites[*number].fail_until(until),
            What::CountersSilent(number) => self.sites[*number].silent_until(until),
            What::DataPlane(number) => self.sites[*number].restart_data_plane(),
            What::Clock(number, millis) => self.clocks[*number].set_ahead(*millis),
        }
        self.ends.push((until, what.clone()));
    }

    /// A host that is down, or a way that is cut, is left alone until that is over.
    fn may_begin(&mut self, what: &What) -> bool {
        match what {
            What::Crash(host) => self.down.insert(host.clone()),
            What::Partition(one, other)
            | What::OneWay(one, other)
            | What::Hold(one, other)
            | What::Latency(one, other, _) => self.cut.insert(pair(one, other)),
            What::Pause(host) => {
                let ways = self.ways(host);
                let is_free = ways.iter().all(|way| !self.cut.contains(way));
                if is_free {
                    self.cut.extend(ways);
                }
                is_free
            }
            What::Etcd(_) | What::RevokeLeases | What::RenewLeases | What::Compact | What::Goaway => true,
            What::SlowDisk(_) | What::SlotFalls(..) | What::DriversFail(_) | What::CountersSilent(_) => true,
            What::DataPlane(_) | What::Clock(..) => true,
        }
    }

    fn end_faults(&mut self, sim: &mut Sim<'static>, now: Duration) {
        let (due, rest) = std::mem::take(&mut self.ends).into_iter().partition(|(until, _)| *until <= now);
        self.ends = rest;
        let due: Vec<(Duration, What)> = due;
        for (_, what) in due {
            self.end_fault(sim, &what);
        }
    }

    fn end_fault(&mut self, sim: &mut Sim<'static>, what: &What) {
        match what {
            What::Crash(host) => {
                if self.down.remove(host) {
                    self.story.note("FAULT", format_args!("{host} starts again"));
                    sim.bounce(host.as_str());
                }
            }
            What::Partition(one, other) => {
                self.cut.remove(&pair(one, other));
                sim.repair(one.as_str(), other.as_str());
            }
            What::OneWay(one, other) => {
                self.cut.remove(&pair(one, other));
                sim.repair_oneway(one.as_str(), other.as_str());
            }
            What::Hold(one, other) => {
                self.cut.remove(&pair(one, other));
                sim.release(one.as_str(), other.as_str());
            }
            What::Latency(one, other, _) => {
                self.cut.remove(&pair(one, other));
                sim.set_link_latency(one.as_str(), other.as_str(), Duration::from_millis(3));
            }
            What::Pause(host) => {
                for (one, other) in self.ways(host) {
                    self.cut.remove(&(one.clone(), other.clone()));
                    sim.release(one.as_str(), other.as_str());
                }
            }
            What::SlowDisk(number) => self.disks[*number].set_slow(false),
            What::Clock(number, _) => self.clocks[*number].set_ahead(0),
            What::Etcd(_) | What::RevokeLeases | What::RenewLeases | What::Compact | What::Goaway => {}
            What::SlotFalls(..) | What::DriversFail(_) | What::CountersSilent(_) | What::DataPlane(_) => {}
        }
    }

    /// The ways from a host to all others.
    fn ways(&self, host: &str) -> Vec<(String, String)> {
        let servers = (0..self.scenario.servers).map(server_host);
        let regions = self.scenario.regions.iter().map(ToString::to_string);
        let all = servers.chain(regions).chain([etcd::HOST.to_owned(), operator::HOST.to_owned()]);
        all.filter(|other| other != host).map(|other| pair(host, &other)).collect()
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

    /// The region that stays broken for ever.
    pub fn lost(&self) -> Option<&RegionId> {
        match self.scenario.ending {
            Ending::AllWell => None,
            Ending::CoreOnly { lost, .. } => self.scenario.regions.get(lost),
        }
    }
}

/// Both directions are one way.
fn pair(one: &str, other: &str) -> (String, String) {
    if one <= other { (one.to_owned(), other.to_owned()) } else { (other.to_owned(), one.to_owned()) }
}
