//! What became of the request for a rollout that has not begun: it waits, or was taken out.

use super::{Left, Queue, Request, Turn};
use crate::id::{RolloutId, ServiceId};
use crate::rollout::gates::stops::Said;

/// The stable code of a rollout whose request waits.
pub const QUEUED: &str = "ROLLOUT_QUEUED";
/// The stable code of a rollout whose request was taken out.
pub const TAKEN_OUT: &str = "ROLLOUT_TAKEN_OUT";

/// Why a rollout that somebody asked for is not there.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Unbegun {
    /// Of which service.
    pub service: ServiceId,
    /// What became of the request.
    pub fate: Fate,
}

/// What became of a request that did not begin.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Fate {
    /// It waits.
    Waits {
        /// Which.
        request: Request,
        /// Its place in the queue, from one.
        place: usize,
        /// For what.
        turn: Turn,
    },
    /// It was taken out without a start.
    Left(Left),
}

impl Queue {
    /// What became of the request for a rollout, with the turns of those that wait; `None`: none is remembered that did
    /// not begin. Of several of the same name, the last one counts.
    #[must_use]
    pub fn fate(&self, rollout: &RolloutId, turns: &[Turn]) -> Option<Fate> {
        if let Some((before, request)) = self.find(rollout) {
            let turn = turns.get(before)?.clone();
            return Some(Fate::Waits { request: request.clone(), place: before + 1, turn });
        }
        self.left.iter().rev().find(|left| left.request.rollout == *rollout).cloned().map(Fate::Left)
    }
}

impl Unbegun {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.fate {
            Fate::Waits { .. } => QUEUED,
            Fate::Left(_) => TAKEN_OUT,
        }
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &Request {
        match &self.fate {
            Fate::Waits { request, .. } | Fate::Left(Left { request, .. }) => request,
        }
    }
}

impl std::error::Error for Unbegun {}

/// What people may have written at length stands last.
impl std::fmt::Display for Unbegun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { service, fate } = self;
        match fate {
            Fate::Waits { request: Request { rollout, said, .. }, place, turn } => {
                write!(
                    f,
                    "rollout {rollout} has not begun: its request is at place {place} in the queue of {service} and "
                )?;
                match turn {
                    Turn::Start => f.write_str("is about to begin")?,
                    Turn::Wait(waits) => {
                        let words: Vec<String> = waits.iter().map(ToString::to_string).collect();
                        write!(f, "waits: {}", words.join("; "))?;
                    }
                    Turn::Leave { code, words } => write!(f, "is about to be taken out ({code}): {words}")?,
                }
                write!(f, ". Wait for it: meridian rollout watch {service}/{rollout}")?;
                write!(f, ". Asked for by {}{}", said.actor, after_colon(&said.reason))
            }
            Fate::Left(Left { request, code, said: Said { actor, reason, at: _ } }) => {
                let Request { rollout, release, playbook, .. } = request;
                write!(f, "rollout {rollout} never began: {actor} took its request out of the queue ({code})")?;
                write!(
                    f,
                    ". Ask again: meridian rollout start {service} --release {release} --playbook {playbook} --queue"
                )?;
                write!(f, ". Why it was taken out{}", after_colon(reason))
            }
        }
    }
}

fn after_colon(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}
