//! Runs the command line as a person would: prints the command, shows its output, tells the exit code.

use std::path::PathBuf;

use anyhow::Context;
use meridian_harness::program;

/// A terminal with `meridian` in it.
pub struct Shell {
    meridian: PathBuf,
    server: String,
}

impl Shell {
    /// One that talks to a server.
    pub fn new(server: String) -> anyhow::Result<Self> {
        Ok(Self { meridian: program("meridian")?, server })
    }

    /// Runs `meridian` with these words and expects it to end with `code`.
    pub async fn run(&self, words: &[&str], code: i32) -> anyhow::Result<()> {
        println!();
        let status = self.command(words).status().await.context("running meridian")?;
        anyhow::ensure!(status.code() == Some(code), "meridian ended with {status}, expected exit code {code}");
        Ok(())
    }

    /// Runs `meridian` with these words for one of many orders like it: only the order is shown, unless it fails.
    pub async fn order(&self, words: &[&str]) -> anyhow::Result<()> {
        let output = self.command(words).output().await.context("running meridian")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "meridian ended with {}: {said}", output.status);
        Ok(())
    }

    /// Shows what is about to be run.
    fn command(&self, words: &[&str]) -> tokio::process::Command {
        println!("$ meridian {}", words.join(" "));
        let mut command = tokio::process::Command::new(&self.meridian);
        command.args(words).env("MERIDIAN_SERVER", &self.server).kill_on_drop(true);
        command
    }
}

/// The heading of a chapter.
pub fn heading(text: &str) {
    println!("\n━━ {text}");
}
