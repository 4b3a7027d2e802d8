//! What may happen next, one thing at a time: everything that a network, a disk, a clock, a lease, a crash or a person
//! can do. What it leads to is `turn`'s business.

use meridian_core::slot::Slot;

use crate::flaw::Flaw;
use crate::fleet::Fleet;
use crate::state::{Kept, REGIONS_MAX, Region, Server, State, WINDOW};

/// One thing that happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// To a server and what it has under way.
    Server(usize, Service),
    /// To a server's lease.
    Lease(usize, Tenure),
    /// To a region or its line.
    Region(usize, Local),
    /// The transaction of a server that is gone arrives.
    Land,
    /// All limits pass.
    Tick,
    /// The store is restored from a backup of an older record.
    Restore(Version),
}

/// A record by how many came after it.
pub type Version = usize;

/// What happens to a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// It opens a rollout; people may start two at once.
    Open(u8),
    /// It looks: the owner goes forward, the others guard.
    Look(Sighted),
    /// It looks at a record that is not the latest any more.
    LookBack(Version),
    /// A person gives an order through it; it may have read an older record.
    Order(OrderKind, Version),
    /// The store takes its transaction, or refuses it.
    Commit,
    /// The answer is lost; the transaction was applied, or was not.
    CommitLost { applied: bool },
    /// It does not know, reads, and sends again if it must.
    Resolve,
    /// The process ends and comes back; its transaction may still be under way.
    Crash { late: bool },
    /// It writes the audit entry it owes.
    WriteAudit,
}

/// What happens to a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tenure {
    /// The server takes the free shard.
    Acquire,
    /// Keepalives go unanswered until the server's own deadline.
    Age,
    /// The lease runs out, and the owner key with it.
    Expire,
    /// The store loses the lease before its time.
    Rob,
}

/// What happens to a region or its line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Local {
    /// The agent gets the goal of a record, be it an old one; past the window: one that was never committed.
    Deliver(Version),
    /// Something happens in the region.
    Do(Deed),
    /// A report stays under way, and comes when it wants.
    Keep,
    /// The agent opens a new session.
    Reconnect,
    /// Nothing gets through any more.
    Cut,
    /// Everything gets through again.
    Mend,
}

/// What a server sees of each region.
pub type Sighted = [Glance; REGIONS_MAX];

/// What a server sees of one region.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Glance {
    /// It has heard nothing since it started.
    Nothing,
    /// The session has ended.
    Lost,
    /// The region as it is.
    Fresh,
    /// A report from before.
    Kept,
}

/// Orders that people give.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum OrderKind {
    /// Hold it.
    Pause,
    /// Let it go on.
    Resume,
    /// Take everything back.
    Rollback,
    /// Take the first region back.
    RollbackPart,
    /// Give it up.
    Abandon,
}

/// What can happen in a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Deed {
    /// Memory goes to disk, where it did not at once. No sound agent needs it.
    Persist,
    /// One pass: the next actions, or the confirmation.
    Act,
    /// The same, the actions in the other order.
    ActBackwards,
    /// A pass that ends after its first action.
    ActHalf,
    /// What is on its way up or down arrives.
    Arrive,
    /// The agent ends and comes back.
    Crash,
    /// What runs in a slot comes down.
    Fall(Slot),
    /// The new release fails from now on.
    Sour,
    /// Too little traffic to judge.
    Hush,
}

impl Action {
    /// Whether something goes wrong, which is bounded.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Server(_, service) => match service {
                Service::LookBack(_) | Service::CommitLost { .. } | Service::Crash { .. } => true,
                Service::Order(_, version) => *version > 0,
                Service::Open(_) | Service::Look(_) | Service::Commit | Service::Resolve | Service::WriteAudit => false,
            },
            Self::Lease(_, Tenure::Age | Tenure::Rob) => true,
            Self::Region(_, Local::Keep | Local::Reconnect | Local::Cut) => true,
            Self::Region(_, Local::Do(deed)) => match deed {
                Deed::ActHalf | Deed::Crash | Deed::Fall(_) | Deed::Sour | Deed::Hush => true,
                Deed::Persist | Deed::Act | Deed::ActBackwards | Deed::Arrive => false,
            },
            Self::Restore(_) => true,
            Self::Lease(_, Tenure::Acquire | Tenure::Expire) | Self::Land | Self::Tick => false,
            Self::Region(_, Local::Deliver(_) | Local::Mend) => false,
        }
    }
}

const ORDERS: [OrderKind; 5] =
    [OrderKind::Rollback, OrderKind::Pause, OrderKind::Resume, OrderKind::RollbackPart, OrderKind::Abandon];

