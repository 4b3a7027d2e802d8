//! Plans: what would happen, with the way back of every region beside it.

use std::collections::BTreeMap;

use meridian_client::{DepartureView, PlanView, WaveForecastView};
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::plan::{Join, Plan, PlannedLane, PlannedStep, PlannedWave, SetPlan};
use meridian_core::release::Reversibility;
use meridian_core::time::Timestamp;
use serde_json::{Value, json};

use super::playbook::{
    CHECKLIST_HEADERS, approval_json, callback_json, checklist_add_json, checklist_rows, checks_rows, cohort_text,
    evidence_json, limits_json, rollback_json, safety_json, safety_text, share_text, triggers_text,
};
use super::{hotfix, moment_json, placed_json, staging, timetable, watch};
use crate::clock;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

fn step_text(step: &PlannedStep) -> String {
    share_text(step.weight, step.cohort.as_ref(), step.bake, step.requests)
}

fn regions(wave: &PlannedWave) -> Vec<String> {
    wave.regions.iter().map(ToString::to_string).collect()
}

/// Forecasts by wave name.
fn forecasts(view: &PlanView) -> BTreeMap<&str, &WaveForecastView> {
    view.forecast.iter().map(|forecast| (forecast.wave.as_str(), forecast)).collect()
}

fn wave_row(wave: &PlannedWave, forecast: Option<&&WaveForecastView>) -> Vec<Cell> {
    let steps: Vec<_> = wave.steps.iter().map(step_text).collect();
    let times = forecast.map(|f| format!("{} to {}", f.begins, f.settles)).unwrap_or_default();
    vec![
        cell(&wave.id),
        cell(wave.stage.as_str()),
        cell(regions(wave).join(", ")),
        cell(wave.max_parallel),
        cell(steps.join(" → ")),
        or_dash(times),
        cell(wave.soak),
        or_dash(forecast.map(|f| f.exposed.to_string()).unwrap_or_default()),
    ]
}

fn lane_row(region: &impl ToString, lane: &PlannedLane) -> Vec<Cell> {
    let back = match &lane.base {
        Some(base) => cell(format!("{} in {}", base.release, base.slot)),
        None => toned(Tone::Warning, "nothing: nothing has served here before"),
    };
    vec![cell(region.to_string()), cell(lane.slot), back, cell(lane.epoch)]
}

fn wave_json(wave: &PlannedWave, forecast: Option<&&WaveForecastView>) -> Value {
    let step = |step: &PlannedStep| {
        let mut value = json!({
            "weight": step.weight.basis_points(),
            "cohort": step.cohort.as_ref().map(cohort_text),
            "bake": step.bake.to_string(),
        });
        if step.requests > 0 {
            value["bakeRequests"] = Value::from(step.requests);
        }
        value
    };
    let mut value = json!({
        "name": wave.id.as_str(),
        "stage": wave.stage.as_str(),
        "regions": regions(wave),
        "maxParallel": wave.max_parallel,
        "maxSkew": wave.max_skew,
        "steps": wave.steps.iter().map(step).collect::<Vec<_>>(),
        "soak": wave.soak.to_string(),
        "approvals": wave.approvals.iter().map(approval_json).collect::<Vec<_>>(),
        "begins": forecast.map(|f| f.begins.to_string()),
        "settles": forecast.map(|f| f.settles.to_string()),
        "exposedRegions": forecast.map(|f| f.exposed),
    });
    staging::add_json(wave.staging.as_ref(), &mut value);
    if !wave.callbacks.is_empty() {
        value["gates"] = wave.callbacks.iter().map(callback_json).collect();
    }
    value
}

/// With which departure it begins, if it is started now.
fn departure_text(departure: &DepartureView) -> String {
    let DepartureView { train, increment, departs, closes: _, begins } = departure;
    let inside = increment.as_ref().map(|increment| format!(" in increment {increment}")).unwrap_or_default();
    let when = clock::iso(*begins);
    let late = if departs < begins { format!(", departed {}", clock::iso(*departs)) } else { String::new() };
    format!("{when} with train {train}{inside}{late}, if it is started now")
}

fn departure_json(departure: &DepartureView) -> Value {
    let DepartureView { train, increment, departs, closes, begins } = departure;
    let [departs, closes, begins] = [departs, closes, begins].map(|moment| clock::iso(*moment));
    json!({ "train": train, "increment": increment, "departs": departs, "closes": closes, "begins": begins })
}

/// The set that its rollout is a member of.
fn set_json(set: &SetPlan) -> Value {
    let SetPlan { id, others, after } = set;
    let others: Vec<&str> = others.values().map(RolloutId::as_str).collect();
    json!({ "name": id.as_str(), "others": others, "after": after.iter().map(ServiceId::as_str).collect::<Vec<_>>() })
}

/// The same, in a line.
fn set_text(set: &SetPlan) -> String {
    let SetPlan { id, others, after } = set;
    let named = |services: Vec<&ServiceId>| services.into_iter().map(ServiceId::as_str).collect::<Vec<_>>().join(", ");
    let follows = if after.is_empty() {
        String::new()
    } else {
        format!("; begins when {} is switched", named(after.iter().collect()))
    };
    format!("{id}, with {}{follows}", named(others.keys().collect()))
}

