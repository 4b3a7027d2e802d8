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
mod tests {
    use super::*;

    fn id(name: &str) -> ReplicaId {
        ReplicaId::new(name).unwrap()
    }

    fn standing(me: &str, members: &[&str], owned: &[(&str, u8)]) -> Standing {
        let mut owners = BTreeMap::new();
        let mut shards = Shard::all();
        for (owner, count) in owned {
            owners.extend(shards.by_ref().take(usize::from(*count)).map(|shard| (shard, id(owner))));
        }
        let members = members.iter().map(|member| id(member)).collect();
        Standing { me: id(me), members, owners, orphans: BTreeSet::new() }
    }

    #[test]
    fn shares_are_taken_and_what_is_above_them_is_given_up() {
        // (me, members, who owns how many, taken, given)
        type Row<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, u8)], usize, usize);
        let table: [Row<'_>; 12] = [
            ("a", &["a"], &[], 16, 0),
            ("a", &["a"], &[("a", 16)], 0, 0),
            ("a", &["a", "b"], &[("a", 16)], 0, 8),
            ("b", &["a", "b"], &[("a", 16)], 0, 0),
            ("b", &["a", "b"], &[("a", 8)], 8, 0),
            ("a", &["a", "b", "c"], &[("a", 8), ("b", 8)], 0, 2),
            ("c", &["a", "b", "c"], &[("a", 6), ("b", 5)], 5, 0),
            // One has gone, and its shards with it.
            ("b", &["b", "c"], &[("b", 5), ("c", 5)], 3, 0),
            // Not there, or about to go: nothing is taken, everything is given up.
            ("a", &["b"], &[("a", 3)], 0, 3),
            ("a", &["b"], &[], 0, 0),
            ("e", &["a", "b", "c", "d", "e"], &[], 3, 0),
            ("a", &["a", "b", "c", "d", "e"], &[], 4, 0),
        ];
        for (me, members, owned, take, give) in table {
            let moves = standing(me, members, owned).moves();
            assert_eq!((moves.take.len(), moves.give.len()), (take, give), "{me} of {members:?} with {owned:?}");
        }
    }

    #[test]
    fn shares_are_all_shards_whoever_is_there() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"];
        for count in 1..=names.len() {
            let members = &names[..count];
            let shares: usize = members.iter().map(|me| standing(me, members, &[]).share()).sum();
            assert_eq!(shares, usize::from(SHARDS), "{count} members");
        }
    }

    #[test]
    fn those_who_start_together_reach_for_different_ones() {
        let members = ["a", "b", "c"];
        let mut taken = BTreeSet::new();
        for me in members {
            let moves = standing(me, &members, &[]).moves();
            assert!(moves.take.iter().all(|shard| taken.insert(*shard)), "{me} reaches for another's: {moves:?}");
        }
        assert_eq!(taken.len(), usize::from(SHARDS));
    }

    #[test]
    fn moves_come_to_rest_whatever_order_they_are_made_in() {
        let members = ["a", "b", "c"];
        let mut owners: BTreeMap<Shard, ReplicaId> = Shard::all().map(|shard| (shard, id("a"))).collect();
        for turn in 0..20 {
            let me = id(members[turn % 3]);
            let all = members.iter().map(|member| id(member)).collect();
            let moves =
                Standing { me: me.clone(), members: all, owners: owners.clone(), orphans: BTreeSet::new() }.moves();
            moves.give.iter().for_each(|shard| assert_eq!(owners.remove(shard), Some(me.clone())));
            moves.take.iter().for_each(|shard| assert_eq!(owners.insert(*shard, me.clone()), None));
        }
        let held = |name: &str| owners.values().filter(|owner| **owner == id(name)).count();
        assert_eq!([held("a"), held("b"), held("c")], [6, 5, 5]);
    }

    #[test]
    fn an_orphan_is_taken_above_the_share_and_kept() {
        let mut seen = standing("a", &["a", "b"], &[("a", 8)]);
        assert_eq!(seen.moves(), Moves::default());
        seen.orphans = BTreeSet::from([Shard(15)]);
        let taken = seen.moves();
        assert_eq!(taken.take, BTreeSet::from([Shard(15)]));
        seen.owners.insert(Shard(15), id("a"));
        assert_eq!(seen.moves(), Moves::default());
        seen.orphans.clear();
        assert_eq!(seen.moves().give.len(), 1);
    }

    #[test]
    fn services_stay_in_their_shard_and_all_shards_are_used() {
        let shards: BTreeSet<Shard> =
            (0..200).map(|n| Shard::of(&ServiceId::new(format!("service-{n}")).unwrap())).collect();
        assert_eq!(shards.len(), usize::from(SHARDS));
        assert_eq!(Shard::of(&ServiceId::new("checkout").unwrap()).number(), 7);
        assert_eq!(Shard::new(SHARDS), None);
    }
}
