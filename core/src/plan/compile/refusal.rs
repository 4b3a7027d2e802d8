//! Why a plan can't be made: typed, each saying what to do instead.

use semver::Version;

use super::{PARAMETER_BYTES_MAX, REGIONS_MAX};
use crate::id::{PlaybookId, RegionId, RolloutId, ServiceId};
use crate::playbook::validate::WAVES_MAX;
use crate::release::ReleaseRef;
use crate::rollout::supersede::SupersedeRefused;
use crate::rollout::veto::Veto;
use crate::weight::Weight;

/// Why a plan can't be made.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum PlanRefusal {
    /// A wave names a region that is not registered.
    #[error("wave {wave} names region {region}, which is not registered; start its agent or apply a Region first")]
    UnknownRegion {
        /// The wave.
        wave: String,
        /// The region.
        region: RegionId,
    },
    /// A wave has no region left.
    #[error("wave {wave} selects no region; register regions or change its selector")]
    EmptyWave {
        /// The wave.
        wave: String,
    },
    /// What is pinned for all regions together would not fit beside the rest of a plan.
    #[error("parameters of all regions together have {0} bytes, at most {PARAMETER_BYTES_MAX} are allowed; give less")]
    ParametersTooLarge(usize),
    /// More regions than [`REGIONS_MAX`].
    #[error("the plan would take {0} regions, at most {REGIONS_MAX} are allowed; split the playbook")]
    TooManyRegions(usize),
    /// Taken out by an operator.
    #[error("region {region} is cordoned; uncordon it or leave it out of the playbook")]
    Cordoned {
        /// The region.
        region: RegionId,
    },
    /// On its way out of the fleet.
    #[error("region {region} is draining; `meridian region undrain {region}` takes it back, or leave it out by name")]
    Draining {
        /// The region.
        region: RegionId,
    },
    /// The agent is too old for a safety policy.
    #[error("region {region}: its agent knows no safety policy; renew the agent or leave `safety` out of the playbook")]
    NoSafety {
        /// The region.
        region: RegionId,
    },
    /// The agent is too old to ask others for metrics.
    #[error("region {region}: its agent asks nobody for metrics; renew the agent or leave check {check} out")]
    NoQueries {
        /// The region.
        region: RegionId,
        /// The first check that asks.
        check: String,
    },
    /// The agent is too old to hand parameters to workloads.
    #[error(
        "region {region}: its agent hands no parameters to workloads; renew the agent or take them out of the service"
    )]
    NoParameters {
        /// The region.
        region: RegionId,
    },
    /// The agent is too old to drive load.
    #[error("region {region}: its agent drives no load; renew the agent or leave `load` out of wave {wave}")]
    NoLoad {
        /// The region.
        region: RegionId,
        /// The wave.
        wave: String,
    },
    /// Another rollout holds the lane.
    #[error("region {region} is held by rollout {rollout}; wait for its end (`--queue`), roll it back or supersede it")]
    LaneHeld {
        /// The region.
        region: RegionId,
        /// Who holds it.
        rollout: RolloutId,
    },
    /// The rollout that holds the lanes can't be superseded.
    #[error(transparent)]
    Supersede(SupersedeRefused),
    /// The playbook says nothing of hotfixes.
    #[error("playbook {playbook} allows no hotfix; declare `hotfix: {{bake: 25%, approvals: {{role: sre}}}}` in it")]
    HotfixNotDeclared {
        /// The playbook.
        playbook: PlaybookId,
    },
    /// The release is already what is stable there.
    #[error("region {region} already runs {version} with this digest; leave it out or release something new")]
    NothingToDo {
        /// The region.
        region: RegionId,
        /// The version.
        version: Version,
    },
    /// A driver can't do what a step asks.
    #[error("region {region}: its traffic driver can't do {ability}; change the steps of wave {wave} or the driver")]
    CannotDo {
        /// The region.
        region: RegionId,
        /// The wave.
        wave: String,
        /// What it can't: `weights` or `cohorts`.
        ability: &'static str,
    },
    /// A region would not end at 100 % of the new release.
    #[error("region {region} would end at {weight} of the new release; end its last wave with weight 100%")]
    NotWhole {
        /// The region.
        region: RegionId,
        /// Where it would end.
        weight: Weight,
    },
    /// A later wave would lower a region's weight.
    #[error("wave {wave} would lower the weight of region {region}; weights only rise over the waves")]
    WeightFalls {
        /// The region.
        region: RegionId,
        /// The later wave.
        wave: String,
    },
    /// Votes are counted by traffic, and some regions say what theirs is and this one does not.
    #[error("region {region} declares no traffic share and others do; declare one for every region, or for none")]
    ShareMissing {
        /// The region.
        region: RegionId,
    },
    /// The timetable is told by the regions' clocks, and this region does not say which it has.
    #[error(
        "region {region} declares no time zone and a window or freeze is told by it; give it the label `time-zone`"
    )]
    ZoneMissing {
        /// The region.
        region: RegionId,
    },
    /// No clock is told by what the region declares. Found by those who know the zones.
    #[error("region {region}: time zone {zone} is not known; label it with an IANA name, e.g. time-zone=Europe/Berlin")]
    ZoneUnknown {
        /// The region.
        region: RegionId,
        /// What it declares.
        zone: String,
    },
    /// A wave begins where there is the least traffic, and this region does not say how much it has.
    #[error(
        "wave {wave} goes by traffic and region {region} declares no share; declare one, or write `order: selected`"
    )]
    OrderUnknown {
        /// The wave.
        wave: String,
        /// The region.
        region: RegionId,
    },
    /// A part of a wave would have the name of another wave, or none that is allowed.
    #[error("a part of wave {wave} would be called {part}, which is taken or too long; give the wave another name")]
    PartName {
        /// The wave.
        wave: String,
        /// What its part would be called.
        part: String,
    },
    /// More waves than [`WAVES_MAX`], parts counted.
    #[error("the plan would have {0} waves, at most {WAVES_MAX} are allowed; let the parts grow faster")]
    TooManyWaves(usize),
    /// The digest must not start again.
    #[error("{service} {release} is vetoed {veto}; `meridian release unveto {service} {release}` lifts that")]
    Vetoed {
        /// Whose.
        service: ServiceId,
        /// The release.
        release: ReleaseRef,
        /// Why.
        veto: Veto,
    },
    /// The release needs another one everywhere first.
    #[error(
        "release {version} prepares on {needs}, and {is} is stable in region {region}; roll {needs} out there first"
    )]
    NotPrepared {
        /// The new release.
        version: Version,
        /// What must be there.
        needs: Version,
        /// Where it is not.
        region: RegionId,
        /// What is.
        is: Version,
    },
    /// It would jump back over a two-phase pair.
    #[error("region {region} serves {from}, which prepares on {over}; {to} is before both: go back to {over} first")]
    JumpsBack {
        /// Where.
        region: RegionId,
        /// What serves there.
        from: Version,
        /// What prepared it.
        over: Version,
        /// The release that is older than both.
        to: Version,
    },
}

