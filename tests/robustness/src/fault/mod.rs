//! Faults: what can be broken (class) where (component), which pairs can't exist and why, and how often each was done. It
//! breaks nothing itself.

mod deck;
mod disk;
mod inflict;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use deck::Deck;
pub use inflict::{Inflicted, inflict};

/// What can be broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Class {
    /// `kill -9`, and started again.
    Kill,
    /// Stopped where it stands, and let go on.
    Pause,
    /// Cut off, both ways.
    Partition,
    /// Cut off in one direction.
    OneWay,
    /// Three packets of ten are lost.
    Loss,
    /// Connections are reset.
    Reset,
    /// Every fsync takes 300 ms longer.
    SlowFsync,
    /// Every fsync fails.
    FailingFsync,
    /// The disk is full.
    DiskFull,
    /// The store's history is compacted.
    Compaction,
    /// The store's leader changes.
    LeaderMove,
    /// The clock is off.
    ClockSkew,
}

/// Where it can be broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Component {
    /// A member of etcd.
    Etcd,
    /// A replica.
    Server,
    /// An agent.
    Agent,
    /// Between two nodes that have to do with each other; everybody else reaches both.
    Link,
}

/// A class at a component.
pub type Cell = (Class, Component);

impl Class {
    /// All of them, in the order of the matrix.
    pub const ALL: [Self; 12] = [
        Self::Kill,
        Self::Pause,
        Self::Partition,
        Self::OneWay,
        Self::Loss,
        Self::Reset,
        Self::SlowFsync,
        Self::FailingFsync,
        Self::DiskFull,
        Self::Compaction,
        Self::LeaderMove,
        Self::ClockSkew,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Partition => "partition",
            Self::OneWay => "one-way",
            Self::Loss => "loss",
            Self::Reset => "reset",
            Self::SlowFsync => "slow-fsync",
            Self::FailingFsync => "failing-fsync",
            Self::DiskFull => "disk-full",
            Self::Compaction => "compaction",
            Self::LeaderMove => "leader-move",
            Self::ClockSkew => "clock-skew",
        }
    }
}

impl Component {
    /// All of them, in the order of the matrix.
    pub const ALL: [Self; 4] = [Self::Etcd, Self::Server, Self::Agent, Self::Link];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Server => "server",
            Self::Agent => "agent",
            Self::Link => "link",
        }
    }
}

/// Why a class does not exist at a component; `None`: it does. tests/README.md says the same in a table.
#[must_use]
pub const fn absent((class, component): Cell) -> Option<&'static str> {
    match (class, component) {
        (Class::Kill | Class::Pause, Component::Link) => Some("a link is no process"),
        (Class::SlowFsync | Class::FailingFsync | Class::DiskFull, Component::Server) => {
            Some("a server on etcd keeps nothing on disk")
        }
        (Class::SlowFsync | Class::FailingFsync | Class::DiskFull, Component::Link) => Some("a link has no disk"),
        (Class::Compaction | Class::LeaderMove, Component::Server | Component::Agent | Component::Link) => {
            Some("only etcd has a history and a leader")
        }
        (Class::ClockSkew, Component::Etcd) => Some("libfaketime does not reach Go programs, which read the vDSO"),
        (Class::ClockSkew, Component::Link) => Some("a link has no clock"),
        (Class::Partition | Class::OneWay | Class::Loss | Class::Reset, _)
        | (Class::Kill | Class::Pause, Component::Etcd | Component::Server | Component::Agent)
        | (Class::SlowFsync | Class::FailingFsync | Class::DiskFull, Component::Etcd | Component::Agent)
        | (Class::Compaction | Class::LeaderMove, Component::Etcd)
        | (Class::ClockSkew, Component::Server | Component::Agent) => None,
    }
}

/// How often each cell was done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Matrix {
    done: BTreeMap<Cell, u64>,
}

impl Matrix {
    /// Counts one.
    pub fn add(&mut self, cell: Cell, count: u64) {
        *self.done.entry(cell).or_default() += count;
    }

    /// How often a cell was done.
    #[must_use]
    pub fn count(&self, cell: Cell) -> u64 {
        self.done.get(&cell).copied().unwrap_or(0)
    }

    /// All faults together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.done.values().sum()
    }

    /// The cells that exist and were never done.
    #[must_use]
    pub fn empty(&self) -> Vec<Cell> {
        cells().filter(|cell| self.count(*cell) == 0).collect()
    }

    /// The matrix for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("{:<14}", "");
        for component in Component::ALL {
            let _infallible = write!(text, "{:>8}", component.as_str());
        }
        for class in Class::ALL {
            let _infallible = write!(text, "\n{:<14}", class.as_str());
            for component in Component::ALL {
                let cell = (class, component);
                let shown = absent(cell).map_or_else(|| self.count(cell).to_string(), |_| "n/a".to_owned());
                let _infallible = write!(text, "{shown:>8}");
            }
        }
        text
    }
}

/// Every cell that exists.
pub fn cells() -> impl Iterator<Item = Cell> {
    let all = Class::ALL.into_iter().flat_map(|class| Component::ALL.map(|component| (class, component)));
    all.filter(|cell| absent(*cell).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_names_what_is_empty() {
        let mut matrix = Matrix::default();
        assert_eq!(matrix.empty().len(), cells().count());
        cells().for_each(|cell| matrix.add(cell, 2));
        assert!(matrix.empty().is_empty());
        assert_eq!(matrix.total(), 2 * cells().count() as u64);
        let table = matrix.table();
        assert_eq!(table.lines().count(), 1 + Class::ALL.len());
        assert_eq!(table.matches("n/a").count(), Class::ALL.len() * Component::ALL.len() - cells().count());
    }
}
