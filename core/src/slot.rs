//! The two slots of a lane, and pairs of things kept per slot.

use std::fmt;

use crate::canon::{Canon, Canonical};

/// One of the two places of a lane that can hold a release.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Slot {
    /// The first.
    Blue,
    /// The second.
    Green,
}

impl Slot {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::Blue, Self::Green];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// `blue` or `green`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing per slot.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Slots<T> {
    /// For the blue slot.
    pub blue: T,
    /// For the green slot.
    pub green: T,
}

impl<T> Slots<T> {
    /// The thing of a slot.
    #[must_use]
    pub const fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
        }
    }

    /// The thing of a slot, to change.
    pub const fn get_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::Blue => &mut self.blue,
            Slot::Green => &mut self.green,
        }
    }

    /// Made by asking `make` for each slot.
    pub fn from_fn(mut make: impl FnMut(Slot) -> T) -> Self {
        Self { blue: make(Slot::Blue), green: make(Slot::Green) }
    }
}

impl Canonical for Slot {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.as_str());
    }
}

impl<T: Canonical> Canonical for Slots<T> {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.blue).value(&self.green);
    }
}
