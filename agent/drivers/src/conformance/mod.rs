//! What every driver must do, as suites that each driver's tests run, the fake's included: see [`workload::suite`] and
//! [`traffic::suite`]. They know the contracts and nothing of any driver; a bed tells them how to reach one.
//!
//! A suite panics at the first promise that is broken, with what it saw.

pub mod backend;
pub mod clients;
mod load;
pub mod traffic;
pub mod workload;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::net::TcpSocket;

use crate::detached::{Identity, Mark};
use crate::ports;

/// Longer than anything takes that works, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(10);

/// Waits until something is there.
///
/// # Panics
/// When it never is.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// A loopback address for a program under test, held for as long as this process lives: other tests take ports all the
/// time, before the program's first start and between two.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_address() -> SocketAddr {
    static HELD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());
    let (address, held) = ports::hold((Ipv4Addr::LOCALHOST, 0).into()).expect("loopback has free ports");
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(held);
    address
}

/// A program of this workspace, beside the running test's own folder.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let folder = own.parent().and_then(Path::parent).expect("tests run in target/<profile>/deps");
    let program = folder.join(name);
    assert!(program.is_file(), "{} is missing: cargo build --workspace --bins", program.display());
    program
}

/// The process behind a mark or a slot's record, alive or not.
#[must_use]
pub fn marked_process(file: &Path) -> Option<Identity> {
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let mark = value.get("mark").cloned().unwrap_or(value);
    serde_json::from_value::<Mark>(mark).ok()?.process
}

/// Kills what is left of the processes whose marks are in these files, however a test ends.
#[derive(Debug)]
pub struct Sweep(pub Vec<PathBuf>);

impl Drop for Sweep {
    fn drop(&mut self) {
        for process in self.0.iter().filter_map(|file| marked_process(file)).filter(Identity::is_alive) {
            // Already gone is what we want.
            let _gone: Result<(), Errno> = killpg(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }
}

/// Kills one process, as an accident would.
pub fn kill_hard(process: &Identity) {
    // Already gone is what we want.
    let _gone: Result<(), Errno> = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
}
