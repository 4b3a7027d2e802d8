//! A sequence that meets a split exactly: not random, so that 10 000 requests in a row hold each share to the request.
//! It knows numbers only.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::control::{Slot, Split, WHOLE_BASIS_POINTS};

/// The golden ratio of 10 000, rounded to a number without a common divisor with 10 000: multiples of it modulo 10 000
/// visit every basis point once in 10 000 steps, and neighbours land far apart.
const STEP: u64 = 6_181;

/// A Weyl sequence over basis points. One per process: replacing the routing does not begin it again, which would
/// favour one slot at each change.
pub(super) struct Weyl(AtomicU64);

impl Weyl {
    /// From the beginning.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The slot of the next request under a split.
    pub(super) fn pick(&self, split: Split) -> Slot {
        let whole = u64::from(WHOLE_BASIS_POINTS);
        // Relaxed: the counter orders nothing else. It wraps after 2^64 requests, where one window is off by a few.
        let position = (self.0.fetch_add(1, Ordering::Relaxed) % whole) * STEP % whole;
        if position < u64::from(split.blue) { Slot::Blue } else { Slot::Green }
    }
}
