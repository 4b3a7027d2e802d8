//! The house keeps itself: `tidy` checks the rules of docs/style.md that no compiler knows, `tools` installs what the
//! tests and the demo start. It knows files, manifests and syntax; it does not know what any crate of ours does, and
//! depends on none of them, so that it works while they are broken.

pub mod arrows;
pub mod tidy;
pub mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tidy::finding::Level;

const USAGE: &str = "usage: cargo xtask <chore>
  tidy                    check the house rules; changes nothing
  tools [NAME…]           install etcd, envoy, prometheus, … into .tools/ (no name: all but deny)
  proto-baseline          write proto/baseline.binpb, which `buf breaking` compares against";

/// The workspace's root folder, wherever the command was started.
#[must_use]
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Runs one chore by its name and says how it went: findings and errors are printed, the code is 0, 1 or 2 (usage).
#[must_use]
pub fn run(chore: &str, rest: &[String]) -> ExitCode {
    match chore {
        "tidy" => run_tidy(),
        "tools" => finish(tools::install(&root(), rest)),
        "proto-baseline" => finish(tools::buf::write_baseline(&root())),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run_tidy() -> ExitCode {
    let findings = match tidy::check(&root()) {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("tidy could not run: {error}");
            return ExitCode::FAILURE;
        }
    };
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|f| f.level == Level::Error).count();
    eprintln!("tidy: {errors} errors, {} warnings", findings.len() - errors);
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn finish(outcome: Result<(), tools::ToolError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
