//! Who owns what: which shards of services a replica takes and which it gives up, from what it sees of the others. It
//! decides for liveness only; that nobody acts on a shard that is no longer theirs is the store's compare to see to.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::id::{ReplicaId, ServiceId};

/// Shards in an installation: enough for the largest number of replicas that anybody runs to share out evenly, few enough
/// that each is a key of its own.
pub const SHARDS: u8 = 16;

/// A part of all services; a service is in the same one for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The shard of this number, if there is one.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < SHARDS { Some(Self(number)) } else { None }
    }

    /// The shard that a service is in.
    #[must_use]
    pub fn of(service: &ServiceId) -> Self {
        let [first, ..] = *Digest::of(service.as_str().as_bytes()).as_bytes();
        Self(first % SHARDS)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }
}

/// What one replica sees of all.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Standing {
    /// The one that decides.
    pub me: ReplicaId,
    /// Replicas that are there.
    pub members: BTreeSet<ReplicaId>,
    /// Who holds which shard; a shard that is missing is free.
    pub owners: BTreeMap<Shard, ReplicaId>,
    /// Shards that were free for longer than anybody whose share they are needs to take them. Whoever sees one takes it,
    /// share or not, and keeps it until the members change.
    pub orphans: BTreeSet<Shard>,
}

/// What a replica does next.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Moves {
    /// Free shards to take.
    pub take: BTreeSet<Shard>,
    /// Own shards to give up.
    pub give: BTreeSet<Shard>,
}

impl Standing {
    /// The number of shards that this replica should hold. All shares together are all shards.
    ///
    /// A replica that is not among the members has no share: it is about to go, or is not there yet.
    #[must_use]
    pub fn share(&self) -> usize {
        let (all, members) = (usize::from(SHARDS), self.members.len());
        let Some(rank) = self.rank() else { return 0 };
        // The first ones take what does not divide.
        all / members + usize::from(rank < all % members)
    }

    /// Which shards to take and which to give up.
    #[must_use]
    pub fn moves(&self) -> Moves {
        let mine = self.owners.iter().filter(|(_, owner)| **owner == self.me).map(|(shard, _)| *shard);
        let mine: Vec<Shard> = mine.collect();
        let share = self.share();
        let counted: Vec<Shard> = mine.iter().copied().filter(|shard| !self.orphans.contains(shard)).collect();
        if counted.len() > share {
            let give = counted.into_iter().skip(share).collect();
            return Moves { give, take: BTreeSet::new() };
        }
        let Some(rank) = self.rank() else { return Moves::default() };
        let free: Vec<Shard> = Shard::all().filter(|shard| !self.owners.contains_key(shard)).collect();
        // Everybody begins elsewhere, so that those who start together do not reach for the same ones.
        let (all, members) = (usize::from(SHARDS), self.members.len());
        let before = rank * (all / members) + rank.min(all % members);
        let begin = before * free.len() / all;
        let in_turn = free.iter().cycle().skip(begin).take(free.len()).copied();
        let wanted = in_turn.take(share - counted.len());
        let take: BTreeSet<Shard> = wanted.chain(free.iter().copied().filter(|s| self.orphans.contains(s))).collect();
        debug_assert!(take.iter().all(|shard| !self.owners.contains_key(shard)), "only what is free is taken");
        Moves { take, give: BTreeSet::new() }
    }

    fn rank(&self) -> Option<usize> {
        self.members.iter().position(|member| *member == self.me)
    }
}

#[cfg(test)]
mod tests;
