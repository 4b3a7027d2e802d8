//! The story of one seed: what happened, in order, as lines to read and as a hash to compare two runs by. It also keeps
//! what was found broken. It judges nothing.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meridian_core::invariants::Broken;

/// Of one run; clones are the same story.
#[derive(Clone, Debug, Default)]
pub struct Story(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    now: Duration,
    hash: Fnv,
    events: u64,
    is_told: bool,
    broken: Vec<Broken>,
}

/// What is left of a story.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Of every line.
    pub hash: u64,
    /// Lines.
    pub events: u64,
    /// What was found broken, in order.
    pub broken: Vec<Broken>,
}

impl Story {
    /// A story that is printed while it happens, or only hashed.
    pub fn new(is_told: bool) -> Self {
        Self(Arc::new(Mutex::new(Pages { is_told, ..Pages::default() })))
    }

    /// The world's time: of the host that asks, or of the world between two steps.
    pub fn now(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or_else(|| self.pages().now)
    }

    /// The world has come this far.
    pub fn tick(&self, now: Duration) {
        self.pages().now = now;
    }

    /// Notes that something happened.
    pub fn note(&self, who: &str, what: fmt::Arguments<'_>) {
        let now = self.now();
        let mut pages = self.pages();
        let line = format!("{:>9.3} {who:<9} {what}", now.as_secs_f64());
        pages.hash.feed(line.as_bytes());
        pages.events += 1;
        if pages.is_told {
            println!("{line}");
        }
    }

    /// Notes what is broken, if anything is.
    pub fn hold(&self, broken: Vec<Broken>) {
        for broken in broken {
            self.note("BROKEN", format_args!("{} {}", broken.id, broken.what));
            self.pages().broken.push(broken);
        }
    }

    /// Notes one broken invariant unless it holds.
    pub fn require(&self, id: &'static str, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.hold(vec![Broken { id, what: what() }]);
        }
    }

    /// Whether anything is broken.
    pub fn is_broken(&self) -> bool {
        !self.pages().broken.is_empty()
    }

    /// What is left.
    pub fn summary(&self) -> Summary {
        let pages = self.pages();
        Summary { hash: pages.hash.0, events: pages.events, broken: pages.broken.clone() }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two runs are told apart, nobody is kept from forging: FNV-1a is enough.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(pub u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Takes more bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The hash of bytes.
    pub fn of(bytes: &[u8]) -> u64 {
        let mut hash = Self::default();
        hash.feed(bytes);
        hash.0
    }
}
