//! `analysis report`: what the load of each step came to, in each region, as it is kept with the rollout.

use meridian_client::RolloutName;
use meridian_client::analysis::StepLoadView;
use meridian_core::evidence::LoadFigures;
use meridian_core::plan::Leg;
use meridian_core::rollout::state::LoadReport;
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::analysis::tone;
use crate::commands::{Outcome as Ended, rollout};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::moment_json;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, toned};
use crate::session::Session;

/// A step's load with the rollout that it is of.
struct Reported {
    rollout: RolloutName,
    load: StepLoadView,
}

pub(super) async fn run(session: &mut Session<'_>, named: &str) -> Ended {
    let name = rollout::find(session, named).await?.name;
    let loads = session.client().await?.loads(&name).await?;
    if loads.is_empty() {
        return Err(CliError::NotFound(format!("{name} has left no step under load")));
    }
    let reported = |load| Reported { rollout: name.clone(), load };
    let reported: Vec<_> = loads.into_iter().map(reported).collect();
    session.list(&reported)?;
    Ok(Exit::Done)
}

/// Microseconds as people read latencies.
fn millis(micros: u64) -> String {
    format!("{}.{:01} ms", micros / 1000, micros % 1000 / 100)
}

impl Reported {
    fn step(&self) -> String {
        format!("{}/{}", self.load.wave, self.load.report.step.step + 1)
    }

    fn leg(&self) -> Option<&'static str> {
        self.load.leg.map(Leg::as_str)
    }
}

impl Shown for Reported {
    const HEADERS: &'static [&'static str] = &[
        "REGION", "STEP", "WEIGHT", "OFFERED", "ACHIEVED", "FAILED", "NOT SENT", "P50", "P90", "P99", "P99.9", "MAX",
        "VERDICT",
    ];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let StepLoadView { region, weight, report, .. } = &self.load;
        let LoadFigures { offered, sent: _, achieved, failed, not_sent, p50, p90, p99, p999, max } = report.figures;
        let leg = self.leg().map(|leg| format!(" ({leg})")).unwrap_or_default();
        let mut cells = vec![cell(region), cell(self.step()), cell(format!("{weight}{leg}"))];
        cells.extend([offered, achieved, failed, not_sent].map(cell));
        cells.extend([p50, p90, p99, p999, max].map(|micros| cell(millis(micros))));
        cells.push(toned(tone(report.verdict.outcome), report.verdict.outcome.as_str()));
        cells
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.rollout, self.load.region, self.step())
    }

    fn json(&self) -> Value {
        let StepLoadView { region, wave, weight, leg: _, report } = &self.load;
        let LoadReport { step, epoch, at, figures, verdict } = report;
        let LoadFigures { offered, sent, achieved, failed, not_sent, p50, p90, p99, p999, max } = figures;
        json!({
            "rollout": self.rollout.to_string(),
            "region": region.as_str(),
            "wave": wave,
            "step": step.step,
            "weight": weight.basis_points(),
            "leg": self.leg(),
            "epoch": epoch.to_string(),
            "judged": moment_json(Some(*at)),
            "offered": offered,
            "sent": sent,
            "achieved": achieved,
            "failed": failed,
            "notSent": not_sent,
            "latencyMicros": { "p50": p50, "p90": p90, "p99": p99, "p999": p999, "max": max },
            "verdict": verdict.outcome.as_str(),
            "check": verdict.check,
        })
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        page.field("region", cell(&self.load.region)).field("step", cell(self.step()));
        page
    }
}
