//! Gets a program out of a Debian package, if it can be without installing the package: no root, no service, no configuration.
//! It does not know what the program is for.

use super::{ToolError, place};
use std::path::Path;
use std::process::Command;

/// A program in a Debian package.
pub struct Package {
    /// The program's name, also the folder below `.tools` and the package's name.
    pub program: &'static str,
    /// Where it is in the package, from the root.
    pub path: &'static str,
}

/// Prometheus, which a test has scrape and asks.
pub const PROMETHEUS: Package = Package { program: "prometheus", path: "usr/bin/prometheus" };
/// Alertmanager, which a test delivers to.
pub const ALERTMANAGER: Package =
    Package { program: "prometheus-alertmanager", path: "usr/bin/prometheus-alertmanager" };

/// Installs a package whose program reads files of the package at their place. Its service is not started.
pub fn install(root: &Path, package: &Package) -> Result<String, ToolError> {
    let Package { program, path } = *package;
    let place = Path::new("/").join(path);
    if !place.is_file() {
        place::run(place::apt().arg("update"))?;
        place::run(place::apt().args(["install", "-y", "--no-install-recommends", program]))?;
        if place::on_path("systemctl").is_some()
            && let Err(refused) = place::run(Command::new("systemctl").args(["disable", "--now", program]))
        {
            eprintln!("tools: {program}'s service is not running here ({refused})");
        }
    }
    place::link(root, program, &place)?;
    Ok(format!("Debian's {program} is there ({})", place.display()))
}

/// Unpacks the package into `.tools/<program>` and links its program into `.tools/bin`.
pub fn unpack(root: &Path, package: &Package) -> Result<String, ToolError> {
    let Package { program, path } = *package;
    if place::installed(root, program).is_some() {
        return Ok(format!("{program} is there"));
    }
    if let Some(found) = place::on_path(program) {
        place::link(root, program, &found)?;
        return Ok(format!("{} is there", found.display()));
    }
    let folder = root.join(".tools").join(program);
    let failed = |operation| {
        let path = folder.display().to_string();
        move |source| ToolError::File { operation, path, source }
    };
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed("remove"))?;
    }
    std::fs::create_dir_all(&folder).map_err(failed("create"))?;
    if place::run(Command::new("apt-get").arg("download").arg(program).current_dir(&folder)).is_err() {
        // The lists of a fresh machine are empty.
        place::run(place::apt().arg("update"))?;
        place::run(Command::new("apt-get").arg("download").arg(program).current_dir(&folder))?;
    }
    let missing = || ToolError::Missing { package: program.to_owned(), program: program.to_owned() };
    let archive = std::fs::read_dir(&folder).map_err(failed("read"))?.flatten().map(|entry| entry.path());
    let archive = archive.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "deb"));
    let archive = archive.ok_or_else(missing)?;
    place::run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&folder))?;
    std::fs::remove_file(&archive).map_err(failed("remove the archive in"))?;
    if !folder.join(path).is_file() {
        return Err(missing());
    }
    place::link(root, program, &Path::new("..").join(program).join(path))?;
    Ok(format!("Debian's {program} unpacked into .tools/{program}"))
}