impl PlanRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownRegion { .. } => "UNKNOWN_REGION",
            Self::EmptyWave { .. } => "EMPTY_WAVE",
            Self::TooManyRegions(_) => "TOO_MANY_REGIONS",
            Self::Cordoned { .. } => "REGION_CORDONED",
            Self::Draining { .. } => "REGION_DRAINING",
            Self::NoSafety { .. } => "NO_SAFETY_POLICY",
            Self::NoQueries { .. } => "NO_QUERIES",
            Self::NoLoad { .. } => "NO_LOAD",
            Self::NoParameters { .. } => "NO_PARAMETERS",
            Self::ParametersTooLarge(_) => "PARAMETERS_TOO_LARGE",
            Self::LaneHeld { .. } => "LANE_HELD",
            Self::Supersede(refused) => refused.code(),
            Self::HotfixNotDeclared { .. } => "HOTFIX_NOT_DECLARED",
            Self::NothingToDo { .. } => "NOTHING_TO_DO",
            Self::CannotDo { .. } => "DRIVER_CANNOT_DO",
            Self::NotWhole { .. } => "REGION_NOT_WHOLE",
            Self::WeightFalls { .. } => "WEIGHT_FALLS",
            Self::ShareMissing { .. } => "TRAFFIC_SHARE_MISSING",
            Self::ZoneMissing { .. } => "TIME_ZONE_MISSING",
            Self::ZoneUnknown { .. } => "TIME_ZONE_UNKNOWN",
            Self::OrderUnknown { .. } => "TRAFFIC_SHARE_MISSING",
            Self::PartName { .. } => "WAVE_NAME_TAKEN",
            Self::TooManyWaves(_) => "TOO_MANY_WAVES",
            Self::Vetoed { .. } => "DIGEST_VETOED",
            Self::NotPrepared { .. } => "NOT_PREPARED",
            Self::JumpsBack { .. } => "JUMPS_BACK",
        }
    }
}
