//! Where tools live and how programs are run to get them there. It does not know any tool.

use super::ToolError;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Characters of a failed program's output worth showing: the end says why.
const SAID_MAX: usize = 1500;

/// The folder of links to all installed programs.
pub fn bin(root: &Path) -> PathBuf {
    root.join(".tools/bin")
}

/// The program in `.tools/bin`, if it is there and its link leads somewhere.
pub fn installed(root: &Path, program: &str) -> Option<PathBuf> {
    Some(bin(root).join(program)).filter(|path| path.is_file())
}

/// The program on the PATH, or in one of the system's folders that a PATH may leave out.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/bin", "/usr/bin", "/usr/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Makes `.tools/bin/<program>` a link to `target` (absolute, or from `.tools/bin`), in place of any older one.
pub fn link(root: &Path, program: &str, target: &Path) -> Result<(), ToolError> {
    let failed = |operation, path: &Path| {
        let path = path.display().to_string();
        move |source| ToolError::File { operation, path, source }
    };
    let folder = bin(root);
    std::fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
    let link = folder.join(program);
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(&link).map_err(failed("replace", &link))?;
    }
    std::os::unix::fs::symlink(target, &link).map_err(failed("link", &link))
}

/// Debian's installer, asking nobody and starting nothing.
pub fn apt() -> Command {
    let mut command = Command::new("apt-get");
    // Another apt may hold the lock; two minutes cover an ordinary installation.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=120"]);
    // Maintainer scripts start no service in runlevel 1.
    command.env("RUNLEVEL", "1");
    command
}

/// Runs a program to its end and returns its standard output; its input is empty, so that nothing waits for a person.
pub fn run(command: &mut Command) -> Result<String, ToolError> {
    let shown = format!("{command:?}").replace('"', "");
    eprintln!("tools: running {shown}");
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(std::process::Stdio::null()).output().map_err(|source| ToolError::Start { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let from = said.char_indices().rev().nth(SAID_MAX).map_or(0, |(at, _)| at);
    Err(ToolError::Failed { command: shown, said: said[from..].trim().to_owned() })
}
