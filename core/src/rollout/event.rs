//! The closed list of everything that can happen to a rollout, and of everything that a decision asks for.

use crate::digest::Digest;
use crate::evidence::StepRef;
use crate::id::{CallbackId, ItemId, RegionId, RoleId, ServiceId, WaveId};
use crate::observation::Sight;
use crate::playbook::Scope;
use crate::time::Timestamp;

use super::reason::Wait;
use super::state::{Cause, Rollout, Said};
use super::together::Standing;

/// What can happen.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Event {
    /// Look at the world and do what follows: a report came in, a timer fired, a server started. Carries all that is
    /// known, so that a lost or doubled trigger changes nothing.
    Look(Sight),
    /// The same look by a server that does not own the rollout: casts the votes that follow, goes back when the policy
    /// or a limit says so, confirms regions on their way back and ends it. Never moves anything forward.
    Guard(Sight),
    /// Somebody holds the rollout.
    Pause(Order),
    /// Somebody lets it go on.
    Resume(Order),
    /// Somebody takes it back, all or in part.
    Rollback(Order, Scope),
    /// Somebody gives a frozen rollout up.
    Abandon(Order),
    /// Somebody consents to a wave.
    Approve(Order, Consent),
    /// Somebody takes their consent to a wave back.
    Revoke(Order, Consent),
    /// The owner of an item of the checklist signs it off.
    Sign(Order, SignOff),
    /// Somebody takes a sign-off back.
    Unsign(Order, ItemId),
    /// Somebody lets it begin with another train of its plan; `None`: with none.
    Board(Order, Option<String>),
    /// A callback has answered.
    Answer(AnswerGiven),
    /// Another member of its set is elsewhere than was last heard.
    Member(MemberHeard),
}

/// What was heard of another member of a set.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct MemberHeard {
    /// Which.
    pub service: ServiceId,
    /// How far its rollout is.
    pub standing: Standing,
}

/// What a callback has answered, to which question.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct AnswerGiven {
    /// Position of the wave.
    pub wave: usize,
    /// Which callback.
    pub callback: CallbackId,
    /// When the question was put: an answer to an earlier one does not count.
    pub since: Timestamp,
    /// Yes or no.
    pub said: Said,
    /// In its words.
    pub reason: String,
}

/// What is signed off, and on what.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SignOff {
    /// The item.
    pub item: ItemId,
    /// Where its evidence is.
    pub uri: String,
    /// What is there: its digest.
    pub evidence: Digest,
}

/// What somebody consents to.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Consent {
    /// Which wave; `None`: the next one that asks for the role.
    pub wave: Option<WaveId>,
    /// In which role.
    pub role: RoleId,
    /// The plan that was reviewed; refused if it is another one.
    pub plan: Option<Digest>,
}

/// Who wants it and why.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Order {
    /// Declared name.
    pub actor: String,
    /// Their words.
    pub reason: String,
}

impl Order {
    pub(super) fn cause(self) -> Cause {
        Cause::Operator { actor: self.actor, reason: self.reason }
    }
}

/// What a decision asks of the shell. Effects run only after the decision is committed, and each can be derived again
/// from the record, so losing one costs time and nothing else.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Effect {
    /// The lane's goal changed: push it to the agent.
    PushGoal(RegionId),
    /// Tell people.
    Notify(Notice),
    /// A step of a region has ended: for traces.
    StepEnded {
        /// Where.
        region: RegionId,
        /// What: `prepare`, `shift`, `bake`, `revert`.
        what: &'static str,
        /// Which step, if it belongs to one.
        step: Option<StepRef>,
        /// When it began.
        began: Timestamp,
    },
}

/// What people are told.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Notice {
    /// A rollback was decided.
    RollbackDecided(Cause),
    /// A human is needed.
    HumanNeeded(Cause),
    /// The rollout has ended; its word.
    Ended(&'static str),
}

/// Who may commit a decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Right {
    /// The replica that owns the rollout: the transaction also checks that it still does. Asked of every decision that
    /// moves anything forward, and of no other.
    Owner,
    /// Whoever holds the record as it is in the store: a stop and a way back wait for no owner.
    Anyone,
}

/// What [`super::step::step`] answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transition {
    /// The next record, one epoch on; `None`: nothing to decide now.
    pub next: Option<Rollout>,
    /// For the audit chain: the stable word of what was decided.
    pub kind: &'static str,
    /// Who may commit it; without a decision, anyone.
    pub right: Right,
    /// What to do after the commit.
    pub effects: Vec<Effect>,
    /// What the rollout waits for after this.
    pub waits: Vec<Wait>,
    /// When to look again at the latest; a moment that has come means at once.
    pub wake: Option<Timestamp>,
}
