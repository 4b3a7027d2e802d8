//! The command line as a person would use it: the command is printed, its output shown, its exit code told. A launch is
//! watched while the story goes on.

use std::path::PathBuf;

use anyhow::Context;
use meridian_harness::program;
use tokio::process::{Child, Command};

use crate::site::{SERVICE, Site};

/// A terminal with `meridian` in it.
pub(super) struct Shell {
    meridian: PathBuf,
    servers: String,
}

/// A watch that runs.
pub(super) struct Watching {
    child: Child,
}

impl Shell {
    pub(super) fn new(site: &Site) -> anyhow::Result<Self> {
        Ok(Self { meridian: program("meridian")?, servers: site.server_urls().join(",") })
    }

    /// Runs `meridian` with these words and expects it to end with `code`.
    pub(super) async fn run(&self, words: &[&str], code: i32) -> anyhow::Result<()> {
        self.begin(words)?.ends(code).await
    }

    /// Starts a rollout and watches it.
    pub(super) fn launch(&self, version: &str, playbook: &str) -> anyhow::Result<Watching> {
        self.begin(&["rollout", "start", SERVICE, "--release", version, "--playbook", playbook, "--watch"])
    }

    fn begin(&self, words: &[&str]) -> anyhow::Result<Watching> {
        println!("\n$ meridian {}", words.join(" "));
        let mut command = Command::new(&self.meridian);
        command.args(words).env("MERIDIAN_SERVER", &self.servers).kill_on_drop(true);
        Ok(Watching { child: command.spawn().context("running meridian")? })
    }
}

impl Watching {
    /// Waits for its end and expects this exit code.
    pub(super) async fn ends(mut self, code: i32) -> anyhow::Result<()> {
        let status = self.child.wait().await?;
        anyhow::ensure!(status.code() == Some(code), "meridian ended with {status}, expected exit code {code}");
        Ok(())
    }
}
