//! Stub agents in a process of their own: as many connections as real agents would have, no disk and no drivers behind
//! them. `session` is one of them; `process` is how the benchmark talks to the process.
//!
//! Said on stdin: `breach REGION`, `breach-crowd SERVICES`, `stats`, `crowd`, `quit`. Said on stdout: `connected N` once;
//! `all EPOCH FIRST LAST` when every lane of the first service has acknowledged an epoch; `breach AT`; `back FIRST LAST`
//! when the whole crowd has acknowledged to go back; after `stats` a line `epoch EPOCH COUNT FIRST LAST` each and `end`;
//! after `crowd` a line `crowd ACKS AT`.

mod lane;
mod ledger;
mod process;
mod session;

use std::fmt::Arguments;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use meridian_core::id::{RegionId, ServiceId};
use meridian_harness::fleet::SERVICE;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use process::{Stub, Stubs};

use crate::clock;
use crate::pki::{Authority, Subject};
use ledger::{Ledger, Times};
use session::Session;

/// Handshakes at once: enough to keep two cores busy.
const CONNECTING: usize = 16;

/// Who is to report that requests fail.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Breach {
    Nobody,
    /// A region, of the first service.
    Region(RegionId),
    /// Every region, of every other service.
    Crowd,
}

/// The names of the first so many regions.
pub fn regions(count: usize) -> anyhow::Result<Vec<RegionId>> {
    (0..count).map(|number| Ok(RegionId::new(format!("r{number:04}"))?)).collect()
}

/// Holds `count` sessions until `quit`, the end of stdin, or the end of one session. The first service has `lanes` lanes.
pub async fn run(server: SocketAddr, tls: &Path, count: usize, lanes: usize) -> anyhow::Result<()> {
    let authority = Authority::open(tls)?;
    let ledger = Arc::new(Ledger::default());
    let (breach, breaches) = watch::channel(Breach::Nobody);
    let service = ServiceId::new(SERVICE)?;
    let session = |region: RegionId| {
        let issued = authority.issue(Subject::Region(&region))?;
        let (tls, ledger, breach) = (authority.client_terms(&issued), ledger.clone(), breaches.clone());
        Ok::<_, anyhow::Error>(Session { region, service: service.clone(), server, tls, lanes, ledger, breach })
    };
    let connecting = stream::iter(regions(count)?).map(|region| {
        let session = session(region);
        async { session?.connect().await }
    });
    let welcomed: Vec<_> = connecting.buffer_unordered(CONNECTING).try_collect().await?;
    let mut sessions = JoinSet::new();
    for welcomed in welcomed {
        sessions.spawn(welcomed.hold());
    }
    say(format_args!("connected {count}"));
    tokio::select! {
        told = obey(&ledger, &breach) => told,
        Some(ended) = sessions.join_next() => ended?.context("a session ended"),
    }
}

async fn obey(ledger: &Ledger, breach: &watch::Sender<Breach>) -> anyhow::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("breach", region) => {
                breach.send_replace(Breach::Region(RegionId::new(region)?));
            }
            ("breach-crowd", services) => {
                ledger.expect_back(services.parse()?);
                breach.send_replace(Breach::Crowd);
            }
            ("crowd", _) => say(format_args!("crowd {} {}", ledger.crowd_acks(), clock::micros())),
            ("stats", _) => tell(ledger),
            ("quit", _) => return Ok(()),
            _ => anyhow::bail!("told {line:?}, which is not understood"),
        }
    }
    Ok(())
}

fn tell(ledger: &Ledger) {
    for (epoch, Times { count, first_goal, last_ack }) in ledger.take() {
        say(format_args!("epoch {epoch} {count} {first_goal} {last_ack}"));
    }
    say(format_args!("end"));
}

/// One line to the benchmark, at once.
fn say(line: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // The benchmark is gone: so is the end of stdin, and that ends us.
    let _gone = writeln!(out, "{line}").and_then(|()| out.flush());
}
