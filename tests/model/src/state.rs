//! What there is at one moment: the store, the servers, the regions, and what is on its way between them. Goals are not
//! kept: whatever was ever committed may be delivered at any time, once, twice or never.

use meridian_core::agent::{LaneMemory, LocalWorld};
use meridian_core::goal::Goal;
use meridian_core::lane::LaneState;
use meridian_core::observation::Observed;
use meridian_core::rollout::event::{Event, Right};
use meridian_core::rollout::state::Rollout;
use meridian_core::rollout::step::Moment;

use crate::intern::Id;

/// The most servers of a model.
pub const SERVERS_MAX: usize = 3;
/// The most regions of a model.
pub const REGIONS_MAX: usize = 3;
/// So many committed records can still be read, or be on their way to an agent.
pub const WINDOW: usize = 4;

/// A committed or proposed record.
pub type RecordId = Id<Rollout>;
/// A region as it is.
pub type SiteId = Id<Site>;
/// What an agent says it sees.
pub type ReportId = Id<Observed>;
/// What a server has decided.
pub type DecisionId = Id<Decision>;
/// What a lane should be at.
pub type GoalId = Id<Goal>;
/// All lanes of the service.
pub type LanesId = Id<Vec<LaneState>>;

/// Everything there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct State {
    /// The latest record and those before it, the newest first.
    pub past: [RecordId; WINDOW],
    /// How many decisions were committed.
    pub committed: u8,
    /// How many audit entries there are.
    pub audited: u8,
    /// What the last audit entry is about.
    pub audit_of: RecordId,
    /// The service's lanes.
    pub lanes: LanesId,
    /// The token of the owner key; nought while nobody owns.
    pub owner: u8,
    /// Tokens ever handed out.
    pub tokens: u8,
    /// The servers, in no order that means anything.
    pub servers: [Server; SERVERS_MAX],
    /// The regions.
    pub regions: [Region; REGIONS_MAX],
    /// A transaction whose sender is gone; it may still arrive.
    pub late: Option<Txn>,
    /// Told to agents without being committed. No sound server does that.
    pub spoken: RecordId,
    /// How often all limits have passed.
    pub ticks: u8,
    /// What has gone wrong so far.
    pub faults: u8,
    /// Orders that people have given.
    pub orders: u8,
    /// Backups restored.
    pub restored: u8,
    /// Invariants that this step broke, by position in the list of properties.
    pub broken: u64,
}

/// A server process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Server {
    /// Whether the owner key names it.
    pub owns: bool,
    /// The token it believes in; nought: it does no forward work.
    pub token: u8,
    /// Its lease is past the moment at which it had to stop by itself.
    pub aged: bool,
    /// Its key was taken before the lease had run out, and it has not noticed.
    pub robbed: bool,
    /// What it is about to commit.
    pub txn: Option<Txn>,
    /// The answer to its commit was lost.
    pub unsure: bool,
    /// An audit entry it still has to write. No sound server has one.
    pub owes: RecordId,
}

/// A transaction: what it compares, and what it writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Txn {
    /// The record it must still find.
    pub base: RecordId,
    /// The record it puts.
    pub next: RecordId,
    /// The owner token it must find; nought: it asks for none.
    pub token: u8,
    /// Whether it moves something forward.
    pub forward: bool,
    /// What it comes from.
    pub decision: DecisionId,
}

/// A region, and its line to the servers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
pub struct Region {
    /// The agent with its disk, its slots and its traffic.
    pub site: SiteId,
    /// Nothing gets through.
    pub lost: bool,
    /// A report that is still on its way, or comes again and again.
    pub kept: Option<Kept>,
}

/// A report that is on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Kept {
    /// What it says.
    pub report: ReportId,
    /// A newer session has been opened since.
    pub superseded: bool,
}

/// A region as it is: the agent's disk and memory, and the world it works on.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Site {
    /// On disk.
    pub durable: LaneMemory,
    /// In memory; a sound agent is never ahead of its disk when anybody can see it.
    pub volatile: LaneMemory,
    /// Slots and traffic.
    pub local: LocalWorld,
    /// What is measured on the new release.
    pub mood: Mood,
    /// After a crash it does not look at its disk. No sound agent does that.
    pub idle: bool,
}

/// What is measured on the new release.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Mood {
    /// It serves well.
    Good,
    /// It fails.
    Bad,
    /// Too few requests to say.
    Quiet,
}

/// What a server has decided.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Decision {
    /// On top of which record; none for the first decision.
    pub before: RecordId,
    /// The next record.
    pub next: RecordId,
    /// What happened.
    pub event: Option<Event>,
    /// When.
    pub moment: Moment,
    /// Who may commit it.
    pub right: Right,
}

impl State {
    /// The latest committed record; none before the first.
    #[must_use]
    pub const fn current(&self) -> RecordId {
        self.past[0]
    }

    /// Whether a record was committed, as far back as anybody can read.
    #[must_use]
    pub fn has_committed(&self, record: RecordId) -> bool {
        self.past.contains(&record)
    }
}
