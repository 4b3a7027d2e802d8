//! Sets: releases of several services that are launched together. All of them end stable, or none does; what follows from
//! that for one rollout is pinned by its plan. Who ends them together is [`crate::rollout::together`].

use std::collections::{BTreeMap, BTreeSet};

use super::spec::Plan;
use crate::canon::{Canon, Canonical};
use crate::digest::Digest;
use crate::id::{InvalidName, RolloutId, ServiceId, SetId};

/// The most members of a set: what begins and ends together has to fit into one transaction.
pub const MEMBERS_MAX: usize = 8;

/// What a plan says of the set that its rollout is a member of.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SetPlan {
    /// Which set.
    pub id: SetId,
    /// The rollouts of all other members.
    pub others: BTreeMap<ServiceId, RolloutId>,
    /// Members that have to be switched before this one begins; each is one of the others.
    pub after: BTreeSet<ServiceId>,
}

/// Why services can't be launched as a set.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum SetRefused {
    /// One service is no set.
    #[error("a set has 2 to {MEMBERS_MAX} members, this one has {0}")]
    Size(usize),
    /// A member follows what is not in the set.
    #[error("{member} comes after {after}, which is not a member of the set; add it or leave it out")]
    NoMember {
        /// Who follows.
        member: ServiceId,
        /// Whom.
        after: ServiceId,
    },
    /// Each waits for the next one.
    #[error("{} wait for each other; leave one of these orders out", ring(.0))]
    Cycle(Vec<ServiceId>),
    /// A rollout of it would have no name.
    #[error("the rollout of {member} would be called {name}: {why}; give the set a shorter name")]
    Name {
        /// Whose.
        member: ServiceId,
        /// What it would be called.
        name: String,
        /// What is wrong with that.
        why: InvalidName,
    },
}

fn ring(members: &[ServiceId]) -> String {
    let names: Vec<&str> = members.iter().chain(members.first()).map(ServiceId::as_str).collect();
    names.join(" after ")
}

impl SetRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Size(_) => "SET_SIZE",
            Self::NoMember { .. } => "NOT_A_MEMBER",
            Self::Cycle(_) => "SET_CYCLE",
            Self::Name { .. } => "SET_NAME_TOO_LONG",
        }
    }
}

/// What the plan of each member has to say, and what its rollout is called, from who comes after whom.
///
/// # Errors
/// The first thing that is wrong.
pub fn arrange(
    id: &SetId,
    members: &BTreeMap<ServiceId, BTreeSet<ServiceId>>,
) -> Result<BTreeMap<ServiceId, (RolloutId, SetPlan)>, SetRefused> {
    if !(2..=MEMBERS_MAX).contains(&members.len()) {
        return Err(SetRefused::Size(members.len()));
    }
    let strangers = |(member, after): (&ServiceId, &BTreeSet<ServiceId>)| {
        let stranger = after.iter().find(|service| !members.contains_key(*service))?.clone();
        Some(SetRefused::NoMember { member: member.clone(), after: stranger })
    };
    if let Some(refused) = members.iter().find_map(strangers) {
        return Err(refused);
    }
    if let Some(ring) = cycle(members) {
        return Err(SetRefused::Cycle(ring));
    }
    let named = |member: &ServiceId| {
        let name = format!("{id}-{member}");
        let rollout = RolloutId::new(name.clone());
        let rollout = rollout.map_err(|why| SetRefused::Name { member: member.clone(), name, why })?;
        Ok((member.clone(), rollout))
    };
    let rollouts = members.keys().map(named).collect::<Result<BTreeMap<ServiceId, RolloutId>, SetRefused>>()?;
    let planned = |(member, after): (&ServiceId, &BTreeSet<ServiceId>)| {
        let others = rollouts.iter().filter(|(service, _)| *service != member);
        let others = others.map(|(service, rollout)| (service.clone(), rollout.clone())).collect();
        let set = SetPlan { id: id.clone(), others, after: after.clone() };
        (member.clone(), (rollouts[member].clone(), set))
    };
    Ok(members.iter().map(planned).collect())
}

