//! Whose turn it is: strictly in order over lanes that two requests share, and side by side over others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Queue, Request};
use crate::digest::Digest;
use crate::id::{RegionId, RolloutId};
use crate::lane::LaneState;
use crate::planted;
use crate::rollout::gates::stops::Said;
use crate::rollout::veto::{Veto, Vetoes};

/// What a request needs, as the catalog is now.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Need {
    /// These lanes, for this digest.
    Lanes(BTreeSet<RegionId>, Digest),
    /// Something it is made of is no longer there.
    Gone {
        /// The stable code.
        code: &'static str,
        /// In words.
        words: String,
    },
}

/// All that a queue is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// What each waiting request needs; of one that is left out nothing is known, and it waits.
    pub needs: &'a BTreeMap<RolloutId, Need>,
    /// The lanes of the service.
    pub lanes: &'a BTreeMap<RegionId, LaneState>,
    /// What must not start.
    pub vetoes: &'a Vetoes,
}

/// What a request waits for.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Wait {
    /// A rollout holds lanes that it needs.
    LanesHeld {
        /// Which.
        rollout: RolloutId,
        /// Where.
        regions: BTreeSet<RegionId>,
    },
    /// Another request was first.
    Behind(RolloutId),
    /// After a rollback nothing starts by itself.
    AutomationHeld(Veto),
    /// The queue itself is held.
    QueueHeld(Said),
    /// What it needs can't be told now.
    Unknown,
}

/// What becomes of a request now.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Turn {
    /// It is planned and started.
    Start,
    /// It waits; never for nothing.
    Wait(Vec<Wait>),
    /// It never can start, and is taken out.
    Leave {
        /// The stable code.
        code: &'static str,
        /// In words.
        words: String,
    },
}

impl Wait {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LanesHeld { .. } => "LANE_HELD",
            Self::Behind(_) => "QUEUE_AHEAD",
            Self::AutomationHeld(_) => "AUTOMATION_HELD",
            Self::QueueHeld(_) => "QUEUE_HELD",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The rollout or request that it is for, if it is for one.
    #[must_use]
    pub fn rollout(&self) -> Option<&RolloutId> {
        match self {
            Self::LanesHeld { rollout, .. } | Self::Behind(rollout) => Some(rollout),
            Self::AutomationHeld(veto) => veto.rollout.as_ref(),
            Self::QueueHeld(_) | Self::Unknown => None,
        }
    }
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LanesHeld { rollout, regions } => {
                let first = regions.first().map_or("", |region| region.as_str());
                match regions.len().saturating_sub(1) {
                    0 => write!(f, "rollout {rollout} holds {first}"),
                    more => write!(f, "rollout {rollout} holds {first} and {more} more"),
                }
            }
            Self::Behind(request) => write!(f, "request {request} needs the same lanes and was first"),
            Self::AutomationHeld(veto) => write!(f, "automation is held {veto}"),
            Self::QueueHeld(Said { actor, reason, at: _ }) => write!(f, "the queue is held by {actor}: {reason}"),
            Self::Unknown => f.write_str("what it needs can't be told now"),
        }
    }
}

impl Queue {
    /// What becomes of each waiting request, in their order.
    #[must_use]
    pub fn turns(&self, sight: Sight<'_>) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::with_capacity(self.waiting.len());
        for request in &self.waiting {
            let turn = match sight.needs.get(&request.rollout) {
                None => Turn::Wait(vec![Wait::Unknown]),
                Some(Need::Gone { code, words }) => Turn::Leave { code, words: words.clone() },
                Some(Need::Lanes(regions, digest)) => {
                    let earlier = self.waiting.iter().zip(&turns);
                    let before = earlier.filter(|(_, turn)| !matches!(turn, Turn::Leave { .. }));
                    let before = before.map(|(request, _)| request).find(|before| overlaps(before, regions, sight));
                    self.turn(regions, *digest, before, sight)
                }
            };
            turns.push(turn);
        }
        turns
    }

    fn turn(&self, regions: &BTreeSet<RegionId>, digest: Digest, before: Option<&Request>, sight: Sight<'_>) -> Turn {
        if let Some(veto) = sight.vetoes.digests.get(&digest) {
            return Turn::Leave { code: "DIGEST_VETOED", words: format!("its release is vetoed {veto}") };
        }
        let mut waits: Vec<Wait> = self.hold.clone().map(Wait::QueueHeld).into_iter().collect();
        waits.extend(sight.vetoes.hold.clone().map(Wait::AutomationHeld));
        let mut holders: BTreeMap<RolloutId, BTreeSet<RegionId>> = BTreeMap::new();
        for region in regions {
            if let Some(holder) = sight.lanes.get(region).and_then(LaneState::holder) {
                holders.entry(holder.clone()).or_default().insert(region.clone());
            }
        }
        waits.extend(holders.into_iter().map(|(rollout, regions)| Wait::LanesHeld { rollout, regions }));
        waits.extend(before.map(|request| Wait::Behind(request.rollout.clone())));
        if waits.is_empty() { Turn::Start } else { Turn::Wait(waits) }
    }

    /// The first waiting request that needs one of these lanes: whoever did not wait goes behind it.
    #[must_use]
    pub fn ahead(&self, regions: &BTreeSet<RegionId>, sight: Sight<'_>) -> Option<&Request> {
        let turns = self.turns(sight);
        let waiting = self.waiting.iter().zip(turns).filter(|(_, turn)| !matches!(turn, Turn::Leave { .. }));
        let ahead = waiting.map(|(request, _)| request).find(|request| overlaps(request, regions, sight));
        ahead.filter(|_| !planted::is("queue-overtaken"))
    }
}

/// Whether a request needs one of these lanes, or may: of one that nothing is known of anything may be needed.
fn overlaps(request: &Request, regions: &BTreeSet<RegionId>, sight: Sight<'_>) -> bool {
    match sight.needs.get(&request.rollout) {
        None => true,
        Some(Need::Lanes(needed, _)) => !needed.is_disjoint(regions),
        Some(Need::Gone { .. }) => false,
    }
}
