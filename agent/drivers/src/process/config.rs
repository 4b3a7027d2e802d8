//! What an operator says about processes in slots. It knows defaults and what cannot work, nothing of running.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use meridian_core::slot::Slot;
use serde::{Deserialize, Serialize};

use super::command;
use crate::error::{DriverError, code};

/// The configuration of [`super::ProcessWorkload`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// The driver's own folder: records, verified copies, logs. One per lane.
    pub dir: PathBuf,
    /// Where artifacts are found, each under the 64 hexadecimal digits of its digest.
    pub artifacts: PathBuf,
    /// The program and its arguments; `{address}`, `{ip}`, `{port}`, `{artifact}`, `{version}` and `{slot}` are filled in.
    /// Runs in the slot's folder, so paths are absolute.
    pub command: Vec<String>,
    /// The names of the agent's environment variables that a release gets; it gets no others.
    #[serde(default = "default_env")]
    pub env: Vec<String>,
    /// Asked with GET; 2xx means ready.
    #[serde(default = "default_ready_path")]
    pub ready_path: String,
    /// A probe that takes longer counts as not ready, in milliseconds.
    #[serde(default = "default_probe_timeout_ms")]
    pub probe_timeout_ms: u64,
    /// A release that was never ready within this counts as failed, in milliseconds.
    #[serde(default = "default_ready_timeout_ms")]
    pub ready_timeout_ms: u64,
    /// How long a release may take to finish what it has, in milliseconds.
    #[serde(default = "default_stop_grace_ms")]
    pub stop_grace_ms: u64,
    /// The wait between an end and the second start after it; doubled with each start that follows, in milliseconds.
    #[serde(default = "default_backoff_ms")]
    pub restart_backoff_ms: u64,
    /// The longest such wait, in milliseconds.
    #[serde(default = "default_backoff_ms_max")]
    pub restart_backoff_ms_max: u64,
    /// Where releases listen.
    #[serde(default = "default_ip")]
    pub ip: IpAddr,
    /// The port of each slot.
    #[serde(default)]
    pub ports: SlotPorts,
    /// A slot's log is emptied beyond this, in bytes.
    #[serde(default = "default_log_bytes_max")]
    pub log_bytes_max: u64,
}

/// A port per slot; 0 takes a free one at the first start and keeps it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotPorts {
    /// Of the blue slot.
    #[serde(default)]
    pub blue: u16,
    /// Of the green slot.
    #[serde(default)]
    pub green: u16,
}

impl SlotPorts {
    pub(super) const fn of(self, slot: Slot) -> u16 {
        match slot {
            Slot::Blue => self.blue,
            Slot::Green => self.green,
        }
    }
}

impl ProcessConfig {
    /// A configuration with every default, for the folder, the artifacts and the command.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, artifacts: impl Into<PathBuf>, command: Vec<String>) -> Self {
        Self {
            dir: dir.into(),
            artifacts: artifacts.into(),
            command,
            env: default_env(),
            ready_path: default_ready_path(),
            probe_timeout_ms: default_probe_timeout_ms(),
            ready_timeout_ms: default_ready_timeout_ms(),
            stop_grace_ms: default_stop_grace_ms(),
            restart_backoff_ms: default_backoff_ms(),
            restart_backoff_ms_max: default_backoff_ms_max(),
            ip: default_ip(),
            ports: SlotPorts::default(),
            log_bytes_max: default_log_bytes_max(),
        }
    }

    /// The configuration, if it can work; paths made absolute, because releases run in folders of their own.
    pub(super) fn checked(mut self) -> Result<Self, DriverError> {
        let refuse = |message: String| Err(DriverError::permanent(code::DRIVER_CONFIG, message));
        if self.command.first().is_none_or(String::is_empty) {
            return refuse("`command` names no program".to_owned());
        }
        for word in &self.command {
            if let Some(unknown) = command::unknown_placeholder(word) {
                return refuse(format!("`command` has {{{unknown}}}, which nobody fills in"));
            }
        }
        if !self.ready_path.starts_with('/') {
            return refuse(format!("`ready_path` is {:?} but starts with a slash", self.ready_path));
        }
        if self.ports.blue != 0 && self.ports.blue == self.ports.green {
            return refuse(format!("both slots have port {}", self.ports.blue));
        }
        for folder in [&mut self.dir, &mut self.artifacts] {
            *folder = std::path::absolute(&*folder).map_err(|error| DriverError::state("find", folder, &error))?;
        }
        Ok(self)
    }

    pub(super) const fn probe_timeout(&self) -> Duration {
        Duration::from_millis(self.probe_timeout_ms)
    }

    pub(super) const fn ready_timeout(&self) -> Duration {
        Duration::from_millis(self.ready_timeout_ms)
    }

    pub(super) const fn stop_grace(&self) -> Duration {
        Duration::from_millis(self.stop_grace_ms)
    }
}

fn default_env() -> Vec<String> {
    ["PATH", "LANG", "TZ"].map(str::to_owned).to_vec()
}

fn default_ready_path() -> String {
    "/healthz".to_owned()
}

const fn default_probe_timeout_ms() -> u64 {
    1000
}

const fn default_ready_timeout_ms() -> u64 {
    30_000
}

const fn default_stop_grace_ms() -> u64 {
    10_000
}

const fn default_backoff_ms() -> u64 {
    500
}

const fn default_backoff_ms_max() -> u64 {
    30_000
}

const fn default_ip() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

const fn default_log_bytes_max() -> u64 {
    10 * 1024 * 1024
}
