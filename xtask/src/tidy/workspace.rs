//! The workspace as cargo sees it: members, where they live, what they depend on, where their targets start. It does not
//! know which of that is allowed.

use super::TidyError;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// When a dependency is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// In the crate itself.
    Normal,
    /// In its tests, benches and examples.
    Dev,
    /// In its build script.
    Build,
}

/// One dependency as a manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// When it is used.
    pub used: Use,
}

/// One member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The package's name.
    pub name: String,
    /// Its folder from the root.
    pub folder: String,
    /// What it depends on, ours and others'.
    pub dependencies: Vec<Dependency>,
    /// The files where its targets start (lib, bins, tests, benches, examples, build script), from the root.
    pub starts: Vec<String>,
}

/// All members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The members, in cargo's order.
    pub members: Vec<Member>,
}

impl Workspace {
    /// Asks cargo. Reads manifests only: no network, no lock, no build.
    ///
    /// # Errors
    /// If cargo cannot be started or refuses the manifests.
    pub fn read(root: &Path) -> Result<Self, TidyError> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let answer = Command::new(cargo)
            .current_dir(root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(|error| TidyError::Metadata(error.to_string()))?;
        if !answer.status.success() {
            return Err(TidyError::Metadata(String::from_utf8_lossy(&answer.stderr).trim().to_owned()));
        }
        let json: Value =
            serde_json::from_slice(&answer.stdout).map_err(|error| TidyError::Metadata(error.to_string()))?;
        let base = text(&json["workspace_root"]);
        Ok(Self { members: items(&json["packages"]).map(|package| member(package, &base)).collect() })
    }

    /// The member of that package name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

fn member(package: &Value, base: &str) -> Member {
    let manifest = below(&text(&package["manifest_path"]), base);
    let dependency = |dependency: &Value| Dependency {
        name: text(&dependency["name"]),
        used: match dependency["kind"].as_str() {
            Some("dev") => Use::Dev,
            Some("build") => Use::Build,
            Some(_) | None => Use::Normal,
        },
    };
    Member {
        name: text(&package["name"]),
        folder: manifest.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned(),
        dependencies: items(&package["dependencies"]).map(dependency).collect(),
        starts: items(&package["targets"]).map(|target| below(&text(&target["src_path"]), base)).collect(),
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn below(path: &str, base: &str) -> String {
    path.strip_prefix(base).unwrap_or(path).trim_start_matches('/').to_owned()
}
