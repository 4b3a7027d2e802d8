//! Records what happens: the store's own history as it is written, and what agents wrote in their logs. It does not judge.

mod agent_log;
mod commits;

pub use agent_log::{AgentLog, read as read_agent_log};
pub use commits::{Recorded, Recorder};
