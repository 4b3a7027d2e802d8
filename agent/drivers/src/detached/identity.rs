//! Who a process is: pid, start and boot, as the kernel tells them in `/proc`. It does not know how it was started.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::launch::TOKEN_VARIABLE;

/// The kernel counts `/proc` times in these, whatever its own tick is.
const TICKS_PER_SECOND: u64 = 100;

/// One process, never mistaken for a later one with the same pid.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Its pid, which is its process group as well.
    pub pid: i32,
    /// When the kernel started it, in ticks since the boot.
    pub start_ticks: u64,
    /// Which boot: after another one, equal numbers mean nothing.
    pub boot: String,
}

impl Identity {
    /// The process that has this pid now, dead but not yet reaped included.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = Stat::of(pid)?;
        Some(Self { pid, start_ticks: stat.start_ticks, boot: boot() })
    }

    /// Whether it runs. A zombie does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let same = |stat: &Stat| stat.start_ticks == self.start_ticks && !stat.is_dead;
        Stat::of(self.pid).as_ref().is_some_and(same) && boot() == self.boot
    }

    /// How long ago it was started, by the kernel's clock, which nobody sets.
    pub(crate) fn age(&self) -> Duration {
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = uptime.split(['.', ' ']).next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Duration::from_secs(seconds.saturating_sub(self.start_ticks / TICKS_PER_SECOND))
    }

    /// Tells starts of the same program apart, for people and counters.
    #[must_use]
    pub fn start_id(&self) -> String {
        format!("{}-{}", self.pid, self.start_ticks)
    }
}

/// The group leader that carries the token in its environment.
pub(super) fn by_token(token: &str) -> Option<Identity> {
    let wanted = format!("{TOKEN_VARIABLE}={token}");
    let carries = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    // Its children inherit the environment, but not the place of the leader.
    let leads = |pid: &i32| Stat::of(*pid).is_some_and(|stat| stat.group == *pid);
    pids().find(|pid| carries(pid) && leads(pid)).and_then(Identity::of)
}

/// The living members of the process group, its leader included.
pub(super) fn members(group: i32) -> Vec<Identity> {
    let is_member = |pid: &i32| Stat::of(*pid).is_some_and(|stat| stat.group == group && !stat.is_dead);
    pids().filter(is_member).filter_map(Identity::of).collect()
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

struct Stat {
    is_dead: bool,
    group: i32,
    start_ticks: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The program's name comes second and may contain anything, so we count from its closing bracket.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
        let (state, group, start) = (fields.first()?, fields.get(2)?, fields.get(19)?);
        let is_dead = matches!(*state, "Z" | "X" | "x");
        Some(Self { is_dead, group: group.parse().ok()?, start_ticks: start.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_blanks_are_read_over() {
        let text = "42 (a ) b) S 1 40 40 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 8812 0 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.is_dead, stat.group, stat.start_ticks), (false, 40, 8812));
        assert!(Stat::parse("42 (a) Z 1 40 40 0 -1 1 1 0 0 0 0 0 0 0 20 0 1 0 8812").unwrap().is_dead);
        assert!(Stat::parse("42 (a").is_none());
    }

    #[test]
    fn another_start_with_the_same_pid_is_another_process() {
        let me = Identity::of(std::process::id().try_into().unwrap()).unwrap();
        assert!(me.is_alive());
        assert!(!Identity { start_ticks: me.start_ticks + 1, ..me.clone() }.is_alive());
        assert!(!Identity { boot: "another".to_owned(), ..me.clone() }.is_alive());
        assert!(me.age() < Duration::from_secs(3600));
    }
}
