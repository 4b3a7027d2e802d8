//! The rules of Meridian, pure: no I/O, no clock, no randomness, no async, no serde.
//!
//! Reading order: [`rollout::state`] (what a rollout can be doing), [`rollout::step`] (the only place where it
//! changes), [`goal`] (what a lane should be at), [`agent`] (the other half of every safety property),
//! [`invariants`] (what must never happen).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod alert;
pub mod audit;
pub mod calendar;
pub mod canon;
pub mod cohort;
pub mod digest;
pub mod epoch;
pub mod evidence;
pub mod goal;
pub mod id;
pub mod invariants;
pub mod lane;
pub mod observation;
pub mod ownership;
pub mod person;
pub mod plan;
pub mod planted;
pub mod playbook;
pub mod queue;
pub mod release;
pub mod rollout;
pub mod slot;
pub mod text;
pub mod time;
pub mod watch;
pub mod weight;
