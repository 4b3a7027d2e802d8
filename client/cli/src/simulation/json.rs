//! A simulation for programs.

use meridian_core::evidence::StepRef;
use meridian_core::id::RegionId;
use meridian_core::plan::Leg;
use meridian_core::rollout::reason::Wait;
use meridian_core::watch::state::number;
use meridian_core::watch::{Milestone, Phase, Reached};
use meridian_simulate::{Course, Decided, Ended, Measured, Return, Stay, Waited, Watched, spend};
use serde_json::{Map, Value, json};

use super::{Run, Simulation, is_gate};
use crate::clock::iso;
use crate::output::kinds::moment_json;
use crate::output::kinds::watch::review_json;

pub(super) fn value(simulation: &Simulation) -> Value {
    let Simulation { plan, assumed, zones: _, from, told, runs, watched } = simulation;
    let failures = runs.iter().skip(1).map(|Run { failures, course: went }| {
        let names: Vec<String> = failures.iter().map(ToString::to_string).collect();
        json!({ "fails": names, "course": course(simulation, went) })
    });
    let regions = assumed.regions.iter().map(|(region, it)| (region.to_string(), measured(it)));
    let slow = assumed.slow.iter().map(|(region, slow)| (region.to_string(), slow.to_string().into()));
    let kpis = assumed.kpis.iter().map(|(kpi, value)| (kpi.to_string(), value.to_string().into()));
    json!({
        "service": plan.service.as_str(),
        "version": plan.release.version.to_string(),
        "playbook": plan.playbook.id.as_str(),
        "plan": plan.hash().hex(),
        "from": iso(*from),
        "assumed": {
            "prepare": assumed.prepare.to_string(),
            "shift": assumed.shift.to_string(),
            "consent": assumed.consent.to_string(),
            "measured": measured(&assumed.measured),
            "regions": regions.collect::<Map<String, Value>>(),
            "slow": slow.collect::<Map<String, Value>>(),
            "kpis": kpis.collect::<Map<String, Value>>(),
            "undeclared": told,
        },
        "course": course(simulation, simulation.calm()),
        "failures": failures.collect::<Vec<_>>(),
        "watch": watched.as_ref().map(after),
    })
}

fn after(Watched { watch, milestones }: &Watched) -> Value {
    let milestone = |(milestone, reached): &(Milestone, Reached)| {
        let since = if let Reached::Yes(since) = reached { *since } else { None };
        json!({ "name": milestone.as_str(), "state": reached.as_str(), "since": moment_json(since) })
    };
    let closed = if let Phase::Closed { since } = watch.phase { Some(since) } else { None };
    json!({
        "switched": iso(watch.switched),
        "closed": moment_json(closed),
        "reviews": watch.reviews.iter().enumerate().map(|(place, it)| review_json(number(place), it)).collect::<Vec<_>>(),
        "milestones": milestones.iter().map(milestone).collect::<Vec<_>>(),
    })
}

fn measured(measured: &Measured) -> Value {
    let answered = |it: meridian_simulate::Answered| json!({ "errors": it.errors.to_string(), "probes": it.probes.to_string(), "latency": it.latency.to_string() });
    let Measured { requests, cohort, new, old } = *measured;
    json!({ "requests": requests, "cohort": cohort.to_string(), "new": answered(new), "old": answered(old) })
}

fn course(simulation: &Simulation, course: &Course) -> Value {
    let Course { from: _, end: _, waves: _, lanes, exposure, waits, decisions, record: _, looks } = course;
    let exposed = exposure.iter().map(|(at, share)| json!({ "time": iso(*at), "share": share.basis_points() }));
    let regions = lanes.iter().map(|(region, stays)| {
        let stays: Vec<Value> = stays.iter().map(|stay| place(simulation, region, *stay)).collect();
        (region.to_string(), Value::from(stays))
    });
    json!({
        "end": end(course),
        "exposedMost": course.exposed_most().basis_points(),
        "waves": waves(simulation, course),
        "exposure": exposed.collect::<Vec<_>>(),
        "waits": waits.iter().map(waited).collect::<Vec<_>>(),
        "decisions": decisions.iter().map(decided).collect::<Vec<_>>(),
        "returns": course.returns().iter().map(returned).collect::<Vec<_>>(),
        "regions": regions.collect::<Map<String, Value>>(),
        "looks": looks,
    })
}

fn end(course: &Course) -> Value {
    let at = iso(course.end.at);
    match &course.end.how {
        Ended::Over { phase, cause } => json!({ "time": at, "state": phase, "cause": cause }),
        Ended::Waiting { phase, waits, limit } => {
            let waits: Vec<Value> = waits.iter().filter(|wait| is_gate(wait)).map(wait).collect();
            json!({ "time": at, "state": phase, "waits": waits, "limit": moment_json(*limit) })
        }
    }
}

fn wait(wait: &Wait) -> Value {
    json!({ "code": wait.code(), "region": wait.region().map(RegionId::as_str), "message": wait.to_string() })
}

fn waited(Waited { from, to, wait: of }: &Waited) -> Value {
    let mut value = wait(of);
    value["from"] = iso(*from).into();
    value["to"] = moment_json(*to);
    value["gate"] = is_gate(of).into();
    value
}

fn waves(simulation: &Simulation, course: &Course) -> Vec<Value> {
    let planned = simulation.plan.waves.iter().zip(&course.waves);
    let wave = |(place, (wave, went)): (usize, (&meridian_core::plan::PlannedWave, &meridian_simulate::WaveCourse))| {
        let steps = wave.steps.iter().zip(&went.steps).enumerate().map(|(number, (step, went))| {
            let at = StepRef { wave: place, step: number };
            let spent = spend(course, &simulation.assumed, at);
            json!({
                "weight": step.weight.basis_points(),
                "leg": simulation.plan.leg(at).map(Leg::as_str),
                "cohort": step.cohort.is_some(),
                "began": moment_json(went.began),
                "moved": moment_json(went.moved),
                "baked": moment_json(went.baked),
                "exposed": went.exposed.basis_points(),
                "failedRequests": spent.map(|spent| spent.failed),
                "ofBudget": spent.and_then(|spent| spent.of_budget),
            })
        });
        let local = went.began.and_then(|began| simulation.local_of(wave, began));
        json!({
            "name": wave.id.as_str(),
            "stage": wave.stage.as_str(),
            "regions": wave.regions.iter().map(RegionId::as_str).collect::<Vec<_>>(),
            "began": moment_json(went.began),
            "beganLocal": local.as_ref().map(|(time, region)| json!({ "region": region.as_str(), "time": time })),
            "settled": moment_json(went.settled),
            "steps": steps.collect::<Vec<_>>(),
        })
    };
    planned.enumerate().map(wave).collect()
}

fn decided(Decided { at, epoch, kind, phase, why }: &Decided) -> Value {
    json!({ "time": iso(*at), "epoch": epoch.to_string(), "kind": kind, "state": phase, "why": why })
}

fn returned(Return { region, was, turned, back }: &Return) -> Value {
    let step = was.step().map(|step| json!({ "wave": step.wave, "step": step.step }));
    json!({
        "region": region.as_str(),
        "was": was.as_str(),
        "step": step,
        "turned": iso(*turned),
        "back": moment_json(*back),
    })
}

fn place(simulation: &Simulation, region: &RegionId, Stay { at, from, to }: Stay) -> Value {
    let step = at.step().map(|step| json!({ "wave": step.wave, "step": step.step }));
    json!({
        "at": at.as_str(),
        "step": step,
        "from": iso(from),
        "fromLocal": simulation.local_in(region, from),
        "to": moment_json(to),
    })
}
