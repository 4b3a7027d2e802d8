//! One run of the checker over one fleet, and what came of it. It knows how to walk; what is walked it is told.

pub mod size;
mod wander;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use stateright::report::{ReportData, ReportDiscovery, Reporter};
use stateright::{Checker, HasDiscoveries, Model};

use crate::action::Action;
use crate::flaw::Planted;
use crate::properties::ENDS;
use crate::turn::Turns;

use size::{How, Walk};
use wander::wander;

/// Threads of a walk; two is what a small machine has.
const THREADS: usize = 2;
/// How long a planted bug may hide.
const HIDING_MAX: Duration = Duration::from_secs(300);

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// States met, again and again.
    pub states: usize,
    /// Different states; random walks do not count them.
    pub unique: Option<usize>,
    /// The longest way.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The first invariant that broke.
    pub broken: Option<Break>,
    /// The ends that were reached.
    pub ends: BTreeSet<&'static str>,
}

/// A broken invariant, and the way there.
#[derive(Clone, Debug)]
pub struct Break {
    /// Which.
    pub id: &'static str,
    /// What was seen.
    pub what: String,
    /// What happened, in order.
    pub trace: Vec<String>,
}

impl Break {
    pub(crate) fn of(turns: &Turns, id: &'static str, trace: &[Action]) -> Self {
        let what = turns.rules.told(id).unwrap_or_default();
        Self { id, what, trace: trace.iter().map(|action| format!("{action:?}")).collect() }
    }
}

/// Walks the shipped rules.
pub fn walk(walk: &Walk, tell: &mut (dyn FnMut(&str) + Send)) -> Outcome {
    let began = Instant::now();
    let turns = Turns::new(walk.fleet, None);
    let checked = |turns: Turns| turns.checker().threads(THREADS).finish_when(HasDiscoveries::AnyFailures);
    match walk.how {
        How::Everything => outcome(&checked(turns).spawn_dfs().join_and_report(&mut Progress(tell)), began),
        How::UpTo(states) => {
            let checker = checked(turns).target_state_count(states);
            outcome(&checker.spawn_dfs().join_and_report(&mut Progress(tell)), began)
        }
        How::ShortestFirst(states) => {
            let checker = checked(turns).target_state_count(states);
            outcome(&checker.spawn_bfs().join_and_report(&mut Progress(tell)), began)
        }
        How::AtRandom(states) => wander(&turns, states, THREADS as u64, tell),
    }
}

/// Walks the rules with a bug planted, the shortest ways first.
#[must_use]
pub fn hunt(planted: &Planted) -> Outcome {
    let began = Instant::now();
    let turns = Turns::new(planted.fleet, Some(planted.flaw));
    let checker = turns.checker().threads(1).timeout(HIDING_MAX).finish_when(HasDiscoveries::AnyFailures);
    outcome(&checker.spawn_bfs().join(), began)
}

fn outcome(checker: &impl Checker<Turns>, began: Instant) -> Outcome {
    let mut ends = BTreeSet::new();
    let mut broken = None;
    for (id, path) in checker.discoveries() {
        if ENDS.contains(&id) {
            ends.insert(id);
        } else {
            broken = Some(Break::of(checker.model(), id, &path.into_actions()));
        }
    }
    let (states, unique, depth) = (checker.state_count(), checker.unique_state_count(), checker.max_depth());
    Outcome { states, unique: Some(unique), depth, took: began.elapsed(), broken, ends }
}

/// Says how far a walk has come.
struct Progress<'a>(&'a mut (dyn FnMut(&str) + Send));

impl Reporter<Turns> for Progress<'_> {
    fn report_checking(&mut self, data: ReportData) {
        let ReportData { total_states, unique_states, max_depth, duration, done } = data;
        if !done {
            let seconds = duration.as_secs();
            (self.0)(&format!("  {total_states} states, {unique_states} different, depth {max_depth}, {seconds} s"));
        }
    }

    fn report_discoveries(&mut self, _: &Turns, _: BTreeMap<&'static str, ReportDiscovery<Turns>>) {}

    fn delay(&self) -> Duration {
        Duration::from_secs(5)
    }
}
