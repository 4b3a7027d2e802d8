//! buf, which lints the protos and compares them with the baseline. It does not know what the protos say.

use super::pypi::{self, Packaged};
use super::{ToolError, place};
use std::path::{Path, PathBuf};
use std::process::Command;

const BUF: Packaged = Packaged { program: "buf", package: "buf-bin", version: "1.75.0" };

/// The image of the protos that `buf breaking` compares against, from the root. Written anew by
/// `cargo xtask proto-baseline` with each release, never in between: the last release is what others have compiled.
pub const BASELINE: &str = "proto/baseline.binpb";

/// Installs buf.
///
/// # Errors
/// If pip is absent or the index out of reach.
pub fn install(root: &Path) -> Result<String, ToolError> {
    pypi::install(root, &BUF)
}

/// The buf to run: ours, else one on the PATH.
#[must_use]
pub fn program(root: &Path) -> Option<PathBuf> {
    place::installed(root, "buf").or_else(|| place::on_path("buf"))
}

/// Writes the baseline from the protos as they are now.
///
/// # Errors
/// If buf is absent or the protos do not compile.
pub fn write_baseline(root: &Path) -> Result<(), ToolError> {
    install(root)?;
    let buf = place::bin(root).join("buf");
    let out = root.join(BASELINE);
    place::run(Command::new(buf).current_dir(root.join("proto")).args(["build", "-o"]).arg(out))?;
    eprintln!("tools: wrote {BASELINE}");
    Ok(())
}
