//! What manifests say, as a plan: the compiler is core's, the inventory is what was declared. It decides nothing that the
//! manifests say, and tells what it had to assume.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_calendar::is_known;
use meridian_core::calendar::timetable::ZONE_LABEL;
use meridian_core::digest::Digest;
use meridian_core::id::RegionId;
use meridian_core::lane::{LaneState, Placed};
use meridian_core::plan::{HashedPlan, Inventory, PlanRefusal, RegionFacts, compile};
use meridian_core::playbook::{Playbook, RegionSelector, validate};
use meridian_core::release::{Release, ReleaseRef};
use meridian_core::slot::Slot;
use meridian_core::watch::WatchPolicy;
use semver::Version;

use crate::args::Simulate;
use crate::error::CliError;
use crate::manifest::{Document, Manifest, RegionManifest};
use crate::reference;

/// What is played.
pub(super) struct World {
    pub(super) plan: Arc<HashedPlan>,
    pub(super) zones: BTreeMap<RegionId, String>,
    /// How what is launched is watched.
    pub(super) watch: WatchPolicy,
    /// What no manifest says.
    pub(super) told: Vec<String>,
}

impl World {
    /// The plan of one playbook and one release over all regions.
    pub(super) fn of(documents: &[Document], asked: &Simulate) -> Result<Self, CliError> {
        let manifests = || documents.iter().map(|document| &document.manifest);
        let playbooks = manifests().filter_map(|it| if let Manifest::Playbook(it) = it { Some(it) } else { None });
        let releases = manifests().filter_map(|it| if let Manifest::Release(it) = it { Some(it) } else { None });
        let regions = manifests().filter_map(|it| if let Manifest::Region(it) = it { Some(it) } else { None });
        let playbook = playbook(&playbooks.collect::<Vec<_>>(), asked)?;
        let releases: Vec<&Release> = releases.collect();
        let release = release(&releases, asked)?;
        let mut told = Vec::new();
        let stable =
            Placed { slot: Slot::Blue, release: serving(&releases, release, &mut told), parameters: BTreeMap::new() };
        let facts = |(region, declared): (RegionId, Option<&RegionManifest>)| (region, facts(declared, &stable));
        let regions: BTreeMap<RegionId, RegionFacts> =
            inventory(playbook, regions.collect(), &mut told).into_iter().map(facts).collect();
        let zone = |(region, facts): (&RegionId, &RegionFacts)| {
            facts.labels.get(ZONE_LABEL).filter(|zone| is_known(zone)).map(|zone| (region.clone(), zone.clone()))
        };
        let zones = regions.iter().filter_map(zone).collect();
        let valid = validate(playbook.clone()).expect("what was read has passed these rules");
        let inventory = Inventory { regions, ..Inventory::default() };
        let plan = compile(&valid, 1, release, &inventory).map_err(|refused| unplannable(&refused))?;
        let unknown = |(region, lane): (&RegionId, &meridian_core::plan::PlannedLane)| {
            let zone = lane.zone.clone().filter(|zone| !is_known(zone))?;
            Some(PlanRefusal::ZoneUnknown { region: region.clone(), zone })
        };
        let refused: Vec<PlanRefusal> = plan.lanes.iter().filter_map(unknown).collect();
        if !refused.is_empty() {
            return Err(unplannable(&refused));
        }
        Ok(Self { plan: plan.into(), zones, watch: playbook.watch.clone(), told })
    }
}

fn unplannable(refused: &[PlanRefusal]) -> CliError {
    let lines: Vec<String> = refused.iter().map(|refusal| format!("\n  {}: {refusal}", refusal.code())).collect();
    CliError::Flawed(format!("no plan can be made:{}", lines.concat()))
}

fn playbook<'d>(all: &[&'d Playbook], asked: &Simulate) -> Result<&'d Playbook, CliError> {
    let wanted = asked.playbook.as_deref().map(reference::playbook).transpose()?.map(|(id, _)| id);
    let mut fits = all.iter().copied().filter(|playbook| wanted.as_ref().is_none_or(|wanted| playbook.id == *wanted));
    let known = || all.iter().map(|playbook| playbook.id.as_str()).collect::<Vec<_>>().join(", ");
    match (fits.next(), fits.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(CliError::Usage(format!("which playbook? name one with --playbook: {}", known()))),
        (None, _) if all.is_empty() => Err(CliError::Usage("the manifests hold no Playbook".to_owned())),
        (None, _) => Err(CliError::NotFound(format!("the manifests hold no such playbook; there are {}", known()))),
    }
}

fn release<'d>(all: &[&'d Release], asked: &Simulate) -> Result<&'d Release, CliError> {
    let known = || all.iter().map(|it| format!("{}/{}", it.service, it.version)).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = &asked.release {
        let wanted = reference::release(wanted)?;
        let found = all.iter().find(|it| it.service == wanted.service && it.version == wanted.version);
        let none = || CliError::NotFound(format!("the manifests hold no such release; there are {}", known()));
        return found.copied().ok_or_else(none);
    }
    let newest = all.iter().copied().max_by_key(|it| it.version.clone());
    let newest = newest.ok_or_else(|| CliError::Usage("the manifests hold no Release".to_owned()))?;
    if all.iter().any(|it| it.service != newest.service) {
        return Err(CliError::Usage(format!("which release? name one with --release: {}", known())));
    }
    Ok(newest)
}

/// What serves before the new release: the one below it, or one that is made up.
fn serving(all: &[&Release], new: &Release, told: &mut Vec<String>) -> ReleaseRef {
    let below = all.iter().filter(|it| it.service == new.service && it.version < new.version);
    if let Some(below) = below.max_by_key(|it| it.version.clone()) {
        return below.reference();
    }
    told.push(format!(
        "no release below {} is declared: it is assumed that every region serves another one",
        new.version
    ));
    ReleaseRef { version: Version::new(0, 0, 0), digest: Digest::of(b"what served before") }
}

/// The regions that are declared, and those that the playbook names besides.
fn inventory<'d>(
    playbook: &Playbook,
    declared: Vec<&'d RegionManifest>,
    told: &mut Vec<String>,
) -> BTreeMap<RegionId, Option<&'d RegionManifest>> {
    let mut regions: BTreeMap<_, _> = declared.into_iter().map(|region| (region.id.clone(), Some(region))).collect();
    for wave in playbook.stages.iter().flat_map(|stage| &stage.waves) {
        let RegionSelector::Names(names) = &wave.regions else { continue };
        for name in names.iter().filter(|name| !regions.contains_key(*name)).cloned().collect::<Vec<_>>() {
            told.push(format!("region {name} is not declared: it is assumed to be there, without labels"));
            regions.insert(name, None);
        }
    }
    regions
}

fn facts(declared: Option<&RegionManifest>, stable: &Placed) -> RegionFacts {
    let lane = LaneState { stable: Some(stable.clone()), ..LaneState::default() };
    let Some(RegionManifest { id: _, labels, description: _, cordoned, traffic_share }) = declared else {
        return RegionFacts { lane, ..RegionFacts::default() };
    };
    RegionFacts { labels: labels.clone(), cordoned: *cordoned, share: *traffic_share, lane, ..RegionFacts::default() }
}
