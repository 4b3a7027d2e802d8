//! Random walks through a fleet that is too large to be walked whole: things go wrong seldom enough for the rollout to
//! get somewhere in between. Every state is held against every property. The same seed walks the same ways.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stateright::{Expectation, Model};

use crate::action::Action;
use crate::turn::Turns;
use crate::walk::{Break, Outcome};

/// The first walk's; the others follow from it.
const SEED: u64 = 20_261_125;
/// After so many steps a walk begins anew.
const STEPS_MAX: usize = 600;
/// Of so many steps about one goes wrong, while faults are left.
const FAULT_IN: u64 = 16;
/// How often the walkers say how far they are.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What walkers share.
struct Walkers<'a> {
    turns: &'a Turns,
    wanted: usize,
    walked: AtomicUsize,
    deepest: AtomicUsize,
}

/// Walks until so many states were met.
pub(crate) fn wander(turns: &Turns, wanted: usize, threads: u64, tell: &mut (dyn FnMut(&str) + Send)) -> Outcome {
    let began = Instant::now();
    let walkers = Walkers { turns, wanted, walked: AtomicUsize::new(0), deepest: AtomicUsize::new(0) };
    let (mut ends, mut broken) = (BTreeSet::new(), None);
    std::thread::scope(|scope| {
        let walk = |number| {
            let walkers = &walkers;
            scope.spawn(move || walkers.walk(SEED + number))
        };
        let others: Vec<_> = (1..threads).map(walk).collect();
        let mut told = began;
        let mine = walkers.walk_telling(SEED, |walked| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(&format!("  {walked} states at random, {} s", began.elapsed().as_secs()));
            }
        });
        for walked in
            std::iter::once(mine).chain(others.into_iter().map(|other| other.join().expect("walkers do not panic")))
        {
            ends.extend(walked.ends);
            broken = broken.take().or(walked.broken);
        }
    });
    let states = walkers.walked.load(Ordering::Relaxed);
    let depth = walkers.deepest.load(Ordering::Relaxed);
    Outcome { states, unique: None, depth, took: began.elapsed(), broken, ends }
}

#[derive(Default)]
struct Walked {
    ends: BTreeSet<&'static str>,
    broken: Option<Break>,
}

impl Walkers<'_> {
    fn walk(&self, seed: u64) -> Walked {
        self.walk_telling(seed, |_| {})
    }

    fn walk_telling(&self, seed: u64, mut tell: impl FnMut(usize)) -> Walked {
        let (mut dice, mut walked) = (Dice(seed), Walked::default());
        let properties = self.turns.properties();
        while walked.broken.is_none() && self.walked.load(Ordering::Relaxed) < self.wanted {
            let (mut state, mut trace, mut actions) = (self.turns.init_states()[0], Vec::new(), Vec::new());
            while trace.len() < STEPS_MAX && self.turns.within_boundary(&state) {
                for property in &properties {
                    let holds = (property.condition)(self.turns, &state);
                    match property.expectation {
                        Expectation::Sometimes if holds => drop(walked.ends.insert(property.name)),
                        Expectation::Always if !holds => {
                            walked.broken = Some(Break::of(self.turns, property.name, &trace));
                        }
                        Expectation::Sometimes | Expectation::Always | Expectation::Eventually => {}
                    }
                }
                actions.clear();
                self.turns.actions(&state, &mut actions);
                let Some((action, next)) = self.step(&state, &mut actions, &mut dice) else { break };
                trace.push(action);
                state = next;
            }
            tell(self.walked.fetch_add(trace.len(), Ordering::Relaxed) + trace.len());
            self.deepest.fetch_max(trace.len(), Ordering::Relaxed);
        }
        walked
    }

    /// One step, if any is left.
    fn step(
        &self,
        state: &crate::state::State,
        actions: &mut Vec<Action>,
        dice: &mut Dice,
    ) -> Option<(Action, crate::state::State)> {
        if dice.below(FAULT_IN) > 0 && actions.iter().any(|action| !action.is_fault()) {
            actions.retain(|action| !action.is_fault());
        }
        while !actions.is_empty() {
            let action = actions.swap_remove(dice.below(actions.len() as u64) as usize);
            if let Some(next) = self.turns.next_state(state, action) {
                return Some((action, next));
            }
        }
        None
    }
}

/// A small generator (splitmix64): the walks need to be spread, and to be the same again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
