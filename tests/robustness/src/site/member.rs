//! One process on its node, which can be started again on what it left. Shared by whoever breaks it and whoever heals it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use meridian_harness::Running;
use nix::sys::signal::Signal;

use crate::ground::{Node, tool};

/// The clock a process believes in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Clock {
    /// The machine's.
    True,
    /// So many seconds off; the monotonic clock stays true.
    Skewed(i64),
}

/// A process that comes back on what it left.
#[derive(Debug)]
pub struct Member {
    /// Its name, such as `e1`.
    pub name: String,
    /// Where it runs.
    pub node: Node,
    /// A small disk of its own, if it has one.
    pub disk: Option<PathBuf>,
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    running: Mutex<Option<Running>>,
}

impl Member {
    /// One that is not started yet.
    #[must_use]
    pub const fn new(
        name: String,
        node: Node,
        disk: Option<PathBuf>,
        program: PathBuf,
        args: Vec<String>,
        log: PathBuf,
    ) -> Self {
        Self { name, node, disk, program, args, log, running: Mutex::new(None) }
    }

    /// Starts it by the true clock.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(&self) -> anyhow::Result<()> {
        self.start_by(Clock::True)
    }

    /// Starts it by a clock.
    ///
    /// # Errors
    /// If it can't be started, or libfaketime is not there.
    pub fn start_by(&self, clock: Clock) -> anyhow::Result<()> {
        let program = match clock {
            Clock::True => self.node.program(&self.program, &self.log)?,
            Clock::Skewed(seconds) => {
                let library = faketime().context("libfaketime is missing; run `cargo xtask tools faults`")?;
                let env = tool("env").context("`env` is on this machine")?;
                let faked = [
                    format!("LD_PRELOAD={}", library.display()),
                    format!("FAKETIME={seconds:+}s"),
                    "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
                    self.program.display().to_string(),
                ];
                self.node.program(&env, &self.log)?.args(faked)
            }
        };
        let running = program.args(&self.args).start().with_context(|| format!("starting {}", self.name))?;
        *self.running() = Some(running);
        Ok(())
    }

    /// Kills it as a power cut would.
    pub fn kill(&self) {
        *self.running() = None;
    }

    /// Stops it where it stands, or lets it go on.
    ///
    /// # Errors
    /// If it does not run.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.running().as_ref().with_context(|| format!("{} does not run", self.name))?.signal(signal)
    }

    /// Its pid.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.running().as_ref().with_context(|| format!("{} does not run", self.name))?.pid())
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.running().as_mut().is_some_and(Running::is_alive)
    }

    /// Whether it has ended though nobody killed it. One that was killed is down until whoever did it starts it again.
    #[must_use]
    pub fn has_died(&self) -> bool {
        self.running().as_mut().is_some_and(|running| !running.is_alive())
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        // Nothing panics while it is held; a process is running or not in any case.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The library that lies about the time, where Debian puts it.
fn faketime() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    libraries.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.is_file())
}
