//! What is done to a process' disk: strace slows or fails its fsyncs, ballast fills its own small disk. It does not know what
//! the process keeps there.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use meridian_harness::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ground::tool;
use crate::site::Member;

/// How long strace may take to hold on to a process.
const ATTACH_MAX: Duration = Duration::from_secs(10);

/// What happens to fsync and fdatasync.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sync {
    Slow,
    Failing,
}

/// A process whose fsyncs are not what they should be, until this is released.
#[derive(Debug)]
pub struct Traced {
    strace: Child,
}

impl Traced {
    pub(super) async fn hold(member: &Member, sync: Sync) -> anyhow::Result<Self> {
        let inject = match sync {
            Sync::Slow => "inject=fsync,fdatasync:delay_enter=300000",
            Sync::Failing => "inject=fsync,fdatasync:error=EIO",
        };
        let pid = member.pid()?;
        let strace = tool("strace").context("`strace` is on this machine")?;
        let log = File::create(member.log().with_extension("strace"))?;
        let mut command = Command::new(strace);
        command.args([
            "-f",
            "-qq",
            "-p",
            &pid.to_string(),
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "signal=none",
            "-e",
            inject,
        ]);
        let strace = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let traced = Self { strace };
        wait_until("strace to hold on", ATTACH_MAX, || async { is_traced(pid).then_some(()) }).await?;
        Ok(traced)
    }

    pub(super) fn release(mut self) -> anyhow::Result<()> {
        // Asked, not killed: only so it lets go of every thread.
        let _ended = kill(Pid::from_raw(i32::try_from(self.strace.id())?), Signal::SIGTERM);
        self.strace.wait()?;
        Ok(())
    }
}

fn is_traced(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
}

/// A disk without room, until this is removed.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
}

impl Ballast {
    pub(super) fn load(disk: &Path) -> anyhow::Result<Self> {
        let path = disk.join("ballast");
        let mut file = File::create(&path)?;
        let block = vec![0x5a; 64 * 1024];
        // Ends when nothing fits any more: the disk is small.
        while file.write_all(&block).is_ok() {}
        Ok(Self { path })
    }

    pub(super) fn remove(self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.path)?)
    }
}
