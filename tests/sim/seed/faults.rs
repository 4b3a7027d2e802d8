//! What goes wrong, when, and for how long: drawn before anything runs, so that a history can be played again with some
//! of it left out.

use std::fmt;
use std::time::Duration;

use meridian_core::slot::Slot;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::etcd::{self, Sort};
use crate::hosts::server_host;
use crate::operator;
use crate::scenario::{Scenario, region};

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// From then on.
    pub at: Duration,
    /// For so long.
    pub lasting: Duration,
    /// What.
    pub what: What,
}

/// What goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// A process ends without a word, and is started again after a while.
    Crash(String),
    /// Nothing goes from one host to the other or back.
    Partition(String, String),
    /// Nothing goes from the first to the second.
    OneWay(String, String),
    /// Everything between two hosts is held, and then comes at once.
    Hold(String, String),
    /// A host is slow, but does not stand still: all that is sent to it or by it takes so many milliseconds.
    SlowHost(String, u64),
    /// A process stands still: all that is sent to it or by it is held.
    Pause(String),
    /// A way takes long.
    Latency(String, String, u64),
    /// etcd misbehaves.
    Etcd(Sort),
    /// Every lease ends at once.
    RevokeLeases,
    /// Every lease has its whole time again.
    RenewLeases,
    /// History is dropped.
    Compact,
    /// etcd sends every connection away.
    Goaway,
    /// An agent's process ends, and when it starts again it finds an old copy of its disk, from so many writes ago.
    OldDisk(usize, usize),
    /// A disk takes long to sync.
    SlowDisk(usize),
    /// A slot falls by itself.
    SlotFalls(usize, Slot),
    /// Drivers fail often.
    DriversFail(usize),
    /// Counters can't be read.
    CountersSilent(usize),
    /// A data plane starts anew.
    DataPlane(usize),
    /// A server's wall clock jumps, by milliseconds.
    Clock(usize, i64),
}

/// Classes, each with its own weight in a seed.
const CLASSES: usize = 10;

/// Draws all faults of a seed.
pub fn draw(rng: &mut StdRng, scenario: &Scenario, from: Duration, to: Duration) -> Vec<Fault> {
    let weights: [u32; CLASSES] = std::array::from_fn(|_| rng.random_range(0..=10));
    let count = rng.random_range(4..=45);
    let (from, to) = (millis(from), millis(to));
    let mut faults: Vec<Fault> = (0..count).flat_map(|_| one(rng, scenario, &weights, from, to)).collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn one(rng: &mut StdRng, scenario: &Scenario, weights: &[u32; CLASSES], from: u64, to: u64) -> Vec<Fault> {
    let at = Duration::from_millis(rng.random_range(from..to));
    let long = if rng.random_range(0..4) == 0 { 8000 } else { 1500 };
    let lasting = Duration::from_millis(rng.random_range(50..=long));
    let total: u32 = weights.iter().sum();
    let mut drawn = rng.random_range(0..total.max(1));
    let mut class = 0;
    for (index, weight) in weights.iter().enumerate() {
        if drawn < *weight {
            class = index;
            break;
        }
        drawn -= weight;
    }
    let number = rng.random_range(0..scenario.regions.len());
    let server = rng.random_range(0..scenario.servers);
    let what = match class {
        0 => What::Crash(process(rng, scenario)),
        1 => network(rng, scenario),
        2 => What::Etcd(Sort::ALL[rng.random_range(0..Sort::ALL.len())]),
        3 => match rng.random_range(0..5) {
            0 => What::RevokeLeases,
            1 => What::RenewLeases,
            2 => What::Compact,
            3 => What::Goaway,
            _ => What::Clock(server, rng.random_range(-1500..=1500)),
        },
        4 => match rng.random_range(0..5) {
            0 => What::SlowDisk(number),
            1 => slot_falls(rng, number),
            2 => What::DriversFail(number),
            3 => What::CountersSilent(number),
            _ => What::DataPlane(number),
        },
        5 => slot_falls(rng, number),
        6 => return rewind(at, server, number),
        7 if rng.random_range(0..3) == 0 => What::OldDisk(number, rng.random_range(1..=8)),
        7 => What::SlowDisk(number),
        8 => return moves(rng, at, server),
        _ => What::Crash(region(number).to_string()),
    };
    vec![Fault { at, lasting, what }]
}

fn slot_falls(rng: &mut StdRng, number: usize) -> What {
    What::SlotFalls(number, if rng.random_range(0..2) == 0 { Slot::Blue } else { Slot::Green })
}

/// A server that starts on a stale read meets an agent that has just forgotten everything but its disk.
fn rewind(at: Duration, server: usize, number: usize) -> Vec<Fault> {
    let (short, long) = (Duration::from_millis(100), Duration::from_millis(2500));
    let fault = |lasting, what| Fault { at, lasting, what };
    vec![
        fault(long, What::Etcd(Sort::StaleReads)),
        fault(short, What::Crash(server_host(server))),
        fault(short, What::Crash(region(number).to_string())),
    ]
}

/// A server that hears nothing new meets an agent whose own server has just gone.
fn moves(rng: &mut StdRng, at: Duration, server: usize) -> Vec<Fault> {
    let after = at + Duration::from_millis(rng.random_range(500..=3000));
    let mute = Fault { at, lasting: Duration::from_secs(5), what: What::Etcd(Sort::MuteWatches) };
    vec![mute, Fault { at: after, lasting: Duration::from_secs(2), what: What::Crash(server_host(server)) }]
}

fn process(rng: &mut StdRng, scenario: &Scenario) -> String {
    match rng.random_range(0..4) {
        0 => etcd::HOST.to_owned(),
        1 | 2 => server_host(rng.random_range(0..scenario.servers)),
        _ => region(rng.random_range(0..scenario.regions.len())).to_string(),
    }
}

/// Two hosts that speak to each other.
fn way(rng: &mut StdRng, scenario: &Scenario) -> (String, String) {
    let server = server_host(rng.random_range(0..scenario.servers));
    let other = match rng.random_range(0..5) {
        0 | 1 => etcd::HOST.to_owned(),
        2 => operator::HOST.to_owned(),
        _ => region(rng.random_range(0..scenario.regions.len())).to_string(),
    };
    if rng.random_range(0..2) == 0 { (server, other) } else { (other, server) }
}

fn network(rng: &mut StdRng, scenario: &Scenario) -> What {
    let (one, other) = way(rng, scenario);
    match rng.random_range(0..6) {
        0 => What::Partition(one, other),
        1 => What::OneWay(one, other),
        2 => What::Hold(one, other),
        3 => What::Latency(one, other, rng.random_range(50..=900)),
        4 => What::SlowHost(process(rng, scenario), rng.random_range(30..=400)),
        _ => What::Pause(process(rng, scenario)),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:.3} s for {:.3} s: {:?}", self.at.as_secs_f64(), self.lasting.as_secs_f64(), self.what)
    }
}
