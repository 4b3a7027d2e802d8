//! Child processes: found beside our own program, started with their output in a log, ended by pid.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A program of this workspace, built beside the one that runs.
///
/// # Errors
/// If it has not been built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("our own program has a path")?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("program {name} is not built; run `cargo build --workspace --bins`"))
}

/// A program that `cargo xtask tools` installed.
///
/// # Errors
/// If it has not been.
pub fn tool(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("our own program has a path")?;
    let found = own.ancestors().map(|folder| folder.join(".tools/bin").join(name)).find(|path| path.exists());
    found.with_context(|| format!("{name} is not installed; run `cargo xtask tools`"))
}

/// A command line to be started.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<std::ffi::OsString>,
    log: PathBuf,
}

impl Program {
    /// A program whose output goes to `log`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new(), log: log.into() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(&self) -> anyhow::Result<Running> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.path)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.path.display()))?;
        Ok(Running { child, log: self.log.clone() })
    }
}

/// A child that runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it as a power cut would, and waits for its end.
    pub fn kill(&mut self) {
        // Both fail only if it has ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).context("pids fit")?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }

    /// Asks it to end, and kills it after `grace`.
    pub fn end(&mut self, grace: Duration) {
        if self.signal(Signal::SIGTERM).is_ok() {
            let began = Instant::now();
            while self.is_alive() && began.elapsed() < grace {
                pause(Duration::from_millis(10));
            }
        }
        self.kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ends every process whose command line or working folder lies in `folder`: slots and data planes outlive their
/// agents by design, so nobody else ends them. Returns how many there were.
pub fn end_all_in(folder: &Path, grace: Duration) -> usize {
    let found = pids_in(folder);
    for pid in &found {
        let _ended = kill(*pid, Signal::SIGTERM);
    }
    let began = Instant::now();
    while !pids_in(folder).is_empty() && began.elapsed() < grace {
        pause(Duration::from_millis(20));
    }
    for pid in pids_in(folder) {
        let _ended = kill(pid, Signal::SIGKILL);
    }
    found.len()
}

/// The processes, other than our own, that name `folder` in their command line or work in it.
#[must_use]
pub fn pids_in(folder: &Path) -> Vec<Pid> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != own && belongs(*pid, folder)).map(Pid::from_raw).collect()
}

fn belongs(pid: i32, folder: &Path) -> bool {
    let needle = folder.as_os_str().as_encoded_bytes();
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let named = command.windows(needle.len().max(1)).any(|window| window == needle);
    let working = std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    let zombie = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    (named || working) && !zombie
}

/// Waits between two looks at a process that ends. Blocking, because this also runs when something is dropped.
#[expect(clippy::disallowed_methods, reason = "a drop can't await")]
fn pause(span: Duration) {
    std::thread::sleep(span); // tidy: paced
}
