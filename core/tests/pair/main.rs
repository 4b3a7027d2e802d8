//! The pair of server rules and agent rules under everything that a network, a crash, a clock and an operator can do:
//! random plans and random histories, every invariant after every event, and no silent stall once the faults are over.
//! `PROPTEST_CASES` sets how many histories are tried.
#![allow(clippy::unwrap_used)]

mod chaos;
mod designs;
mod histories;
#[path = "../world/mod.rs"]
mod world;
