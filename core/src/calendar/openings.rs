//! A timetable as one region's clock tells it: intervals of UTC over a bounded time, as data of a look.

use crate::time::Timestamp;

/// From a moment to another one that no longer belongs to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Interval {
    /// Included.
    pub from: Timestamp,
    /// Not included.
    pub to: Timestamp,
}

/// A time in which no step starts.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Freeze {
    /// As declared.
    pub name: String,
    /// When.
    pub during: Interval,
}

/// A time in which a train takes rollouts aboard.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Departure {
    /// Which train.
    pub train: String,
    /// Inside which increment; `None`: none is declared.
    pub increment: Option<String>,
    /// From the departure to the end of boarding.
    pub during: Interval,
}

/// What is known of a region's windows and freezes. None known is none open: a timetable with windows and without
/// openings lets nothing start.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Openings {
    /// By their beginning; they do not touch.
    pub windows: Vec<Interval>,
    /// By their beginning.
    pub freezes: Vec<Freeze>,
    /// By their beginning; the same in every region.
    pub departures: Vec<Departure>,
}

impl Interval {
    /// Whether the moment lies in it.
    #[must_use]
    pub fn holds(&self, moment: Timestamp) -> bool {
        self.from <= moment && moment < self.to
    }
}
