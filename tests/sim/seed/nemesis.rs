//! Faults at work: how each begins and how it ends. Two never disturb the same host or way at once, so that the end of one
//! does not end the other. It draws nothing.

use std::time::Duration;

use turmoil::Sim;

use crate::etcd;
use crate::faults::{Fault, What};
use crate::hosts::server_host;
use crate::operator;
use crate::site::Site;
use crate::world::World;

/// What a way takes that is as it should be.
const USUAL: Duration = Duration::from_millis(3);

impl World {
    /// One begins.
    pub fn befall(&mut self, sim: &mut Sim<'static>, fault: &Fault, now: Duration) {
        let Fault { at, lasting, what } = fault;
        let at = *at;
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
            What::SlowHost(host, millis) => {
                for (one, other) in self.ways(host) {
                    sim.set_link_latency(one.as_str(), other.as_str(), Duration::from_millis(*millis));
                }
            }
            What::OldDisk(number, writes) => {
                let region = self.scenario.regions[*number].clone();
                sim.crash(region.as_str());
                let entries = self.disks[*number].take_back(*writes);
                self.sites_in(&region).iter().for_each(|site| site.forgets(&entries));
            }
            What::Etcd(sort) => self.etcd.misbehave(*sort, *lasting),
            What::RevokeLeases => self.etcd.revoke_all(),
            What::RenewLeases => self.etcd.renew_all(),
            What::Compact => self.etcd.compact(),
            What::Goaway => self.etcd.goaway(),
            What::SlowDisk(number) => self.disks[*number].set_slow(true),
            What::SlotFalls(number, slot) => self.site_at(*number, at).fell(*slot),
            What::DriversFail(number) => self.site_at(*number, at).fail_until(until),
            What::CountersSilent(number) => self.site_at(*number, at).silent_until(until),
            What::DataPlane(number) => self.site_at(*number, at).restart_data_plane(),
            What::Clock(number, millis) => self.clocks[*number].set_ahead(*millis),
        }
        self.ends.push((until, what.clone()));
    }

    /// A host that is down, or a way that is cut, is left alone until that is over.
    fn may_begin(&mut self, what: &What) -> bool {
        match what {
            What::Crash(host) => self.down.insert(host.clone()),
            What::OldDisk(number, _) => self.down.insert(self.host(*number)),
            What::Partition(one, other)
            | What::OneWay(one, other)
            | What::Hold(one, other)
            | What::Latency(one, other, _) => self.cut.insert(pair(one, other)),
            What::Pause(host) | What::SlowHost(host, _) => {
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

    /// Those whose time is over end.
    pub fn end_faults(&mut self, sim: &mut Sim<'static>, now: Duration) {
        let (due, rest) = std::mem::take(&mut self.ends).into_iter().partition(|(until, _)| *until <= now);
        self.ends = rest;
        let due: Vec<(Duration, What)> = due;
        for (_, what) in due {
            self.end_fault(sim, &what);
        }
    }

    /// One ends.
    pub fn end_fault(&mut self, sim: &mut Sim<'static>, what: &What) {
        match what {
            What::Crash(host) => self.start_again(sim, host),
            What::OldDisk(number, _) => self.start_again(sim, &self.host(*number)),
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
                sim.set_link_latency(one.as_str(), other.as_str(), USUAL);
            }
            What::Pause(host) => {
                for (one, other) in self.ways(host) {
                    self.cut.remove(&(one.clone(), other.clone()));
                    sim.release(one.as_str(), other.as_str());
                }
            }
            What::SlowHost(host, _) => {
                for (one, other) in self.ways(host) {
                    self.cut.remove(&(one.clone(), other.clone()));
                    sim.set_link_latency(one.as_str(), other.as_str(), USUAL);
                }
            }
            What::SlowDisk(number) => self.disks[*number].set_slow(false),
            What::Clock(number, _) => self.clocks[*number].set_ahead(0),
            What::Etcd(_) | What::RevokeLeases | What::RenewLeases | What::Compact | What::Goaway => {}
            What::SlotFalls(..) | What::DriversFail(_) | What::CountersSilent(_) | What::DataPlane(_) => {}
        }
    }

    fn start_again(&mut self, sim: &mut Sim<'static>, host: &str) {
        if self.down.remove(host) {
            self.story.note("FAULT", format_args!("{host} starts again"));
            sim.bounce(host);
        }
    }

    /// The host of a region's agent.
    fn host(&self, number: usize) -> String {
        self.scenario.regions[number].to_string()
    }

    /// One of the services in a region: which, is as good as drawn.
    fn site_at(&self, number: usize, at: Duration) -> &Site {
        let services = self.sites.len() / self.scenario.regions.len();
        let service = usize::try_from(at.as_millis()).unwrap_or_default() % services;
        &self.sites[service * self.scenario.regions.len() + number]
    }

    /// The ways from a host to all others.
    fn ways(&self, host: &str) -> Vec<(String, String)> {
        let servers = (0..self.scenario.servers).map(server_host);
        let regions = self.scenario.regions.iter().map(ToString::to_string);
        let all = servers.chain(regions).chain([etcd::HOST.to_owned(), operator::HOST.to_owned()]);
        all.filter(|other| other != host).map(|other| pair(host, &other)).collect()
    }
}

/// Both directions are one way.
fn pair(one: &str, other: &str) -> (String, String) {
    if one <= other { (one.to_owned(), other.to_owned()) } else { (other.to_owned(), one.to_owned()) }
}
