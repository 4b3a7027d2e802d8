//! How an etcd misbehaves that is alive: each of these was measured on a real one or stands in its list of repaired
//! faults. Every sort has its time; outside of it etcd is as promised. It knows no key.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A sort of misbehaviour.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Sort {
    /// Watch events are lost.
    LoseEvents,
    /// Watch events come twice.
    RepeatEvents,
    /// Watch events come after later ones.
    ReorderEvents,
    /// Watches fall silent without ending.
    MuteWatches,
    /// Reads are answered from an older state, with its revision.
    StaleReads,
    /// A transaction is applied and its answer is lost.
    LoseAnswers,
    /// A transaction is applied long after it was sent, over later ones.
    DelayCommits,
    /// There is no leader: nothing is carried out.
    NoLeader,
    /// The space is used up: nothing is written.
    NoSpace,
    /// Keepalives of leases are answered as if they were gone.
    LeasesLost,
    /// Everything takes long.
    Slow,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LoseEvents,
        Self::RepeatEvents,
        Self::ReorderEvents,
        Self::MuteWatches,
        Self::StaleReads,
        Self::LoseAnswers,
        Self::DelayCommits,
        Self::NoLeader,
        Self::NoSpace,
        Self::LeasesLost,
        Self::Slow,
    ];

    /// How often it strikes while it lasts, in percent.
    const fn chance(self) -> u32 {
        match self {
            Self::NoLeader | Self::NoSpace | Self::Slow | Self::MuteWatches => 100,
            Self::LoseAnswers | Self::DelayCommits | Self::StaleReads | Self::LeasesLost => 50,
            Self::LoseEvents | Self::RepeatEvents | Self::ReorderEvents => 40,
        }
    }
}

/// What is wrong now.
#[derive(Debug)]
pub struct Mischief {
    until: BTreeMap<Sort, Duration>,
    rng: StdRng,
}

impl Mischief {
    /// None yet.
    pub fn new(seed: u64) -> Self {
        Self { until: BTreeMap::new(), rng: StdRng::seed_from_u64(seed) }
    }

    /// Begins one, until that time.
    pub fn begin(&mut self, sort: Sort, until: Duration) {
        let end = self.until.entry(sort).or_default();
        *end = (*end).max(until);
    }

    /// Ends all.
    pub fn end(&mut self) {
        self.until.clear();
    }

    /// Whether it strikes this time.
    pub fn strikes(&mut self, sort: Sort, now: Duration) -> bool {
        let lasts = self.until.get(&sort).is_some_and(|until| now < *until);
        lasts && self.rng.random_range(0..100) < sort.chance()
    }

    /// A time between two, in milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(from..=to))
    }

    /// A number below a limit, which is above nought.
    pub fn below(&mut self, limit: i64) -> i64 {
        self.rng.random_range(0..limit.max(1))
    }
}
