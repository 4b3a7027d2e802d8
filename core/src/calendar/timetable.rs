//! What is declared of time, in the words of the manifest. Whether a zone exists and an expression can be read is not
//! known here.

use super::train::{Increment, Train};
use crate::canon::{Canon, Canonical};
use crate::time::Span;

/// The most windows of a timetable, and the most freezes, trains and increments.
pub const ENTRIES_MAX: usize = 32;
/// The longest name, zone, expression or moment, in bytes.
pub const TEXT_BYTES_MAX: usize = 128;
/// The label of a region that names its time zone.
pub const ZONE_LABEL: &str = "time-zone";

/// When the steps of a plan may start. Empty: always.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Timetable {
    /// Steps start only inside one of these; none: at any time.
    pub windows: Vec<Entry>,
    /// No step starts inside any of these.
    pub freezes: Vec<Entry>,
    /// Where a region may rest between two windows.
    pub splits: Splits,
    /// When rollouts may begin that take one of them.
    pub trains: Vec<Train>,
    /// Inside what trains depart; none: at any time.
    pub increments: Vec<Increment>,
    /// Which train a rollout takes unless somebody says otherwise; `None`: none.
    pub train: Option<String>,
}

/// A window or a freeze.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Entry {
    /// Its name, unique among its like.
    pub name: String,
    /// Whose clock it is told by.
    pub zone: Zone,
    /// When it is open.
    pub when: When,
}

/// Whose clock times are told by.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Zone {
    /// Each region's own: the plan follows the sun.
    Region,
    /// That of a name of the IANA list.
    Named(String),
}

/// When something is open.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum When {
    /// At each moment that the expression names, for that long.
    Cron {
        /// Five fields: minute, hour, day, month, weekday.
        expression: String,
        /// Counted in real time, whatever clocks do meanwhile.
        lasts: Span,
    },
    /// Once.
    Range {
        /// Local time, e.g. `2026-12-20T00:00`; included.
        from: String,
        /// Local time; not included.
        to: String,
    },
}

/// Where a region may safely rest, partly moved, until the next window.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Splits {
    /// Nowhere: what begins must be able to end its wave.
    #[default]
    None,
    /// After each step.
    EachStep,
}

impl Timetable {
    /// Whether it gates nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Self { windows, freezes, splits: _, trains, increments, train: _ } = self;
        windows.is_empty() && freezes.is_empty() && trains.is_empty() && increments.is_empty()
    }

    /// The same with no train but this one: what a rollout asks that waits for it, or for none.
    #[must_use]
    pub fn with_train(&self, train: Option<&str>) -> Self {
        let trains = self.trains.iter().filter(|known| train == Some(known.name.as_str())).cloned().collect::<Vec<_>>();
        let increments = if trains.is_empty() { Vec::new() } else { self.increments.clone() };
        Self { trains, increments, ..self.clone() }
    }

    /// Whether any entry is told by the regions' own clocks.
    #[must_use]
    pub fn follows_the_sun(&self) -> bool {
        self.windows.iter().chain(&self.freezes).any(|entry| entry.zone == Zone::Region)
    }
}

impl Zone {
    /// The word for each region's own clock; no zone of the IANA list is called so.
    const REGION: &str = "region";

    /// The word used everywhere.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Region => Self::REGION,
            Self::Named(name) => name,
        }
    }

    /// Whose clock a word means.
    #[must_use]
    pub fn of(word: String) -> Self {
        if word == Self::REGION { Self::Region } else { Self::Named(word) }
    }
}

impl Splits {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::EachStep => "each-step",
        }
    }
}

impl Canonical for Entry {
    fn feed(&self, canon: &mut Canon) {
        canon.text(&self.name);
        match &self.zone {
            Zone::Region => canon.text("region"),
            Zone::Named(name) => canon.text("named").text(name),
        };
        match &self.when {
            When::Cron { expression, lasts } => canon.text("cron").text(expression).value(lasts),
            When::Range { from, to } => canon.text("range").text(from).text(to),
        };
    }
}

impl Canonical for Timetable {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.windows).value(&self.freezes).text(self.splits.as_str());
        // The first timetables knew no trains; those without keep their part of the hash.
        if !self.trains.is_empty() || !self.increments.is_empty() {
            canon
                .text("trains")
                .value(&self.trains)
                .value(&self.increments)
                .text(self.train.as_deref().unwrap_or_default());
        }
    }
}
