//! How fast a fleet goes back, where that is not at once. It does not know regions.

/// The pace of a way back of the whole fleet: the worst regions first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct BackPace {
    /// How many regions that can be reached are on their way back at once; at least one.
    pub max_parallel: u32,
}

impl BackPace {
    /// The word of the only order there is.
    pub const ORDER: &'static str = "worst-first";
}
