//! What stands in a lane's way, and when to try again: exponentially later, with jitter. It does not know what is tried.

use std::collections::BTreeMap;
use std::time::Duration;

use meridian_core::epoch::Epoch;
use meridian_core::observation::Trouble;
use meridian_core::slot::Slot;
use meridian_drivers::DriverError;
use rand::RngExt;
use tokio::time::Instant;

/// The codes of troubles that no driver reports; those of drivers are in `meridian_drivers::code`.
pub mod code {
    /// The goal is not on disk, so it is not acted on.
    pub const JOURNAL_UNWRITABLE: &str = "JOURNAL_UNWRITABLE";
    /// The lane's own memory cannot be read, so no goal is taken.
    pub const JOURNAL_UNREADABLE: &str = "JOURNAL_UNREADABLE";
    /// A release came down by itself, or never came up. It is started again.
    pub const SLOT_FAILED: &str = "SLOT_FAILED";
    /// A slot that gets traffic holds something else than the goal wants there.
    pub const SLOT_SERVES: &str = "SLOT_SERVES";
    /// The goal asks for the start of what its service has vetoed.
    pub use meridian_core::agent::DIGEST_VETOED;
    /// The goal was reached, and somebody has changed the region since.
    pub const DRIFTED: &str = "DRIFTED";
    /// A driver did not answer in time.
    pub const DRIVER_TIMEOUT: &str = "DRIVER_TIMEOUT";
    /// A driver broke off.
    pub const DRIVER_PANIC: &str = "DRIVER_PANIC";
}

/// Longest wait between two tries of one thing: whoever repairs it should not have to wait long.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Wait after the first failure.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// A release that was up for this long is not in a crash loop.
const CALM: Duration = Duration::from_secs(30);

/// What the trouble is about. Ordered: what is further up makes what is further down impossible.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Source {
    /// Writing to disk.
    Journal,
    /// Reading the world back.
    Look,
    /// What must not be started.
    Veto,
    /// What a slot holds.
    Slot(Slot),
    /// Where traffic goes.
    Route,
    /// Where the slots are that traffic goes to.
    Target,
    /// What somebody has changed.
    Drift,
}

/// Words for a trouble.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Complaint {
    /// Stable code.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Whether trying again cannot help.
    pub permanent: bool,
}

/// All troubles of a lane.
#[derive(Debug, Default)]
pub struct Troubles {
    entries: BTreeMap<Source, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    complaint: Option<Complaint>,
    failures: u32,
    not_before: Option<Instant>,
    calm_since: Option<Instant>,
}

impl From<&DriverError> for Complaint {
    fn from(error: &DriverError) -> Self {
        Self { code: error.code(), message: error.message().to_owned(), permanent: error.is_permanent() }
    }
}

impl Complaint {
    /// Trouble that may pass by itself.
    #[must_use]
    pub fn passing(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), permanent: false }
    }
}

impl Troubles {
    /// Notes a try that failed, and puts the next one off. Says whether that is news.
    pub fn failed(&mut self, source: Source, complaint: Complaint, now: Instant) -> bool {
        let entry = self.entries.entry(source).or_default();
        let news = entry.complaint.as_ref().map(|known| known.code) != Some(complaint.code);
        entry.complaint = Some(complaint);
        // A try that was put off when it began is not put off twice.
        if entry.not_before.is_none_or(|moment| moment <= now) {
            entry.put_off(now);
        }
        entry.calm_since = None;
        news
    }

    /// Notes what is wrong without a try; what a driver said about it stays. Says whether that is news.
    pub fn noted(&mut self, source: Source, complaint: Complaint) -> bool {
        let entry = self.entries.entry(source).or_default();
        entry.calm_since = None;
        let news = entry.complaint.is_none();
        entry.complaint.get_or_insert(complaint);
        news
    }

    /// Puts the next try off before it is known how this one goes: what works is not tried twice.
    pub fn tried(&mut self, source: Source, now: Instant) {
        self.entries.entry(source).or_default().put_off(now);
    }

