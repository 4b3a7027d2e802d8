//! What the kernel says of the machine and its processes, and where tools lie.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

/// The load average of the last minute, as the kernel writes it.
#[must_use]
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

/// One line about the machine, for the head of the table.
#[must_use]
pub fn summary() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("# cores={cores} kernel={} load={}", kernel.trim(), load_average())
}

/// Memory of a process in MB (1 000 000 bytes): all that is resident, and of that what belongs to it alone.
///
/// # Errors
/// If the process is gone.
pub fn resident(pid: u32) -> anyhow::Result<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let line = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
        Some(kib * 1.024 / 1000.0)
    };
    let whole = line("VmRSS:").with_context(|| format!("process {pid} has no memory"))?;
    Ok((whole, line("RssAnon:").unwrap_or(f64::NAN)))
}

/// Processor time that the threads of a process have had so far, in microseconds; those that have ended left out.
///
/// # Errors
/// If the process is gone.
pub fn cpu_micros(pid: u32) -> anyhow::Result<u64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid}"))?;
    let nanos = |thread: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Ok(threads.filter_map(nanos).sum::<u64>() / 1000)
}

/// The memory of a process once it no longer changes by more than a hundredth within two seconds.
///
/// # Errors
/// If the process ends.
pub async fn resident_when_stable(pid: u32) -> anyhow::Result<(f64, f64)> {
    const LOOKS: usize = 4;
    const EVERY: Duration = Duration::from_millis(500);
    const LOOKS_MAX: usize = 20;
    let mut seen = Vec::new();
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(EVERY).await; // tidy: paced
        seen.push(resident(pid)?);
        let last = &seen[seen.len().saturating_sub(LOOKS)..];
        let (least, most) = last.iter().fold((f64::MAX, 0.0_f64), |(l, m), (rss, _)| (l.min(*rss), m.max(*rss)));
        if last.len() == LOOKS && most <= least * 1.01 {
            break;
        }
    }
    seen.last().copied().context("memory was looked at")
}

/// The Envoy that `cargo xtask tools envoy` installed, or the one named by `ENVOY_BIN`.
///
/// # Errors
/// If there is none.
pub fn envoy() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("ENVOY_BIN") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    let found = own.ancestors().map(|folder| folder.join(".tools/bin/envoy")).find(|path| path.exists());
    found.context("envoy is not installed; run `cargo xtask tools envoy`")
}
