//! The queue of a service: requests for rollouts that wait for lanes which others hold. A request has no plan: it is planned
//! when its turn comes, against the lanes as they are then. Who asks, and who keeps the record, is not known here.

mod answer;
pub mod concurrency;
mod turn;
mod unbegun;

use semver::Version;

use crate::id::{PlaybookId, RolloutId};
use crate::person::is_nobody;
use crate::planted;
use crate::rollout::gates::stops::Said;

pub use answer::{Answer, answer};
pub use concurrency::Concurrency;
pub use turn::{Need, Sight, Turn, Wait};
pub use unbegun::{Fate, QUEUED, TAKEN_OUT, Unbegun};

/// The most requests that wait: more would be planned against lanes that nobody can foresee.
pub const WAITING_MAX: usize = 16;
/// The most requests that are remembered after they were taken out without a start; the oldest goes first.
pub const LEFT_MAX: usize = 16;
/// The longest reason of a request, and of its end.
pub const REASON_BYTES_MAX: usize = 1024;
/// The code under which a request is remembered that a person took out.
pub const REMOVED: &str = "REMOVED";

/// A rollout that somebody asked for and that has not begun.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Request {
    /// Its place among all requests that the service ever had; nobody overtakes a smaller one over the same lanes.
    pub number: u64,
    /// The name of the rollout that it becomes, by which it is called until then.
    pub rollout: RolloutId,
    /// Of which release.
    pub release: Version,
    /// By which playbook.
    pub playbook: PlaybookId,
    /// At which revision; `None`: the latest when it starts.
    pub revision: Option<u64>,
    /// Who asked, why and when.
    pub said: Said,
}

/// A request that was taken out without a start.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Left {
    /// Which.
    pub request: Request,
    /// [`REMOVED`], or the stable code of what kept it from ever starting.
    pub code: String,
    /// Who took it out, in what words, and when.
    pub said: Said,
}

/// All that waits for the lanes of a service.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Queue {
    /// How many requests there ever were.
    pub asked: u64,
    /// In the order in which they were asked.
    pub waiting: Vec<Request>,
    /// The last ones that were taken out without a start, the newest last.
    pub left: Vec<Left>,
    /// If set, nothing starts from here until a person says so, as after a restore.
    pub hold: Option<Said>,
}

/// What somebody asks for.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Asked {
    /// The name of the rollout.
    pub rollout: RolloutId,
    /// Of which release.
    pub release: Version,
    /// By which playbook.
    pub playbook: PlaybookId,
    /// At which revision; `None`: the latest.
    pub revision: Option<u64>,
    /// Who, why and when.
    pub said: Said,
}

/// Why an order about a queue was refused. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum QueueRefused {
    /// There are as many as can wait.
    #[error("{WAITING_MAX} requests wait already; remove one with `meridian rollout queue remove`, or ask later")]
    Full,
    /// Another request has the name.
    #[error("a request {0} waits already; give the rollout another name")]
    NameTaken(RolloutId),
    /// Nobody gives it.
    #[error("this needs the name of who gives it; say who you are")]
    Nameless,
    /// No reason is given, or too long a one.
    #[error("this needs a reason of 1 to {REASON_BYTES_MAX} bytes")]
    Reasonless,
    /// The lanes are others' first.
    #[error("request {0} waits for the same lanes and was first; queue this one with `--queue`, or remove that one")]
    Behind(RolloutId),
    /// Nothing is held.
    #[error("this queue is not held")]
    NotHeld,
    /// A plan is of the lanes as they are now.
    #[error("a plan is of the lanes as they were and can't wait; ask with a release and a playbook")]
    PlanCantWait,
    /// More than one rollout holds the lanes.
    #[error("rollouts {0} and {1} hold the lanes, and one can be superseded; wait for an end, or write `queue`")]
    ManyHolders(RolloutId, RolloutId),
}

impl QueueRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full => "QUEUE_FULL",
            Self::NameTaken(_) => "ALREADY_QUEUED",
            Self::Nameless => "REQUESTER_UNNAMED",
            Self::Reasonless => "REASON_NEEDED",
            Self::Behind(_) => "QUEUE_AHEAD",
            Self::NotHeld => "QUEUE_NOT_HELD",
            Self::PlanCantWait => "PLAN_CANT_WAIT",
            Self::ManyHolders(..) => "MANY_HOLDERS",
        }
    }
}

impl Queue {
    /// A waiting request and how many wait before it.
    #[must_use]
    pub fn find(&self, rollout: &RolloutId) -> Option<(usize, &Request)> {
        self.waiting.iter().enumerate().find(|(_, request)| request.rollout == *rollout)
    }

    /// The queue with one request more, at its end.
    ///
    /// # Errors
    /// If it is full, the name is taken, or nobody asks.
    pub fn ask(&self, asked: Asked) -> Result<Self, QueueRefused> {
        let Asked { rollout, release, playbook, revision, said } = asked;
        if is_nobody(&said.actor) {
            return Err(QueueRefused::Nameless);
        }
        if said.reason.len() > REASON_BYTES_MAX {
            return Err(QueueRefused::Reasonless);
        }
        if self.find(&rollout).is_some() {
            return Err(QueueRefused::NameTaken(rollout));
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(QueueRefused::Full);
        }
        let mut next = self.clone();
        next.asked += 1;
        next.waiting.push(Request { number: next.asked, rollout, release, playbook, revision, said });
        Ok(next)
    }

    /// The queue without a request, because its rollout begins; `None`: it does not wait.
    #[must_use]
    pub fn started(&self, rollout: &RolloutId) -> Option<(Self, Request)> {
        let (at, _) = self.find(rollout)?;
        let mut next = self.clone();
        let request = next.waiting.remove(at);
        Some((next, request))
    }

    /// The queue without a request that never starts, and remembering why; `None`: it does not wait.
    #[must_use]
    pub fn leave(&self, rollout: &RolloutId, code: &str, said: Said) -> Option<Self> {
        let (mut next, request) = self.started(rollout)?;
        if !planted::is("queue-forgets") {
            next.left.push(Left { request, code: code.to_owned(), said });
        }
        let over = next.left.len().saturating_sub(LEFT_MAX);
        next.left.drain(..over);
        Some(next)
    }

    /// The queue after a person took a request out; `None`: it does not wait.
    ///
    /// # Errors
    /// Without a name or a reason.
    pub fn remove(&self, rollout: &RolloutId, said: Said) -> Result<Option<Self>, QueueRefused> {
        check_said(&said)?;
        Ok(self.leave(rollout, REMOVED, said))
    }

    /// The queue from which nothing starts by itself; `None`: nothing waits, or it is held already.
    #[must_use]
    pub fn held(&self, said: Said) -> Option<Self> {
        let idle = self.waiting.is_empty() || self.hold.is_some();
        (!idle).then(|| Self { hold: Some(said), ..self.clone() })
    }

    /// The queue from which rollouts start again.
    ///
    /// # Errors
    /// If it is not held; without a name or a reason.
    pub fn resumed(&self, said: &Said) -> Result<Self, QueueRefused> {
        check_said(said)?;
        match &self.hold {
            Some(_) => Ok(Self { hold: None, ..self.clone() }),
            None => Err(QueueRefused::NotHeld),
        }
    }
}

fn check_said(said: &Said) -> Result<(), QueueRefused> {
    if is_nobody(&said.actor) {
        return Err(QueueRefused::Nameless);
    }
    if said.reason.trim().is_empty() || said.reason.len() > REASON_BYTES_MAX {
        return Err(QueueRefused::Reasonless);
    }
    Ok(())
}
