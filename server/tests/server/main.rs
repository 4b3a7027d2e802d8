//! The server as its callers and agents meet it: started in this process, spoken to over real connections.
#![allow(clippy::unwrap_used)]

mod agents;
mod alerts;
mod approvals;
mod bad_input;
mod draining;
mod identity;
mod limits;
mod program;
mod queue;
mod replicas;
mod requests;
mod restore;
mod rollouts;
mod seen;
mod support;
mod traces;
mod vetoes;
mod watch;
mod watching;
