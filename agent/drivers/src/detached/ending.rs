//! Ending a process and everything it started: first asked, then made. It does not know why.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::identity::{self, Identity};

/// How often we look whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long the kernel may take to end what was killed; it is only slow for a process stuck in a device.
const KILL_TAKES_MAX: Duration = Duration::from_secs(5);

/// Asks the process's group to end, waits for `grace`, then kills what is left of the group. Whether all of it is gone.
pub(crate) async fn end(process: &Identity, grace: Duration) -> bool {
    // Whoever was in the group while its leader was certainly ours is ours, even after the leader is gone and its pid
    // belongs to somebody else.
    let mut ours = Vec::new();
    if process.is_alive() {
        ours = identity::members(process.pid);
        signal_group(process, Signal::SIGTERM);
    }
    if !gone(std::slice::from_ref(process), grace).await {
        ours.extend(identity::members(process.pid));
        signal_group(process, Signal::SIGKILL);
    }
    for left in ours.iter().filter(|member| member.is_alive()) {
        // A member that has ended meanwhile is what we want.
        let _ended: Result<(), Errno> = kill(Pid::from_raw(left.pid), Signal::SIGKILL);
    }
    ours.push(process.clone());
    gone(&ours, KILL_TAKES_MAX).await
}

fn signal_group(process: &Identity, signal: Signal) {
    if process.is_alive() {
        // The only failure is that it has ended since, which is what we want.
        let _ended: Result<(), Errno> = killpg(Pid::from_raw(process.pid), signal);
    }
}

async fn gone(processes: &[Identity], within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while processes.iter().any(Identity::is_alive) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
    true
}
