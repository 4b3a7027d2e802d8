//! The whole agent against a fake region and a fake server: from a goal to its confirmation, over every loss.
#![allow(clippy::unwrap_used)]

mod alone;
mod bench;
mod evidence;
mod goals;
mod link;
mod program;
mod prometheus;
mod restart;
mod server;
mod slots;
mod tls;
mod vetoes;
