//! What can happen to a watch, what is known when it does, and what follows.

use std::collections::BTreeMap;

use super::feedback::Opinion;
use super::kpi::History;
use super::reason::Wait;
use super::state::{ActionKind, Signature, Watch};
use crate::id::KpiId;
use crate::time::Timestamp;

/// Everything that can happen.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Event {
    /// Time has passed, or something has changed.
    Look,
    /// People have met over a review.
    Hold(u32, Said),
    /// Somebody signs a review.
    Sign(u32, Said),
    /// Somebody signs the evaluation, which closes the watch.
    Evaluate {
        /// Who, and their words.
        said: Said,
        /// Why it is signed although something is missing.
        waive: Option<String>,
    },
    /// Something is to be done.
    Add(NewAction, Said),
    /// It is done, or will not be.
    Close(u32, Said),
    /// What was learnt.
    Reflect(Said),
}

/// Who says it, and what.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Said {
    /// Declared name.
    pub by: String,
    /// Their words.
    pub text: String,
}

/// An action as somebody asks for it; what is to be done is what they say.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct NewAction {
    /// What it is for.
    pub kind: ActionKind,
    /// Who does it.
    pub owner: String,
    /// Until when.
    pub due: Timestamp,
    /// The review that it comes from, if one.
    pub review: Option<u32>,
}

/// How the watched rollout stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Standing {
    /// Switched, and going back is still one switch; or on its way there again.
    Switched,
    /// Stable.
    Stable,
    /// No longer what is launched: its phase's word.
    TakenBack(&'static str),
}

/// What is known besides the record.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Facts {
    /// How the rollout stands.
    pub standing: Standing,
    /// What was measured.
    pub kpis: BTreeMap<KpiId, History>,
    /// What was said.
    pub feedback: Opinion,
}

/// What follows.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Step {
    /// The record after the decision; `None`: nothing has changed.
    pub next: Option<Watch>,
    /// The stable word of what was decided.
    pub kind: &'static str,
    /// Who decided it; `meridian` if nobody ordered it.
    pub actor: String,
    /// In words.
    pub message: String,
    /// What it waits for now.
    pub waits: Vec<Wait>,
}

impl Said {
    /// With the time.
    #[must_use]
    pub fn at(self, at: Timestamp) -> Signature {
        let Self { by, text } = self;
        Signature { by, at, text }
    }
}
