//! The end of a run: everything is mended, every rollout comes to its end, and what was seen becomes a history. It does not
//! judge.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use meridian_harness::wait_until;
use meridian_store::{Key, Store as _};
use tokio::time::Instant;

use super::{Operator, Pulse};
use crate::history::{History, Order, RegionEnd};
use crate::record::{Recorder, read_agent_log};
use crate::site::{RegionProbe, Site};

/// How long rollouts may take to end once everything is well.
const ENDS_MAX: Duration = Duration::from_secs(120);
/// How long a person waits before saying it again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long history may take to be read to its end.
const READ_MAX: Duration = Duration::from_secs(60);
/// Answers of the stable release that show what serves.
const SERVES_MIN: u64 = 20;

/// Brings everybody back and every rollout to its end. Returns how many did not get there.
pub(super) async fn heal(site: &Site, recorder: &Recorder, operator: &Operator<'_>) -> anyhow::Result<u64> {
    for member in site.members().filter(|member| !member.is_alive()) {
        member.start()?;
    }
    site.connected().await?;
    read_to_the_end(site, recorder).await?;
    let began = Instant::now();
    loop {
        let open = open(recorder);
        if open.is_empty() || began.elapsed() > ENDS_MAX {
            open.iter().for_each(|name| println!("STUCK {name}: {:?}", recorder.phase(name)));
            return Ok(open.len() as u64);
        }
        for name in &open {
            // What is frozen in spite of an order to go back is given up, as the server offers it.
            let is_frozen = recorder.phase(name).is_some_and(|(word, _)| word == "frozen");
            let order = if is_frozen && began.elapsed() > ENDS_MAX / 2 { Order::Abandon } else { Order::RollBack };
            operator.order(operator.all(), name, order).await;
        }
        let _may_take_longer = wait_until("rollouts to end", AGAIN, || async {
            open.iter().all(|name| recorder.phase(name).is_some_and(|(_, is_end)| is_end)).then_some(())
        })
        .await;
    }
}

fn open(recorder: &Recorder) -> BTreeSet<String> {
    let recorded = recorder.recorded();
    let mut open = BTreeSet::new();
    for decision in recorded.decisions {
        match decision.is_end {
            true => open.remove(&decision.rollout),
            false => open.insert(decision.rollout),
        };
    }
    open
}

async fn read_to_the_end(site: &Site, recorder: &Recorder) -> anyhow::Result<()> {
    let (store, key) = (site.store().await?, Key::new("/")?);
    let head = wait_until("the store to answer", READ_MAX, || async { store.get(&key).await.ok() }).await?.revision;
    wait_until("history to be read", READ_MAX, || async { (recorder.revision() >= head).then_some(()) }).await
}

/// Puts together what was seen.
pub(super) async fn tell(
    site: &Site,
    recorder: &Recorder,
    operator: &Operator<'_>,
    probes: BTreeMap<String, RegionProbe>,
    pulse: Pulse,
) -> anyhow::Result<History> {
    read_to_the_end(site, recorder).await?;
    let recorded = recorder.recorded();
    anyhow::ensure!(recorded.troubles.is_empty(), "the record is not whole: {:?}", recorded.troubles);
    let mut history = History { calls: operator.calls(), ..History::default() };
    for (region, probe) in probes {
        let lane = recorded.lanes.iter().find(|(name, _)| name.to_string() == region).map(|(_, lane)| lane);
        let stable = lane.and_then(|lane| lane.stable.as_ref()).map(|placed| placed.release.version.to_string());
        if let Some(version) = &stable {
            let before = probe.answered_by(version);
            let _or_the_end_says_so = wait_until("the stable release to answer", READ_MAX, || async {
                (probe.answered_by(version) >= before + SERVES_MIN).then_some(())
            })
            .await;
        }
        let requests = probe.stop().await;
        let serves = requests.iter().rev().find_map(|probe| probe.version.clone());
        history.ends.insert(region.clone(), RegionEnd { stable, serves });
        history.probes.insert(region, requests);
    }
    history.stalls = pulse.stop();
    for (region, agent) in &site.agents {
        let log = read_agent_log(agent.log()).with_context(|| format!("the log of {region}"))?;
        anyhow::ensure!(log.panics.is_empty(), "{region} panicked: {:?}", log.panics);
        history.acts.insert(region.clone(), log.acts);
    }
    for server in &site.servers {
        let log = std::fs::read_to_string(server.log())?;
        let panic = log.lines().find(|line| line.contains("panicked at"));
        anyhow::ensure!(panic.is_none(), "{} panicked: {panic:?}", server.name);
    }
    (history.decisions, history.audits) = (recorded.decisions, recorded.audits);
    Ok(history)
}