/// The digest of the plans of all members, in the order of their services: what was reviewed is what is started.
#[must_use]
pub fn digest<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Digest {
    let mut canon = Canon::default();
    canon.text("meridian.set.v1");
    for plan in plans {
        canon.value(&plan.hash());
    }
    canon.finish()
}

/// A ring of members of which each comes after the next one. Whoever has nobody left before it is taken out, until nobody is
/// left or only those that wait for each other (Kahn, 1962).
fn cycle(members: &BTreeMap<ServiceId, BTreeSet<ServiceId>>) -> Option<Vec<ServiceId>> {
    let mut left = members.clone();
    loop {
        let free: Vec<ServiceId> =
            left.iter().filter(|(_, after)| after.is_empty()).map(|(member, _)| member.clone()).collect();
        if free.is_empty() {
            break;
        }
        for member in &free {
            left.remove(member);
        }
        for after in left.values_mut() {
            after.retain(|service| !free.contains(service));
        }
    }
    let mut ring = vec![left.keys().next()?.clone()];
    loop {
        let last = ring.last().expect("a ring has a first member");
        let next = left[last].first().expect("who is left waits for somebody who is left").clone();
        if let Some(begin) = ring.iter().position(|member| *member == next) {
            return Some(ring.split_off(begin));
        }
        ring.push(next);
    }
}

impl Canonical for SetPlan {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.id.as_str()).number(self.others.len() as u64);
        for (service, rollout) in &self.others {
            canon.text(service.as_str()).text(rollout.as_str());
        }
        canon.number(self.after.len() as u64);
        for service in &self.after {
            canon.text(service.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(names: &[&str]) -> BTreeSet<ServiceId> {
        names.iter().map(|name| ServiceId::new(*name).expect("a test's name")).collect()
    }

    fn arranged(members: &[(&str, &[&str])]) -> Result<BTreeMap<ServiceId, (RolloutId, SetPlan)>, SetRefused> {
        let member = |(name, after): &(&str, &[&str])| (ServiceId::new(*name).expect("a test's name"), services(after));
        arrange(&SetId::new("autumn").expect("a test's name"), &members.iter().map(member).collect())
    }

    #[test]
    fn each_member_knows_the_others_and_whom_it_follows() {
        let all = arranged(&[("pay", &[]), ("shop", &["pay"]), ("web", &["pay", "shop"])]).expect("a sound set");
        let (rollout, web) = &all[&ServiceId::new("web").expect("a test's name")];
        assert_eq!(rollout.as_str(), "autumn-web");
        assert_eq!(web.after, services(&["pay", "shop"]));
        let others: Vec<&str> = web.others.values().map(RolloutId::as_str).collect();
        assert_eq!(others, ["autumn-pay", "autumn-shop"]);
    }

    #[test]
    fn what_is_no_set_is_refused_with_what_is_wrong() {
        let long = "x".repeat(60);
        let nine: Vec<String> = (0..9).map(|n| format!("s{n}")).collect();
        let nine: Vec<(&str, &[&str])> = nine.iter().map(|name| (name.as_str(), &[] as &[&str])).collect();
        type Wanted<'a> = (&'a str, &'a [&'a str]);
        let table: [(&[Wanted<'_>], &str, &str); 6] = [
            (&[("pay", &[])], "SET_SIZE", "this one has 1"),
            (&nine, "SET_SIZE", "this one has 9"),
            (&[("pay", &["mail"]), ("shop", &[])], "NOT_A_MEMBER", "pay comes after mail"),
            (&[("pay", &["pay"]), ("shop", &[])], "SET_CYCLE", "pay after pay wait"),
            (
                &[("a", &["b"]), ("pay", &["web"]), ("b", &["pay"]), ("web", &["pay"])],
                "SET_CYCLE",
                "pay after web after pay wait",
            ),
            (&[(&long, &[]), ("shop", &[])], "SET_NAME_TOO_LONG", "give the set a shorter name"),
        ];
        for (members, code, words) in table {
            let refused = arranged(members).expect_err("no set");
            assert_eq!(refused.code(), code, "{refused}");
            assert!(refused.to_string().contains(words), "{refused}");
        }
    }
}
