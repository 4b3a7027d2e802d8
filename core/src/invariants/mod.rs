//! What must never happen: every invariant of the rollout machine, of the agents and of both together, each defined
//! once. Property tests, simulations and production call the same functions; none of them decides anything.
//!
//! `S` ids are those of the reliability programme, `C` ids are the core's own, `W` ids are of watches. [`CATALOGUE`] is the whole list.

mod agent;
mod forward;
mod join;
mod paced;
mod pair;
mod queue;
mod record;
mod restored;
mod set;
mod supersede;
mod transition;
mod watch;

pub use agent::{action, done, intent, live, memory, start};
pub use join::membership;
pub use pair::{Orders, holders, lane_state, opening, vetoes, where_it_ended};
pub use queue::queueing;
pub use record::{anyone_may_stop, idempotent, record};
pub use restored::restoration;
pub use set::together;
pub use supersede::supersession;
pub use transition::{Taken, transition};
pub use watch::{watch, watched};

/// A broken invariant.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Broken {
    /// Which, as in [`CATALOGUE`].
    pub id: &'static str,
    /// What was seen.
    pub what: String,
}

/// Every invariant: its id and its sentence.
pub const CATALOGUE: [(&str, &str); 53] = [
    ("S1", "An agent's accepted epoch never falls, and one epoch means one goal for ever."),
    ("S2", "A decision has the epoch right after the service's last one."),
    ("S3", "One epoch of a lane is issued with one content."),
    ("S4", "An agent accepts only what was issued, with the hash it was issued with."),
    (
        "S5",
        "Only a decision that needs the owner moves anything forward, and none that goes back or is ordered needs it.",
    ),
    (
        "S6",
        "A rollback of the fleet is accepted in every phase that has not ended, unless there is nowhere to go back to.",
    ),
    ("S7", "A rollback wins: nothing goes forward after it, and at the end the traffic is where it was before."),
    ("S8", "No action takes a slot away that gets traffic, and none leaves a region without a live slot."),
    ("S9", "Traffic is only ever at a split that a goal has ordered."),
    ("S10", "Traffic is sent only to slots that are ready with the right release."),
    ("S11", "A way back leads to the release recorded as stable there, in its own slot."),
    ("S12", "An agent acts only on what is on its disk, and calls done only what it has read back."),
    (
        "S13",
        "A wave begins only after every region of the waves before it is through, rested, and without a vote against it.",
    ),
    (
        "S14",
        "A step is left only on a pass of its own evidence, measured for as long and over as many requests as the bake asks.",
    ),
    ("S15", "An ended rollout never changes."),
    ("S16", "A lane has at most one holder."),
    (
        "S19",
        "A wave is begun only on the consent of as many different people as it asks, none who started it, each for this plan and release.",
    ),
    ("S23", "The same look twice decides nothing the second time."),
    ("S26", "After a restore every lane is ordered anew, above all that was issued before, and nothing moves forward."),
    ("C1", "A record walks exactly the lanes, waves and steps of its plan, and names no others."),
    ("C2", "A lane's goal epoch changes exactly when its order does, to the epoch of that decision."),
    ("C3", "The weight of the new release never falls on the way forward, but for the way down of a rehearsal."),
    ("C4", "No more regions of a wave are on their way than its plan allows."),
    ("C5", "No region takes a step that another one on its way is too far behind for."),
    ("C6", "A hold, a freeze and an operator's order move nothing forward."),
    ("C7", "No forward order is given to a region that can't be reached or whose way back is not ready."),
    (
        "C8",
        "An end says what is: switched is everywhere, rolled back is everywhere back, aborted never moved, no way back is none.",
    ),
    ("C9", "A rollout that has not ended names what it waits for."),
    (
        "C10",
        "What was fixed at the start, and what can't be undone, stays; phases follow their arrows; a place is read back.",
    ),
    ("C11", "Past a point of no return nothing goes back by itself."),
    ("C12", "What goes back on evidence goes back on a fail: too little data sends nobody back."),
    ("C13", "What was taken back is vetoed from that decision on, and nothing vetoed or held starts."),
    ("C14", "A lane that has drifted is not moved forward."),
    (
        "C15",
        "No step starts outside a window, in a freeze, or with too little of either left; no way back asks for one.",
    ),
    (
        "C16",
        "No agent starts what it knows is vetoed on the way forward, and no older list of vetoes replaces a newer one.",
    ),
    (
        "C17",
        "Nothing begins before its owner has signed off each item of the checklist, for this release and not too long ago.",
    ),
    ("C18", "Nothing goes forward where the line is stopped."),
    ("C19", "No rollout that asks for it leaves its pilot before the feedback of its release passes."),
    (
        "C20",
        "A superseded rollout's lanes are all its successor's from the same decision on, at rest, with the same way back.",
    ),
    (
        "C22",
        "What takes a train begins between a departure of it and the end of boarding; a train changes only by an order before that.",
    ),
    ("C23", "No wave begins before each callback that it asks has said yes to this plan and release; silence is none."),
    (
        "C24",
        "Members of a set end as stable together; who hears that another one goes back does too, and none overtakes whom it follows.",
    ),
    (
        "C25",
        "At a pace the worst go back first, a place that is free is taken, and nobody stays behind one that is stuck.",
    ),
    (
        "C26",
        "A request leaves the queue with the decision that begins its rollout, and none overtakes an earlier one over a lane that both need.",
    ),
    (
        "C28",
        "A late joiner gets what the fleet has, once, and says nothing against it; nothing newly planned takes a draining region.",
    ),
    (
        "C29",
        "A workload is started with what its plan has pinned for the region, and on the way back with what was pinned then.",
    ),
    ("W1", "A watch has exactly the reviews of its policy, each once, without a gap, counted from the switch."),
    ("W2", "A decision about a watch has the epoch right after its last one."),
    ("W3", "No review is filled before its time is over, and none is called overdue before its grace is."),
    ("W4", "No data is not met: a target is judged on what was measured, and on nothing else."),
    (
        "W5",
        "A watch is closed exactly by a signed evaluation; what was missing then was waived with a reason, and was no debt.",
    ),
    (
        "W6",
        "What is signed never changes, nor what was fixed at the opening; an ended watch has its reviews as they were.",
    ),
    ("W7", "Actions and lessons are never lost: an action only ever gets closed, once."),
];

/// Notes a broken invariant unless it holds.
fn require(broken: &mut Vec<Broken>, id: &'static str, holds: bool, what: impl FnOnce() -> String) {
    debug_assert!(CATALOGUE.iter().any(|(known, _)| *known == id), "every id is in the catalogue");
    if !holds {
        broken.push(Broken { id, what: what() });
    }
}
