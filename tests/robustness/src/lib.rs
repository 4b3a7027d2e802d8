//! The shipped programs under real faults on one machine: a namespace per node, a nemesis, an operator, probes; and a checker
//! that holds what was seen against what must be. The library is the program's parts, so that each can be tested.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod demo;
pub mod fault;
pub mod ground;
pub mod history;
pub mod options;
pub mod record;
pub mod site;
pub mod storm;
