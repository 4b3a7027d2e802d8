//! The traps of etcd and of its client that were measured once, each by its number, and that the store does not fall
//! into them. Each test has a cluster of three members of its own, since it breaks it or sets it up in its way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]
#![cfg(feature = "etcd")]

mod access;
mod leases;
mod limits;
mod members;
mod space;
mod support;
