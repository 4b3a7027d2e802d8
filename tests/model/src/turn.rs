//! What an action leads to: the glue between the rules, which production has in its shells. The store compares, servers
//! commit before they speak, agents remember before they act. Nothing is decided here.

use stateright::{Model, Property};

use crate::action::{Action, Glance, Local, Service, Sighted, Tenure, Version, list};
use crate::flaw::Flaw;
use crate::fleet::Fleet;
use crate::intern::Id;
use crate::properties;
use crate::rules::{Decided, Done, Known, Look, Ordered, Rules};
use crate::state::{Kept, REGIONS_MAX, RecordId, Region, SERVERS_MAX, Server, State, Txn, WINDOW};
use crate::store::audit;

/// No server's token.
const NOBODY: u8 = u8::MAX;

/// The fleet with its rules, as the checker walks it.
pub struct Turns {
    pub(crate) rules: Rules,
    pub(crate) fleet: Fleet,
    /// Only the first break of a run is reported: it has the shortest trace.
    pub(crate) reported: std::sync::atomic::AtomicBool,
}

impl Turns {
    /// The shipped rules over a fleet, or with one bug planted.
    #[must_use]
    pub fn new(fleet: Fleet, flaw: Option<Flaw>) -> Self {
        Self { rules: Rules::new(fleet, flaw), fleet, reported: false.into() }
    }

    fn look(&self, s: &mut State, server: usize, version: Version, seen: Sighted) -> bool {
        let owns = s.servers[server].token > 0;
        let before = s.past[version];
        let bent = self.rules.has(Flaw::StaleRecordDecides);
        let (head, base) = if bent { (s.current(), s.current()) } else { (before, before) };
        let known = self.known(s, seen);
        let decided = self.rules.look(Look { before, head, ticks: s.ticks, owns, stale: version > 0, known });
        let asks = decided.forward && !self.rules.has(Flaw::OwnerWithoutToken);
        let token = if asks { s.servers[server].token } else { 0 };
        let old = |region: &Region| region.kept.is_some_and(|kept| kept.superseded);
        let superseded = s.regions.iter().zip(seen).any(|(region, glance)| glance == Glance::Kept && old(region));
        if superseded && !decided.next.is_none() {
            s.broken |= self.rules.note_one("S22", || "a superseded session has decided".to_owned());
        }
        self.speak(s, decided.next);
        propose(s, server, base, decided, token)
    }

    fn order(&self, s: &mut State, server: usize, ordered: Ordered) -> bool {
        let decided = self.rules.order(ordered);
        // Anybody may stop it: no order asks who owns.
        let own = s.servers[server].token;
        let waits = self.rules.has(Flaw::RollbackWaitsForOwner);
        let token = if waits { if own > 0 { own } else { NOBODY } } else { 0 };
        self.speak(s, decided.next);
        propose(s, server, ordered.before, decided, token)
    }

    /// What the regions show a server.
    pub(crate) fn known(&self, s: &State, seen: Sighted) -> [Known; REGIONS_MAX] {
        std::array::from_fn(|number| match seen[number] {
            Glance::Nothing => Known::Nothing,
            Glance::Lost => Known::Lost,
            Glance::Fresh => Known::Said(self.rules.report(s.regions[number].site)),
            Glance::Kept => s.regions[number].kept.map_or(Known::Nothing, |kept| Known::Said(kept.report)),
        })
    }

    fn speak(&self, s: &mut State, next: RecordId) {
        if self.rules.has(Flaw::SpeaksFirst) {
            s.spoken = next;
        }
    }

    fn acquire(&self, s: &mut State, server: usize) {
        if s.tokens == 0 || !self.rules.has(Flaw::TakeoverKeepsToken) {
            s.tokens += 1;
        }
        s.owner = s.tokens;
        let it = &mut s.servers[server];
        (it.owns, it.token, it.aged, it.robbed) = (true, s.tokens, false, false);
        // A server that was robbed of its key finds out when it looks; the others have stopped by their own clocks.
        let believers = s.servers.iter().filter(|it| it.token > 0 && !it.robbed).count();
        if believers > 1 {
            s.broken |= self.rules.note_one("S5", || "two servers go forward by unbroken leases".to_owned());
        }
    }

    fn lease(&self, s: &mut State, server: usize, tenure: Tenure) {
        match tenure {
            Tenure::Acquire => self.acquire(s, server),
            Tenure::Age => {
                let it = &mut s.servers[server];
                it.aged = it.owns;
                if !self.rules.has(Flaw::DeadlineIgnored) {
                    (it.token, it.robbed) = (0, false);
                }
            }
            Tenure::Expire => {
                s.owner = 0;
                (s.servers[server].owns, s.servers[server].aged) = (false, false);
            }
            Tenure::Rob => {
                s.owner = 0;
                let it = &mut s.servers[server];
                (it.owns, it.robbed) = (false, it.token > 0);
            }
        }
    }

    fn crash(&self, s: &mut State, server: usize, late: bool) {
        let it = &mut s.servers[server];
        if late {
            s.late = it.txn;
        }
        *it = Server { owns: it.owns, aged: it.owns, ..Server::default() };
    }

