//! Processes that outlive whoever started them: how they are launched, named on disk, found again, and ended.
//!
//! A process is known by its pid *and* the moment the kernel started it, so that a pid given to somebody else is never
//! taken for ours. Before a launch a random token is written down and put in the process's environment: if the agent
//! dies between launching and writing the pid, the next agent finds the process by the token. It does not know what
//! the processes do.
//!
//! An init system that stops an agent must leave its children alone (systemd: `KillMode=process`).

mod ending;
mod identity;
mod launch;
mod standing;

use serde::{Deserialize, Serialize};

pub(crate) use ending::end;
pub use identity::Identity;
pub(crate) use launch::{Launch, bound_log, inherited, launch_error};
pub(crate) use standing::{Duty, Standing};

/// What is kept on disk about a launch.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// In the environment of the process.
    pub(crate) token: String,
    /// Known once the launch has returned.
    pub(crate) process: Option<Identity>,
}

impl Mark {
    /// A mark to be written before the launch.
    pub(crate) fn fresh() -> Self {
        Self { token: uuid::Uuid::new_v4().simple().to_string(), process: None }
    }

    /// The process, if it is alive.
    pub(crate) fn find(&self) -> Option<Identity> {
        let known = self.process.clone().or_else(|| identity::by_token(&self.token));
        known.filter(Identity::is_alive)
    }
}

#[cfg(test)]
mod tests;
