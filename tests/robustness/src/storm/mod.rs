//! One run: a site, its operator, its probes and the nemesis; then quiet, the end of every rollout, and the judgement.

mod ending;
mod nemesis;
mod operator;
mod stall;
mod totals;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::ground::Ground;
use crate::history::{History, Violation, check};
use crate::record::Recorder;
use crate::site::{RegionProbe, Site, Size};

pub use nemesis::Nemesis;
pub use operator::Operator;
pub use stall::Pulse;
pub use totals::Totals;

/// Requests per second in each region besides the probe.
const LOAD_RATE: f64 = 10.0;
/// How many violations are printed; the first ones say why.
const SHOWN_MAX: usize = 30;

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Minutes of faults.
    pub minutes: u64,
    /// How large the site is.
    pub size: Size,
    /// What chance begins with.
    pub seed: u64,
}

/// Runs once.
///
/// # Errors
/// If the site does not start, or what was broken can't be mended.
pub async fn run(ground: &Ground, folder: &Path, plan: Plan) -> anyhow::Result<Totals> {
    let Plan { minutes, size, seed } = plan;
    println!("{} etcd, {} servers, {} regions; seed {seed}", size.etcds, size.servers, size.regions);
    let site = Site::start(ground, folder, size).await?;
    let stormed = storm(&site, plan).await;
    let (history, nemesis, stuck) = stormed.with_context(|| site.logs())?;
    let done = nemesis.done();
    let mut violations = check(&history);
    violations.extend(done.deaths.iter().map(|death| Violation { id: "alive", what: death.clone() }));
    let (gaps, others): (Vec<&Violation>, Vec<&Violation>) = violations.iter().partition(|broken| broken.id == "S8");
    println!("\n{}\n", done.matrix.table());
    report(&history);
    violations.iter().take(SHOWN_MAX).for_each(|violation| println!("VIOLATION {violation}"));
    Ok(Totals {
        minutes,
        faults: done.matrix.total(),
        decisions: history.decisions.len() as u64,
        violations: others.len() as u64,
        stuck,
        live_slot_gaps: gaps.len() as u64,
        matrix: done.matrix,
    })
}

async fn storm(site: &Site, Plan { minutes, seed, .. }: Plan) -> anyhow::Result<(History, Nemesis, u64)> {
    let recorder = Recorder::start(site.store().await?, site.base);
    let operator = Operator::new(site, &recorder).await?;
    operator.install().await?;
    let pulse = Pulse::start(site.base)?;
    let mut probes = BTreeMap::new();
    for region in site.agents.keys() {
        probes.insert(region.clone(), RegionProbe::start(site, region, LOAD_RATE)?);
    }
    let nemesis = Nemesis::default();
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut chance = StdRng::seed_from_u64(seed.wrapping_add(2));
    let (broke, worked) = tokio::join!(nemesis.rage(site, &recorder, end, seed), operator.work(end, &mut chance));
    broke.context("breaking and mending")?;
    worked.context("operating")?;
    let stuck = ending::heal(site, &recorder, &operator).await?;
    let history = ending::tell(site, &recorder, &operator, probes, pulse).await?;
    Ok((history, nemesis, stuck))
}

/// What else is worth knowing of a run.
fn report(history: &History) {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for decision in history.decisions.iter().filter(|decision| decision.is_end) {
        *ends.entry(&decision.phase).or_default() += 1;
    }
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for call in &history.calls {
        let answer = match &call.outcome {
            crate::history::Outcome::Acked => "acked",
            crate::history::Outcome::Refused(_) => "refused",
            crate::history::Outcome::Unknown(_) => "unknown",
        };
        *answers.entry(format!("{:?} {answer}", call.order)).or_default() += 1;
    }
    let requests: usize = history.probes.values().map(Vec::len).sum();
    let failed: usize = history.probes.values().flatten().filter(|probe| probe.slot.is_none()).count();
    println!("rollouts ended: {ends:?}");
    println!("orders: {answers:?}");
    let (stalls, excused) = (history.stalls.len(), crate::history::excused(history));
    let longest = excused.iter().map(|gap| gap.to - gap.from).max().unwrap_or(0);
    println!("probe requests: {requests}, unanswered by a slot: {failed}");
    println!(
        "stalls of the machine: {stalls}; late answers in a switch put down to them: {}, the longest after {longest} µs",
        excused.len()
    );
}