    fn deliver(&self, s: &mut State, number: usize, version: Version) -> bool {
        let record = if version < WINDOW { s.past[version] } else { s.spoken };
        if record.is_none() {
            return false;
        }
        let before = s.regions[number].site;
        let moved = settle(s, number, self.rules.take(before, self.rules.goal(record, number)));
        if moved && version == WINDOW && !s.has_committed(record) {
            s.broken |= self.rules.note_one("S4", || "an agent has taken what was never committed".to_owned());
        }
        moved
    }

    fn region(&self, s: &mut State, number: usize, local: Local) -> bool {
        match local {
            Local::Deliver(version) => return self.deliver(s, number, version),
            Local::Do(deed) => {
                let done = self.rules.deed(s.regions[number].site, deed);
                return settle(s, number, done);
            }
            Local::Keep => {
                let it = &mut s.regions[number];
                let kept = Some(Kept { report: self.rules.report(it.site), superseded: false });
                let news = it.kept != kept;
                it.kept = kept;
                return news;
            }
            Local::Reconnect => {
                // What nobody would take any more need not be remembered.
                let remembered = self.rules.has(Flaw::OldSessionCounts);
                let it = &mut s.regions[number];
                it.kept = it.kept.filter(|_| remembered).map(|kept| Kept { superseded: true, ..kept });
            }
            Local::Cut => s.regions[number].lost = true,
            Local::Mend => s.regions[number].lost = false,
        }
        true
    }

    fn restore(&self, s: &mut State, version: Version) {
        let (record, lanes, broken) = self.rules.restored(s.past[version]);
        s.restored += 1;
        s.broken |= broken;
        if !self.rules.has(Flaw::RestoreReissues) {
            s.broken |= self.rules.issue(s.past, record);
        }
        s.past.rotate_right(1);
        s.past[0] = record;
        s.committed += 1;
        s.lanes = lanes;
        audit(s, record);
        // The old store is gone with its leases and with what was on its way to it.
        (s.late, s.owner) = (None, 0);
        s.servers = [Server::default(); SERVERS_MAX];
    }

    fn server(&self, s: &mut State, server: usize, service: Service) -> bool {
        match service {
            Service::Open(name) => return propose(s, server, Id::NONE, self.rules.open(name), 0),
            Service::Look(seen) => return self.look(s, server, 0, seen),
            Service::LookBack(version) => return self.look(s, server, version, clear(s)),
            Service::Order(order, version) => {
                s.orders += 1;
                let lost = s.regions.map(|region| region.lost);
                let ordered = Ordered { before: s.past[version], order, ticks: s.ticks, lost };
                return self.order(s, server, ordered);
            }
            Service::Commit => self.commit(s, server),
            Service::CommitLost { applied } => {
                s.servers[server].unsure = true;
                if let Some(txn) = s.servers[server].txn.filter(|_| applied) {
                    self.store(s, txn, Some(server));
                }
            }
            Service::Resolve => self.resolve(s, server),
            Service::Crash { late } => self.crash(s, server, late),
            Service::WriteAudit => {
                let owed = std::mem::take(&mut s.servers[server].owes);
                audit(s, owed);
            }
        }
        true
    }
}

/// What a server with a clear view of everything sees.
pub(crate) fn clear(s: &State) -> Sighted {
    s.regions.map(|region| match region {
        Region { lost: true, .. } => Glance::Lost,
        Region { site, .. } if site.is_none() => Glance::Nothing,
        Region { .. } => Glance::Fresh,
    })
}

fn propose(s: &mut State, server: usize, base: RecordId, decided: Decided, token: u8) -> bool {
    let Decided { next, decision, forward, broken } = decided;
    s.broken |= broken;
    if !next.is_none() {
        s.servers[server].txn = Some(Txn { base, next, token, forward, decision });
    }
    !next.is_none() || broken != 0
}

fn settle(s: &mut State, number: usize, done: Done) -> bool {
    let moved = s.regions[number].site != done.site || done.broken != 0;
    s.regions[number].site = done.site;
    s.broken |= done.broken;
    moved
}

impl Model for Turns {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut regions = [Region::default(); REGIONS_MAX];
        for (number, region) in regions.iter_mut().enumerate().take(self.fleet.regions) {
            region.site = self.rules.first_site(number);
        }
        vec![State {
            past: [Id::NONE; WINDOW],
            committed: 0,
            audited: 0,
            audit_of: Id::NONE,
            lanes: self.rules.first_lanes(),
            owner: 0,
            tokens: 0,
            servers: [Server::default(); SERVERS_MAX],
            regions,
            late: None,
            spoken: Id::NONE,
            ticks: 0,
            faults: 0,
            orders: 0,
            restored: 0,
            broken: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken == 0 {
            list(&self.fleet, self.rules.flaw, state, actions);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut s = *last;
        let moved = match action {
            Action::Server(server, service) => self.server(&mut s, server, service),
            Action::Lease(server, tenure) => {
                self.lease(&mut s, server, tenure);
                true
            }
            Action::Region(number, local) => self.region(&mut s, number, local),
            Action::Land => {
                if let Some(txn) = s.late.take() {
                    self.store(&mut s, txn, None);
                }
                true
            }
            Action::Tick => {
                s.ticks += 1;
                true
            }
            Action::Restore(version) => {
                self.restore(&mut s, version);
                true
            }
        };
        s.faults += u8::from(action.is_fault());
        // Servers are equal: which one is which does not matter.
        s.servers[..self.fleet.servers].sort_unstable();
        moved.then_some(s)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.committed <= self.fleet.decisions
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