/// Lists what may happen in a state.
pub fn list(fleet: &Fleet, flaw: Option<Flaw>, state: &State, actions: &mut Vec<Action>) {
    for server in 0..fleet.servers {
        // Of two servers in the same state one is enough.
        if server == 0 || state.servers[server] != state.servers[server - 1] {
            of_server(fleet, flaw, state, server, |service| actions.push(Action::Server(server, service)));
            of_lease(state, state.servers[server], |tenure| actions.push(Action::Lease(server, tenure)));
        }
    }
    if state.late.is_some() {
        actions.push(Action::Land);
    }
    for region in 0..fleet.regions {
        of_region(state.regions[region], |local| actions.push(Action::Region(region, local)));
    }
    if state.ticks < fleet.ticks && !state.current().is_none() {
        actions.push(Action::Tick);
    }
    if state.restored < fleet.restores {
        let old = (1..WINDOW).filter(|version| !state.past[*version].is_none());
        actions.extend(old.map(Action::Restore));
    }
    if state.faults >= fleet.faults {
        actions.retain(|action| !action.is_fault());
    }
}

fn of_server(fleet: &Fleet, flaw: Option<Flaw>, state: &State, server: usize, mut may: impl FnMut(Service)) {
    let it = state.servers[server];
    if !it.owes.is_none() {
        may(Service::WriteAudit);
    }
    if it.unsure {
        may(Service::Resolve);
    } else if it.txn.is_some() {
        may(Service::Commit);
        [true, false].into_iter().for_each(|applied| may(Service::CommitLost { applied }));
    } else if state.current().is_none() {
        [0, 1].into_iter().for_each(|name| may(Service::Open(name)));
    } else {
        of_idle(fleet, flaw, state, &mut may);
    }
    if it != Server::default() {
        may(Service::Crash { late: false });
        if it.txn.is_some() && state.late.is_none() {
            may(Service::Crash { late: true });
        }
    }
}

fn of_idle(fleet: &Fleet, flaw: Option<Flaw>, state: &State, may: &mut impl FnMut(Service)) {
    glances(fleet, flaw, state, |seen| may(Service::Look(seen)));
    for version in (0..WINDOW).filter(|version| !state.past[*version].is_none()) {
        if version > 0 {
            may(Service::LookBack(version));
        }
        if state.orders < fleet.orders {
            ORDERS.into_iter().for_each(|order| may(Service::Order(order, version)));
        }
    }
}

fn of_lease(state: &State, it: Server, mut may: impl FnMut(Tenure)) {
    if state.owner == 0 && it.token == 0 && !it.owns {
        may(Tenure::Acquire);
    }
    if it.token > 0 && !it.aged {
        may(Tenure::Age);
    }
    if it.owns {
        may(if it.aged { Tenure::Expire } else { Tenure::Rob });
    }
}

/// Every combination of what a server can see of the regions.
fn glances(fleet: &Fleet, flaw: Option<Flaw>, state: &State, mut take: impl FnMut(Sighted)) {
    let mut seen = [Glance::Nothing; REGIONS_MAX];
    let choices = state.regions.map(|region| glance(flaw, region));
    let choices = &choices[..fleet.regions];
    let combinations: usize = choices.iter().map(|(_, count)| count).product();
    for mut number in 0..combinations {
        for (one, (choice, count)) in seen.iter_mut().zip(choices) {
            *one = choice[number % count];
            number /= count;
        }
        take(seen);
    }
}

/// What a server can see of a region, and how many of the places are filled.
fn glance(flaw: Option<Flaw>, region: Region) -> ([Glance; 3], usize) {
    // A report of an older session is refused by the key of the newest.
    let counts = |kept: Kept| !kept.superseded || flaw == Some(Flaw::OldSessionCounts);
    let kept = usize::from(region.kept.is_some_and(counts));
    if region.lost {
        ([Glance::Lost, Glance::Kept, Glance::Nothing], 1 + kept)
    } else {
        ([Glance::Nothing, Glance::Fresh, Glance::Kept], 2 + kept)
    }
}

fn of_region(it: Region, mut may: impl FnMut(Local)) {
    if it.lost {
        may(Local::Mend);
    } else {
        (0..=WINDOW).for_each(|version| may(Local::Deliver(version)));
        may(Local::Keep);
        may(Local::Cut);
        if it.kept.is_some() {
            may(Local::Reconnect);
        }
    }
    let deeds = [Deed::Persist, Deed::Act, Deed::ActBackwards, Deed::ActHalf, Deed::Arrive, Deed::Crash];
    deeds.into_iter().for_each(|deed| may(Local::Do(deed)));
    Slot::BOTH.into_iter().for_each(|slot| may(Local::Do(Deed::Fall(slot))));
    [Deed::Sour, Deed::Hush].into_iter().for_each(|deed| may(Local::Do(deed)));
}
