//! Trains and increments: when rollouts begin together, and the spans of planning that their departures belong to. Only
//! what is declared, in the words of the manifest; which moments it means is not known here.

use crate::canon::{Canon, Canonical};
use crate::time::Span;

/// Rollouts that begin together on a schedule.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Train {
    /// Its name, unique among trains.
    pub name: String,
    /// Name of the zone whose clocks it is told by.
    pub zone: String,
    /// When it departs, in five fields: minute, hour, day, month, weekday.
    pub departs: String,
    /// For how long after each departure rollouts may begin.
    pub boarding: Span,
    /// The day from which on it runs, local time; `None`: it always does.
    pub from: Option<String>,
    /// It departs in each so manieth week, counted from `from`; 1: in every one.
    pub every: u32,
}

/// A span of planning: if any are declared, trains depart only inside one of them.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Increment {
    /// Its name, unique among increments.
    pub name: String,
    /// Name of the zone whose clocks it is told by.
    pub zone: String,
    /// When.
    pub during: Dates,
    /// When people plan it, before it or at its beginning; nothing departs then.
    pub planning: Option<Dates>,
    /// When people innovate, inside it; nothing departs then.
    pub innovation: Option<Dates>,
}

/// From one local time to another.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Dates {
    /// e.g. `2027-01-11`; included.
    pub from: String,
    /// Not included.
    pub to: String,
}

impl Canonical for Train {
    fn feed(&self, canon: &mut Canon) {
        let Self { name, zone, departs, boarding, from, every } = self;
        canon.text(name).text(zone).text(departs).value(boarding);
        canon.text(from.as_deref().unwrap_or_default()).number(u64::from(*every));
    }
}

impl Canonical for Dates {
    fn feed(&self, canon: &mut Canon) {
        canon.text(&self.from).text(&self.to);
    }
}

impl Canonical for Increment {
    fn feed(&self, canon: &mut Canon) {
        let Self { name, zone, during, planning, innovation } = self;
        canon.text(name).text(zone).value(during).value(planning).value(innovation);
    }
}
