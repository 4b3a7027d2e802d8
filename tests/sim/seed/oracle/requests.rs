//! What was asked, what was answered, and what was committed of it: a request has the effect of once, and an answer says
//! what is. It knows requests by their ids alone.

use std::collections::BTreeSet;

use meridian_core::invariants::Broken;

use super::Oracle;
use super::books::require;

/// Requests of the operator.
#[derive(Default)]
pub(super) struct Requests {
    /// What a commit has carried out.
    done: BTreeSet<String>,
    /// Answered with a refusal that says: not done.
    refused: BTreeSet<String>,
}

impl Requests {
    /// A commit says that it carries out a request.
    pub fn done(&mut self, id: &str, broken: &mut Vec<Broken>) {
        require(broken, "S23", self.done.insert(id.to_owned()), || format!("request {id} was carried out twice"));
        require(broken, "S24", !self.refused.contains(id), || format!("request {id} was refused, and carried out"));
    }
}

impl Oracle {
    /// A request was refused for good.
    pub fn is_refused(&self, id: &str) {
        let is_done = {
            let requests = &mut self.books().requests;
            requests.refused.insert(id.to_owned());
            requests.done.contains(id)
        };
        self.story.require("S24", !is_done, || format!("request {id} was carried out, and is refused"));
    }

    /// A request was answered. What starts a rollout, or lets it wait, always leaves a trace; others may find everything as
    /// wanted.
    pub fn is_answered(&self, what: &str, id: &str) {
        let is_done = !["start", "set", "ask", "remove"].contains(&what) || self.books().requests.done.contains(id);
        self.story.require("S24", is_done, || format!("request {id} is said to be done, and nothing is committed"));
    }
}
