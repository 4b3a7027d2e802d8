//! From stages to waves with their regions: who is meant by names, labels and the rest, in which parts, over which steps.

use std::collections::BTreeSet;

use super::{Inventory, PlanRefusal, RegionFacts};
use crate::id::{RegionId, WaveId};
use crate::plan::drain;
use crate::plan::spec::{PlannedStep, PlannedWave};
use crate::playbook::validate::WAVES_MAX;
use crate::playbook::{RegionSelector, SpreadOrder, Stage, Step, Wave};
use crate::weight::Weight;

pub(in crate::plan) fn resolve_stage(
    stage: &Stage,
    inventory: &Inventory,
    out: &mut Vec<PlannedWave>,
    refused: &mut Vec<PlanRefusal>,
) {
    // A name is meant; a label takes what no name and no earlier label has taken.
    let names = |wave: &Wave| match &wave.regions {
        RegionSelector::Names(names) => names.clone(),
        RegionSelector::Labels(_) | RegionSelector::Rest => Vec::new(),
    };
    let mut taken: BTreeSet<RegionId> = stage.waves.iter().flat_map(names).collect();
    let chosen: Vec<Vec<RegionId>> = stage
        .waves
        .iter()
        .map(|wave| {
            let regions = select(wave, inventory, &taken);
            taken.extend(regions.iter().cloned());
            regions
        })
        .collect();
    for (wave, regions) in stage.waves.iter().zip(chosen) {
        let regions = match &wave.regions {
            RegionSelector::Rest => {
                let rest = inventory.regions.iter().filter(|(region, _)| !taken.contains(*region));
                rest.filter(|(_, facts)| drain::may_take(facts, inventory)).map(|(region, _)| region.clone()).collect()
            }
            RegionSelector::Names(_) | RegionSelector::Labels(_) => regions,
        };
        if regions.is_empty() {
            refused.push(PlanRefusal::EmptyWave { wave: wave.id.to_string() });
        }
        for region in regions.iter().filter(|region| !inventory.regions.contains_key(*region)) {
            refused.push(PlanRefusal::UnknownRegion { wave: wave.id.to_string(), region: region.clone() });
        }
        plan_wave(stage, wave, regions, inventory, out, refused);
    }
}

/// The regions that a selector names by itself; the rest is known only after every other wave has chosen.
fn select(wave: &Wave, inventory: &Inventory, taken: &BTreeSet<RegionId>) -> Vec<RegionId> {
    match &wave.regions {
        RegionSelector::Names(names) => names.clone(),
        RegionSelector::Rest => Vec::new(),
        RegionSelector::Labels(labels) => {
            let fits = |facts: &RegionFacts| labels.iter().all(|(k, v)| facts.labels.get(k) == Some(v));
            let free = inventory.regions.iter().filter(|(region, facts)| fits(facts) && !taken.contains(*region));
            let free = free.filter(|(_, facts)| drain::may_take(facts, inventory));
            free.map(|(region, _)| region.clone()).collect()
        }
    }
}

/// The wave, or its parts.
fn plan_wave(
    stage: &Stage,
    wave: &Wave,
    mut regions: Vec<RegionId>,
    inventory: &Inventory,
    out: &mut Vec<PlannedWave>,
    refused: &mut Vec<PlanRefusal>,
) {
    let step = |s: &Step| {
        let Step { weight, cohort, bake, requests } = s.clone();
        PlannedStep { weight, cohort, bake, requests }
    };
    let whole = |id, regions: Vec<RegionId>, is_first: bool| PlannedWave {
        id,
        stage: stage.kind,
        max_parallel: wave.max_parallel,
        max_skew: wave.max_skew,
        steps: wave.steps.iter().map(step).chain(rehearsal(stage, wave, &regions, inventory)).collect(),
        regions,
        soak: wave.soak,
        approvals: if is_first { wave.approvals.clone() } else { Vec::new() },
        callbacks: if is_first { wave.callbacks.clone() } else { Vec::new() },
        staging: stage.staging.clone(),
    };
    let Some(spread) = wave.spread else {
        out.push(whole(wave.id.clone(), regions, true));
        return;
    };
    if spread.order == SpreadOrder::LowTraffic {
        let share = |region: &RegionId| inventory.regions.get(region).and_then(|facts| facts.share);
        let unknown =
            regions.iter().filter(|region| share(region).is_none() && inventory.regions.contains_key(*region));
        let wave = || wave.id.to_string();
        refused.extend(unknown.map(|region| PlanRefusal::OrderUnknown { wave: wave(), region: region.clone() }));
        regions.sort_by_key(share);
    }
    for (number, size) in spread.parts(regions.len()).into_iter().enumerate() {
        let rest = regions.split_off(size);
        let name = format!("{}-{}", wave.id, number + 1);
        match WaveId::new(name.as_str()) {
            Ok(id) => out.push(whole(id, regions, number == 0)),
            Err(_) => refused.push(PlanRefusal::PartName { wave: wave.id.to_string(), part: name }),
        }
        regions = rest;
    }
}

/// Down to the old release and up again, each with the bake of the last step; nothing where nothing has served before.
fn rehearsal(stage: &Stage, wave: &Wave, regions: &[RegionId], inventory: &Inventory) -> Vec<PlannedStep> {
    let has_base = |region: &RegionId| inventory.regions.get(region).is_some_and(|facts| facts.lane.stable.is_some());
    let is_asked = stage.staging.as_ref().is_some_and(|staging| staging.rehearsal);
    let Some(last) = wave.steps.last().filter(|_| is_asked && regions.iter().any(has_base)) else {
        return Vec::new();
    };
    let leg = |weight, requests| PlannedStep { weight, cohort: None, bake: last.bake, requests };
    // On the way down the new release answers nobody.
    vec![leg(Weight::NONE, 0), leg(Weight::WHOLE, last.requests)]
}

/// Parts have names and a number like waves that were written down.
pub(super) fn check(waves: &[PlannedWave], refused: &mut Vec<PlanRefusal>) {
    if waves.len() > WAVES_MAX {
        refused.push(PlanRefusal::TooManyWaves(waves.len()));
    }
    let mut names = BTreeSet::new();
    for planned in waves.iter().filter(|planned| !names.insert(&planned.id)) {
        // Names that were written down differ, so this one is a part's: the wave's and a number.
        let part = planned.id.to_string();
        let wave = part.rsplit_once('-').map_or(part.as_str(), |(wave, _)| wave).to_owned();
        refused.push(PlanRefusal::PartName { wave, part });
    }
}
