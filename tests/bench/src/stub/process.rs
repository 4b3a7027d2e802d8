//! The benchmark's end of a process of stub agents. Dropping it kills the process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use meridian_core::epoch::Epoch;
use meridian_core::id::RegionId;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::clock::millis_between;

/// For a thousand connections on a busy machine.
const CONNECT_MAX: Duration = Duration::from_secs(90);
/// For a thousand rollouts.
const CROWD_MAX: Duration = Duration::from_secs(90);
/// For one line.
const LINE_MAX: Duration = Duration::from_secs(30);

/// How many stubs, and in how many of their regions the first service has a lane.
#[derive(Clone, Copy, Debug)]
pub struct Stubs {
    /// Sessions.
    pub count: usize,
    /// Lanes of the first service.
    pub lanes: usize,
}

impl Stubs {
    /// So many, with a lane of the first service each.
    #[must_use]
    pub const fn each(count: usize) -> Self {
        Self { count, lanes: count }
    }
}

/// A process of stub agents.
pub struct Stub {
    child: Child,
    told: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// Read while something else was waited for.
    seen: Vec<Whole>,
}

/// Every stub has acknowledged an epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Whole {
    /// Which.
    pub epoch: Epoch,
    /// When the first goal came.
    pub first_goal: u64,
    /// When the last acknowledgement left.
    pub last_ack: u64,
}

enum Line {
    Connected,
    All(Whole),
    Breach(u64),
    Back { first: u64, last: u64 },
    Crowd { acks: u64, at: u64 },
    Epoch(Whole),
    End,
}

impl Stub {
    /// Starts the process and waits until every stub was welcomed.
    pub async fn start(server: SocketAddr, tls: &Path, stubs: Stubs) -> anyhow::Result<Self> {
        let Stubs { count, lanes } = stubs;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["agents", "--server", &server.to_string(), "--count", &count.to_string()])
            .args(["--lanes", &lanes.to_string(), "--tls"])
            .arg(tls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting stub agents")?;
        let told = child.stdin.take().context("a pipe to the stubs")?;
        let lines = BufReader::new(child.stdout.take().context("a pipe from the stubs")?).lines();
        let mut stub = Self { child, told, lines, seen: Vec::new() };
        stub.wait("every stub to be welcomed", CONNECT_MAX, |line| matches!(line, Line::Connected).then_some(()))
            .await?;
        Ok(stub)
    }

    /// Its pid.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the stubs have ended")
    }

    /// Waits until every stub has acknowledged an epoch that is picked.
    pub async fn whole(&mut self, pick: impl Fn(&Whole) -> bool) -> anyhow::Result<Whole> {
        if let Some(position) = self.seen.iter().position(&pick) {
            return Ok(self.seen.remove(position));
        }
        let of = |line: &Line| {
            if let Line::All(whole) = line { Some(*whole).filter(&pick) } else { None }
        };
        self.wait("every stub to acknowledge", LINE_MAX, of).await
    }

    /// Has one region report a breach; when it did.
    pub async fn breach(&mut self, region: &RegionId) -> anyhow::Result<u64> {
        self.seen.clear();
        self.tell(&format!("breach {region}")).await?;
        let of = |line: &Line| {
            if let Line::Breach(at) = line { Some(*at) } else { None }
        };
        self.wait("a breach to be reported", LINE_MAX, of).await
    }

    /// Has every service of the crowd, so many, breach where it is; milliseconds until the last has acknowledged to go back.
    pub async fn breach_crowd(&mut self, services: usize) -> anyhow::Result<f64> {
        self.tell(&format!("breach-crowd {services}")).await?;
        let of = |line: &Line| {
            if let Line::Back { first, last } = line { Some(millis_between(*first, *last)) } else { None }
        };
        self.wait("the crowd to go back", CROWD_MAX, of).await
    }

    /// How many goals the crowd has acknowledged so far, and when that was.
    pub async fn crowd(&mut self) -> anyhow::Result<(u64, u64)> {
        self.tell("crowd").await?;
        let of = |line: &Line| {
            if let Line::Crowd { acks, at } = line { Some((*acks, *at)) } else { None }
        };
        self.wait("the crowd to be counted", LINE_MAX, of).await
    }

    /// Every epoch since the last time this was asked.
    pub async fn stats(&mut self) -> anyhow::Result<Vec<Whole>> {
        self.tell("stats").await?;
        let mut epochs = Vec::new();
        let of = |line: &Line| match line {
            Line::Epoch(whole) => {
                epochs.push(*whole);
                None
            }
            Line::End => Some(()),
            Line::Connected | Line::All(_) | Line::Breach(_) | Line::Back { .. } | Line::Crowd { .. } => None,
        };
        self.wait("all epochs", LINE_MAX, of).await?;
        self.seen.clear();
        Ok(epochs)
    }

    /// Ends the process.
    pub async fn quit(mut self) -> anyhow::Result<()> {
        self.tell("quit").await?;
        let ended = timeout(LINE_MAX, self.child.wait()).await.context("the stubs do not end")??;
        anyhow::ensure!(ended.success(), "the stubs ended with {ended}");
        Ok(())
    }

    async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        self.told.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.told.flush().await?)
    }

    async fn wait<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut of: impl FnMut(&Line) -> Option<T>,
    ) -> anyhow::Result<T> {
        let wanted = async {
            loop {
                let text = self.lines.next_line().await?.context("the stubs have ended")?;
                let line = parse(&text).with_context(|| format!("the stubs say {text:?}"))?;
                if let Some(found) = of(&line) {
                    return Ok(found);
                }
                if let Line::All(whole) = line {
                    self.seen.push(whole);
                }
            }
        };
        timeout(patience, wanted).await.with_context(|| format!("waited {patience:?} in vain for {what}"))?
    }
}

fn parse(text: &str) -> anyhow::Result<Line> {
    let words: Vec<&str> = text.split(' ').collect();
    Ok(match words.as_slice() {
        ["connected", _] => Line::Connected,
        ["end"] => Line::End,
        ["breach", at] => Line::Breach(at.parse()?),
        ["back", first, last] => Line::Back { first: first.parse()?, last: last.parse()? },
        ["crowd", acks, at] => Line::Crowd { acks: acks.parse()?, at: at.parse()? },
        ["all", epoch, first, last] => Line::All(whole(epoch, first, last)?),
        ["epoch", epoch, _, first, last] => Line::Epoch(whole(epoch, first, last)?),
        _ => anyhow::bail!("not a line of ours"),
    })
}

fn whole(epoch: &str, first: &str, last: &str) -> anyhow::Result<Whole> {
    let (generation, counter) = epoch.split_once('.').context("an epoch has two parts")?;
    let epoch = Epoch::new(generation.parse()?, counter.parse()?);
    Ok(Whole { epoch, first_goal: first.parse()?, last_ack: last.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_said() {
        let Ok(Line::All(whole)) = parse("all 0.17 12 34") else { panic!("not read") };
        assert_eq!(whole, Whole { epoch: Epoch::new(0, 17), first_goal: 12, last_ack: 34 });
        assert!(matches!(parse("epoch 1.2 100 5 6"), Ok(Line::Epoch(_))));
        assert!(matches!(parse("breach 99"), Ok(Line::Breach(99))));
        assert!(parse("all 17 12 34").is_err() && parse("").is_err());
    }
}