    /// Nothing is wrong there.
    pub fn cleared(&mut self, source: Source) {
        self.entries.remove(&source);
    }

    /// Nothing is wrong there at the moment; whether it lasts is not known yet.
    pub fn calm(&mut self, source: Source, now: Instant) {
        let Some(entry) = self.entries.get_mut(&source) else {
            return;
        };
        entry.complaint = None;
        if now.duration_since(*entry.calm_since.get_or_insert(now)) >= CALM {
            self.entries.remove(&source);
        }
    }

    /// Forgets everything: another goal, other troubles.
    pub fn forget(&mut self) {
        self.entries.clear();
    }

    /// Whether it is time to try.
    #[must_use]
    pub fn may_try(&self, source: Source, now: Instant) -> bool {
        self.entries.get(&source).and_then(|entry| entry.not_before).is_none_or(|moment| moment <= now)
    }

    /// When the next try that was put off is due.
    #[must_use]
    pub fn next_try(&self, now: Instant) -> Option<Instant> {
        self.entries.values().filter_map(|entry| entry.not_before).filter(|moment| *moment > now).min()
    }

    /// The worst, for a report on the goal of an epoch.
    #[must_use]
    pub fn worst(&self, epoch: Epoch) -> Option<Trouble> {
        let complaints = self.entries.values().filter_map(|entry| entry.complaint.as_ref());
        // The first of equals, which is the furthest up.
        let worst = complaints.min_by_key(|complaint| !complaint.permanent)?;
        let (code, message) = (worst.code.to_owned(), worst.message.clone());
        Some(Trouble { epoch, code, message, permanent: worst.permanent })
    }
}

impl Entry {
    fn put_off(&mut self, now: Instant) {
        let doubled = WAIT_MIN.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(WAIT_MAX);
        // Half fixed, half random: lanes that failed together do not try again together.
        let wait = doubled.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.failures = self.failures.saturating_add(1).min(31);
        self.not_before = Some(now + wait);
        self.calm_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(permanent: bool) -> Complaint {
        Complaint { code: code::SLOT_FAILED, message: "down".to_owned(), permanent }
    }

    #[test]
    fn tries_are_put_off_further_each_time_up_to_a_limit() {
        let (mut troubles, mut now) = (Troubles::default(), Instant::now());
        let mut longest = Duration::ZERO;
        for failure in 0..40 {
            troubles.failed(Source::Route, complaint(false), now);
            assert!(!troubles.may_try(Source::Route, now));
            let next = troubles.next_try(now).unwrap();
            let wait = next - now;
            assert!(wait <= WAIT_MAX && wait >= WAIT_MIN / 2, "{failure}: {wait:?}");
            longest = longest.max(wait);
            now = next;
            assert!(troubles.may_try(Source::Route, now));
        }
        assert!(longest > WAIT_MAX / 2);
        assert!(troubles.may_try(Source::Look, now), "the others are not put off");
        troubles.cleared(Source::Route);
        assert_eq!(troubles.next_try(now), None);
    }

    #[test]
    fn the_permanent_one_is_the_worst_and_calm_is_believed_late() {
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        let epoch = Epoch::new(1, 1);
        assert_eq!(troubles.worst(epoch), None);
        assert!(troubles.failed(Source::Slot(Slot::Blue), complaint(false), now));
        assert!(!troubles.failed(Source::Slot(Slot::Blue), complaint(false), now), "known");
        troubles.failed(Source::Route, complaint(true), now);
        assert!(troubles.worst(epoch).unwrap().permanent);
        troubles.cleared(Source::Route);
        troubles.calm(Source::Slot(Slot::Blue), now);
        assert_eq!(troubles.worst(epoch), None);
        assert!(!troubles.may_try(Source::Slot(Slot::Blue), now), "it may come down again");
        troubles.calm(Source::Slot(Slot::Blue), now + CALM);
        assert!(troubles.may_try(Source::Slot(Slot::Blue), now));
    }
}
