//! Faults planted in our own code, to prove that the simulator finds such faults. Each is one line at the place where it
//! bites; this is the list of them. Without the feature `planted` nothing can be planted, and the compiler removes every
//! line that asks.

/// Every fault that can be planted: its name, and what is wrong with it in place.
pub const LIST: [(&str, &str); 51] = [
    ("no-fence", "an agent takes a lower epoch than it has accepted"),
    ("done-kept", "a new goal counts as done because the one before was"),
    ("intent-not-written", "an agent acts on a goal that it has not written down"),
    ("answer-before-sync", "the journal answers before the disk has"),
    ("redo-forgotten", "an agent takes an unfinished goal for done when it starts"),
    ("done-not-written", "an agent reports done what it has not written down as done"),
    ("switch-before-ready", "traffic moves to a slot that is not ready"),
    ("stop-serving", "on the way back the new slot is stopped before the traffic is off it"),
    ("reached-early", "a goal counts as reached while a slot is on its way up"),
    ("bake-skipped", "a step is left before its bake is over"),
    ("inconclusive-passes", "too little evidence passes"),
    ("foreign-evidence", "evidence of another step or epoch counts"),
    ("any-confirmation", "any confirmed goal confirms the present one"),
    ("wave-runs-ahead", "a wave is over once one of its regions is through"),
    ("soak-skipped", "a wave does not rest"),
    ("vote-ignored", "a vote does not keep a wave from going on"),
    ("crowd-ignored", "more regions move at once than the plan allows"),
    ("skew-ignored", "a region runs ahead of the others"),
    ("cold-way-back", "a region goes forward although its way back is not ready"),
    ("hold-ignored", "a held rollout goes on"),
    ("back-unconfirmed", "a region counts as back before it has confirmed"),
    ("finished-stay", "a rollback leaves regions that are through their wave"),
    ("pace-stalls", "a way back at a pace never turns the next region"),
    ("overtaken-at-once", "what a superseded rollout had begun does not go back before its successor begins"),
    ("end-while-turning", "a rollback ends while regions are still on their way"),
    ("way-back-by-colour", "a way back leads to blue, whatever served before"),
    ("goal-epoch-kept", "a new order goes out at the epoch of the old one"),
    ("epoch-skips", "a decision leaves an epoch out"),
    ("stable-forgotten", "what a stable rollout leaves is not remembered"),
    ("unknown-is-done", "a commit without an answer counts as done"),
    ("speak-first", "goals are told before their decision is committed"),
    ("owner-unchecked", "a forward move is committed whoever owns the rollout"),
    ("guard-goes-forward", "a replica that does not own a rollout moves it forward"),
    ("forgetful-believed", "an agent that has forgotten what it accepted is believed"),
    ("request-forgotten", "a decision does not leave the id of the request that it carries out"),
    ("audit-unchained", "an audit entry does not name its predecessor"),
    ("audit-left-out", "a decision is committed without its audit entry"),
    ("lanes-not-freed", "an ended rollout keeps its lanes"),
    ("lanes-not-taken", "a rollout starts without taking its lanes"),
    ("goals-not-recalled", "a new session is not told the goals of its lanes"),
    ("no-sweep", "nobody looks for rollouts that nobody runs"),
    ("absent-unchecked", "a write that expects nothing there does not check it"),
    ("revision-unchecked", "a write checks that something is there, not that it is what was read"),
    ("queue-not-left", "a request waits on although its rollout has begun"),
    ("queue-overtaken", "a start does not ask who waits for its lanes"),
    ("queue-forgets", "a request that is taken out is not remembered"),
    ("queue-unswept", "nobody starts what waits in a queue"),
    ("set-back-unheard", "a member of a set goes on although it has heard that another one goes back"),
    ("set-untold", "members of a set never hear of each other"),
    ("set-order-ignored", "a member of a set does not wait for whom it follows"),
    ("set-ends-apart", "a member of a set ends as stable by itself"),
];

#[cfg(feature = "planted")]
static PLANTED: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Plants a fault in this process, once and for all.
///
/// # Panics
/// If it is not in the [`LIST`], or another one is planted already.
#[cfg(feature = "planted")]
pub fn plant(name: &str) {
    assert!(LIST.iter().any(|(known, _)| *known == name), "{name} is not in the list");
    PLANTED.set(name.to_owned()).expect("one fault is planted in a process");
}

/// Whether a fault is planted.
#[cfg(feature = "planted")]
#[must_use]
pub fn is(name: &str) -> bool {
    debug_assert!(LIST.iter().any(|(known, _)| *known == name), "{name} is not in the list");
    PLANTED.get().is_some_and(|planted| planted == name)
}

/// Whether a fault is planted: never.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline(always)]
pub const fn is(_name: &str) -> bool {
    false
}
