//! The proxy from outside: real sockets, real slots behind it, and for what only a process can show, the real program.
#![allow(clippy::unwrap_used, missing_docs)]

mod backend;
mod client;
mod control;
mod process;
mod rig;
mod routing;
mod stale;
mod switching;
mod transport;
