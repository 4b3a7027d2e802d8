//! `analysis explain`: metric, samples, test, number, limit, verdict and why, for each check and region.

use meridian_client::RolloutName;
use meridian_client::analysis::FindingView;
use meridian_core::evidence::{Outcome, Verdict};
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::report;
use crate::args::AnalysisCommand;
use crate::commands::{Outcome as Ended, rollout};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::moment_json;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::reference;
use crate::session::Session;
use crate::style::Tone;

/// A finding with the rollout that it is of.
struct Explained {
    rollout: RolloutName,
    finding: FindingView,
}

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: &AnalysisCommand) -> Ended {
    let (named, region) = match command {
        AnalysisCommand::Explain { rollout, region } => (rollout, region),
        AnalysisCommand::Report { rollout } => return report::run(session, &rollout.name).await,
    };
    let region = region.as_deref().map(reference::region).transpose()?;
    let name = rollout::find(session, &named.name).await?.name;
    let mut findings = session.client().await?.analysis(&name).await?;
    if let Some(region) = &region {
        findings.retain(|finding| finding.region == *region);
        if findings.is_empty() {
            return Err(CliError::NotFound(format!("{name} has nothing to say of region {region}")));
        }
    }
    let explained = |finding| Explained { rollout: name.clone(), finding };
    let explained: Vec<_> = findings.into_iter().map(explained).collect();
    session.list(&explained)?;
    Ok(Exit::Done)
}

pub(super) const fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Fail => Tone::Bad,
        Outcome::Inconclusive => Tone::Faint,
    }
}

impl Shown for Explained {
    const HEADERS: &'static [&'static str] = &["REGION", "CHECK", "MEASURE", "ON", "SAMPLES", "TEST", "VERDICT", "WHY"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let FindingView { region, check, measure, test, ground, verdict, sample_min, why, .. } = &self.finding;
        let samples = |verdict: &Verdict| format!("{} of {sample_min}", verdict.samples);
        let verdict_cell = |verdict: &Verdict| toned(tone(verdict.outcome), verdict.outcome.as_str());
        vec![
            cell(region),
            cell(check),
            or_dash(measure),
            cell(ground.as_str()),
            or_dash(verdict.as_ref().map(samples).unwrap_or_default()),
            or_dash(test),
            verdict.as_ref().map_or_else(|| or_dash(""), verdict_cell),
            cell(why),
        ]
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.rollout, self.finding.region, self.finding.check)
    }

    fn json(&self) -> Value {
        let FindingView { region, check, measure, test, ground, step, verdict, sample_min, why, voted } = &self.finding;
        let verdict = verdict.as_ref();
        json!({
            "rollout": self.rollout.to_string(),
            "region": region.as_str(),
            "check": check,
            "measure": measure,
            "test": test,
            "ground": ground.as_str(),
            "step": step.map(|step| json!({ "wave": step.wave, "step": step.step })),
            "verdict": verdict.map(|verdict| verdict.outcome.as_str()),
            "measured": verdict.map(|verdict| verdict.measured),
            "limit": verdict.map(|verdict| verdict.limit),
            "samples": verdict.map(|verdict| verdict.samples),
            "sampleMin": sample_min,
            "why": why,
            "voted": moment_json(*voted),
        })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("region", cell(&self.finding.region)).field("why", cell(&self.finding.why));
        page
    }
}
