//! What the robustness runs break things with: network namespaces, packet filters, a tracer that injects faults, a library that
//! lies about the time. Debian's packages, if we may install them; elsewhere those runs say what is missing and skip.

use super::{ToolError, place};
use std::path::Path;

/// Package, and the program by which one sees that it is there.
const PACKAGES: [(&str, &str); 4] =
    [("iproute2", "ip"), ("nftables", "nft"), ("strace", "strace"), ("faketime", "faketime")];

/// Installs what is missing. Not being allowed to is no failure: only the runs that need it are lost, and they say so.
pub fn install(_root: &Path) -> Result<String, ToolError> {
    let is_missing = |(_, program): &&(&str, &str)| place::on_path(program).is_none();
    let missing: Vec<&str> = PACKAGES.iter().filter(is_missing).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok("ip, nft, strace and faketime are there".to_owned());
    }
    let update = place::run(place::apt().arg("update"));
    let installed =
        update.and_then(|_| place::run(place::apt().args(["install", "-y", "--no-install-recommends"]).args(&missing)));
    Ok(match installed {
        Ok(_) => format!("Debian's {} installed", missing.join(", ")),
        Err(refused) => format!("{} not installed ({refused}); robustness runs are skipped", missing.join(", ")),
    })
}
