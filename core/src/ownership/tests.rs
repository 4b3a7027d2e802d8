//! Shares, turns and orphans.

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
        let moves = Standing { me: me.clone(), members: all, owners: owners.clone(), orphans: BTreeSet::new() }.moves();
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
