//! Windows, freezes and trains: when a region's step may start, and a rollout begin. Time zones are not known here: what is declared is turned into
//! openings elsewhere, and the rules get them as data. The rule itself is [`rule`].

pub mod openings;
pub mod rule;
pub mod timetable;
pub mod train;

pub use openings::{Departure, Freeze, Interval, Openings};
pub use timetable::{Entry, Splits, Timetable, When, Zone};
pub use train::{Dates, Increment, Train};
