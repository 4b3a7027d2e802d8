//! The commands against a server in memory: what they print, what they ask of the server, how they end.
#![allow(clippy::unwrap_used)]

mod apply;
mod bundle;
mod launch;
mod look;
mod orders;
mod process;
mod releases;
mod run;
mod sets;
mod simulate;
mod train;
mod watch;
mod window;
