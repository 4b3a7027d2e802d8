//! Keeps the ground and clears it: namespaces, whatever runs in them, mounts and the folder; also those that a run left
//! which was killed. It knows names and pids, not what a run does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use meridian_harness::process::pids_in;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{NAMES, PREFIX, ip, run, tool};

/// The program that keeps grounds.
const KEEPER: &str = "meridian-robustness";
/// How long what runs on the ground may take to end.
const END_MAX: Duration = Duration::from_secs(10);

/// Owns everything a run has on this machine; clears it when dropped.
#[derive(Debug)]
pub struct Keeper {
    run: String,
    /// The run's folder; short, because unix sockets have paths of about a hundred bytes.
    pub folder: PathBuf,
    /// Leaves the folder when dropped, for a person to look at.
    pub keeps_folder: bool,
}

impl Keeper {
    /// Takes a name after our own pid, and a folder.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn take() -> anyhow::Result<Self> {
        let run = format!("{PREFIX}{}", std::process::id());
        let folder = Path::new("/tmp").join(&run);
        std::fs::create_dir_all(&folder)?;
        Ok(Self { run, folder, keeps_folder: false })
    }

    /// The name of the run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        clear(&self.run, &self.folder, self.keeps_folder);
    }
}

/// Clears what runs left whose keeper is no more.
pub fn sweep() {
    let folders = names(Path::new("/tmp"));
    let spaces = names(Path::new(NAMES));
    let pids = folders.iter().chain(&spaces).filter_map(|name| {
        let digits: String = name.strip_prefix(PREFIX)?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<i32>().ok()
    });
    let mut dead: Vec<i32> = pids.filter(|pid| !is_keeper(*pid)).collect();
    dead.sort_unstable();
    dead.dedup();
    for pid in dead {
        let run = format!("{PREFIX}{pid}");
        clear(&run, &Path::new("/tmp").join(&run), false);
    }
}

/// Whether a process is one of ours: a pid may have been given to somebody else since.
fn is_keeper(pid: i32) -> bool {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = exe.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    // A program that was built anew while it runs has ` (deleted)` behind its name.
    name.is_some_and(|name| name.starts_with(KEEPER))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.starts_with(PREFIX)).collect()
}

fn clear(of: &str, folder: &Path, keeps_folder: bool) {
    let belongs = |name: &String| name.strip_prefix(of).is_some_and(|rest| rest.starts_with('-'));
    let spaces: Vec<String> = names(Path::new(NAMES)).into_iter().filter(belongs).collect();
    // Data planes and slots outlive their agents by design: who names the folder of the run is part of it as well.
    let running = || -> Vec<Pid> {
        let mut found: Vec<Pid> = spaces.iter().flat_map(|space| pids(space)).collect();
        // With the slash: the folder of another run may begin with the same digits.
        found.extend(pids_in(&folder.join("")));
        found
    };
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let began = Instant::now();
        let mut told = BTreeSet::new();
        loop {
            let left = running();
            if left.is_empty() || began.elapsed() >= END_MAX {
                break;
            }
            // An agent that is ending may still have started a slot again: whoever comes later is told as well.
            for pid in left.into_iter().filter(|pid| told.insert(pid.as_raw())) {
                let _ended = kill(pid, signal);
                // What was stopped by a fault does not even see a request to end.
                let _resumed = kill(pid, Signal::SIGCONT);
            }
            pause(Duration::from_millis(50));
        }
    }
    for space in &spaces {
        if let Err(why) = ip(&["netns", "del", space]) {
            eprintln!("{space} was left: {why:#}");
        }
    }
    unmount_below(folder);
    if !keeps_folder
        && folder.exists()
        && let Err(why) = std::fs::remove_dir_all(folder)
    {
        eprintln!("{} was left: {why}", folder.display());
    }
}

/// The processes in a namespace, other than our own.
fn pids(space: &str) -> Vec<Pid> {
    let Some(ip) = tool("ip") else { return Vec::new() };
    let said = Command::new(ip).args(["netns", "pids", space]).output();
    let text = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let found = text.lines().filter_map(|line| line.trim().parse::<i32>().ok());
    found.filter(|pid| *pid != own).map(Pid::from_raw).collect()
}

fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    for point in points.filter(|point| point.starts_with(folder)) {
        let Some(umount) = tool("umount") else { return };
        if let Err(why) = run(Command::new(umount).arg("-l").arg(&point)) {
            eprintln!("{} was left mounted: {why:#}", point.display());
        }
    }
}

/// Waits between two looks at processes that end. Blocking, because this also runs when something is dropped.
#[expect(clippy::disallowed_methods, reason = "a drop can't await")]
fn pause(span: Duration) {
    std::thread::sleep(span); // tidy: paced
}
