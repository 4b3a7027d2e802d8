//! The sizes by name: which fleets are walked, and how. A walk of everything visits every state; where that is out of
//! reach, random walks go where they please for as long as they are told to.

use clap::ValueEnum;

use crate::fleet::Fleet;

/// How much is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Size {
    /// Within a minute, on every change.
    Small,
    /// Some minutes.
    Medium,
    /// Half an hour: at least a hundred million states.
    Large,
}

/// One way through a fleet.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Through what.
    pub fleet: Fleet,
    /// How.
    pub how: How,
}

/// How a fleet is walked.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// Every state.
    Everything,
    /// Every state, if there are not more than so many.
    UpTo(usize),
    /// The shortest ways first, until so many states were met.
    ShortestFirst(usize),
    /// At random, until so many states were met.
    AtRandom(usize),
}

impl Size {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// The states that all walks together meet at the least; the random one, which is the last, goes on until then.
    #[must_use]
    pub const fn states_min(self) -> usize {
        match self {
            Self::Small | Self::Medium => 0,
            Self::Large => 100_000_000,
        }
    }

    /// Its walks.
    #[must_use]
    pub fn walks(self) -> Vec<Walk> {
        let everything = |fleet| Walk { fleet, how: How::Everything };
        let up_to = |fleet, states| Walk { fleet, how: How::UpTo(states) };
        let shortest = |fleet, states| Walk { fleet, how: How::ShortestFirst(states) };
        let at_random = |fleet, states| Walk { fleet, how: How::AtRandom(states) };
        match self {
            Self::Small => vec![
                everything(LONE),
                everything(Fleet { servers: 2, steps: &[100], ticks: 0, ..LONE }),
                at_random(CROWD, 200_000),
            ],
            Self::Medium => vec![
                up_to(Fleet { faults: 2, ..LONE }, 15_000_000),
                up_to(Fleet { servers: 2, ..LONE }, 15_000_000),
                up_to(Fleet { servers: 2, regions: 2, steps: &[100], ticks: 0, ..LONE }, 5_000_000),
                at_random(CROWD, 2_000_000),
            ],
            Self::Large => vec![
                up_to(Fleet { servers: 2, orders: 2, ..LONE }, 100_000_000),
                up_to(Fleet { servers: 2, regions: 2, steps: &[100], ticks: 0, ..LONE }, 40_000_000),
                shortest(Fleet { servers: 3, regions: 3, steps: &[100], faults: 3, decisions: 4, ..LONE }, 5_000_000),
                at_random(CROWD, 20_000_000),
            ],
        }
    }
}

/// One server, one region, two steps: everything about a single line.
const LONE: Fleet = Fleet {
    servers: 1,
    regions: 1,
    steps: &[50, 100],
    in_turn: false,
    faults: 1,
    orders: 1,
    ticks: 1,
    restores: 0,
    decisions: 14,
};

/// Three servers and three regions in waves of their own, and much that goes wrong: too large to be walked whole.
const CROWD: Fleet =
    Fleet { servers: 3, regions: 3, in_turn: true, faults: 4, orders: 4, ticks: 2, restores: 1, decisions: 60, ..LONE };