fn overview(page: &mut Page, view: &PlanView) {
    let Plan { service, release, reversibility, playbook, parent, rollback, .. } = &view.plan;
    page.field("plan", toned(Tone::Strong, view.hash.hex()));
    page.field("service", cell(format!("{service} → {} ({})", release.version, release.digest)));
    let tone = match reversibility {
        Reversibility::Free => Tone::Plain,
        Reversibility::Costly | Reversibility::PointOfNoReturn => Tone::Warning,
    };
    page.field("going back", toned(tone, reversibility.as_str()));
    page.field("playbook", cell(format!("{} revision {}", playbook.id, playbook.revision)));
    page.field("parent", or_dash(parent.map(|parent| parent.hex()).unwrap_or_default()));
    if let Some(supersede) = &view.plan.supersedes {
        page.field("takes over", cell(hotfix::text(supersede)));
    }
    if let Some(set) = &view.plan.set {
        page.field("set", cell(set_text(set)));
    }
    if let Some(Join { after }) = &view.plan.join {
        page.field("joins", cell(format!("what {after} launched: its regions came later")));
    }
    page.field("goes back", cell(triggers_text(rollback)));
    page.field("old slots", cell(format!("stay warm for {} after the switch", rollback.retention)));
    if let Some(departure) = &view.departure {
        page.field("begins", cell(departure_text(departure)));
    }
    if let Some(mandate) = &view.plan.mandate {
        page.field("safety", cell(safety_text(mandate.policy())));
    }
}

impl Shown for PlanView {
    const HEADERS: &'static [&'static str] = &["PLAN", "SERVICE", "VERSION", "PLAYBOOK", "WAVES", "REGIONS"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let plan = &self.plan;
        vec![
            cell(self.hash.hex()),
            cell(&plan.service),
            cell(&plan.release),
            cell(format!("{}@{}", plan.playbook.id, plan.playbook.revision)),
            cell(plan.waves.len()),
            cell(plan.lanes.len()),
        ]
    }

    fn name(&self) -> String {
        format!("plans/{}", self.hash.hex())
    }

    fn json(&self) -> Value {
        let Plan {
            service,
            release,
            reversibility,
            playbook,
            parent,
            lanes,
            waves,
            evidence,
            rollback,
            limits,
            mandate: _,
            timetable,
            checklist,
            feedback,
            supersedes,
            set,
            join,
        } = &self.plan;
        let forecasts = forecasts(self);
        let lane = |(region, lane): (&meridian_core::id::RegionId, &PlannedLane)| {
            json!({
                "region": region.as_str(),
                "slot": lane.slot.as_str(),
                "base": placed_json(lane.base.as_ref()),
                "epoch": lane.epoch.to_string(),
            })
        };
        let waves = waves.iter().map(|wave| wave_json(wave, forecasts.get(wave.id.as_str())));
        let mut value = json!({
            "name": self.name(),
            "hash": self.hash.hex(),
            "service": service.as_str(),
            "version": release.version.to_string(),
            "digest": release.digest.to_string(),
            "reversibility": reversibility.as_str(),
            "playbook": { "name": playbook.id.as_str(), "revision": playbook.revision },
            "parent": parent.map(|parent| parent.hex()),
            "lanes": lanes.iter().map(lane).collect::<Vec<_>>(),
            "waves": waves.collect::<Vec<_>>(),
            "evidence": evidence_json(evidence),
            "rollback": rollback_json(rollback),
            "limits": limits_json(limits),
            "safety": safety_json(&self.plan.safety()),
            "created": moment_json(self.created),
            "warnings": self.warnings,
        });
        timetable::add_json(timetable, &mut value);
        checklist_add_json(checklist, &mut value);
        if let Some(departure) = &self.departure {
            value["departure"] = departure_json(departure);
        }
        if let Some(policy) = feedback {
            value["feedback"] = watch::policy::feedback_json(policy);
        }
        if let Some(supersede) = supersedes {
            value["supersedes"] = hotfix::json(supersede);
        }
        if let Some(set) = set {
            value["set"] = set_json(set);
        }
        if let Some(Join { after }) = join {
            value["joins"] = Value::from(after.as_str());
        }
        value
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        overview(&mut page, self);
        let forecasts = forecasts(self);
        let rows = self.plan.waves.iter().map(|wave| wave_row(wave, forecasts.get(wave.id.as_str()))).collect();
        let headers = &["WAVE", "STAGE", "REGIONS", "PARALLEL", "STEPS", "EARLIEST", "SOAK", "EXPOSED"];
        page.table("waves", headers, rows);
        page.table("under load", staging::HEADERS, staging::rows(&self.plan));
        page.table("checklist", CHECKLIST_HEADERS, checklist_rows(&self.plan.checklist));
        let asked = self.plan.feedback.iter().map(|policy| vec![cell(watch::policy::feedback_text(policy))]).collect();
        page.table("feedback before the pilot is left", &[], asked);
        let lanes = self.plan.lanes.iter().map(|(region, lane)| lane_row(region, lane)).collect();
        page.table("the way back", &["REGION", "NEW IN", "BACK TO", "EPOCH"], lanes);
        timetable::describe(&self.plan.timetable, &mut page);
        page.table("checks of every bake", &[], checks_rows(&self.plan.evidence));
        let warnings = self.warnings.iter().map(|warning| vec![toned(Tone::Warning, format!("! {warning}"))]).collect();
        page.table("warnings", &[], warnings);
        page
    }
}
