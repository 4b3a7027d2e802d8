//! How often a region's agent may begin a session. A session is a commit, and a flapping agent has no use for one: it waits for
//! its turn, and if it has gone by then nothing was written for it. Knows no agent and no store.

use std::collections::BTreeMap;
use std::sync::Mutex;

use meridian_core::id::RegionId;
use meridian_core::time::{Span, Timestamp};

/// Sessions that begin at once: restarts, and every server in turn during a rolling restart.
const BURST: u64 = 10;
/// From then on one in this time.
const EVERY: Span = Span::from_millis(500);

/// Regions whose agents began sessions of late.
#[derive(Default)]
pub struct Pace {
    /// When each region will have all its turns back. One that has them back is forgotten.
    full: Mutex<BTreeMap<RegionId, Timestamp>>,
}

impl Pace {
    /// Takes a turn, or says after what time to ask again.
    pub fn take(&self, region: &RegionId, now: Timestamp) -> Result<(), Span> {
        let mut full = self.full.lock().expect("no holder of this lock panics");
        full.retain(|_, full| *full > now);
        let owed = full.get(region).map_or(Span::ZERO, |full| full.since(now));
        // More than all turns can be owed only after the clock was set back: nobody waits for it to catch up.
        let owed = if owed > EVERY.times(BURST) { Span::ZERO } else { owed };
        let free = EVERY.times(BURST - 1);
        if owed > free {
            return Err(Span::from_millis(owed.millis() - free.millis()));
        }
        full.insert(region.clone(), now.after(owed.plus(EVERY)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_run_out_and_come_back_one_by_one() {
        let (pace, eu, us) = (Pace::default(), RegionId::new("eu").unwrap(), RegionId::new("us").unwrap());
        let at = |millis: u64| Timestamp::from_millis(1_000_000 + millis);
        for _ in 0..BURST {
            assert_eq!(pace.take(&eu, at(0)), Ok(()));
        }
        assert_eq!(pace.take(&eu, at(0)), Err(EVERY));
        assert_eq!(pace.take(&us, at(0)), Ok(()), "regions wait for themselves alone");
        assert_eq!(pace.take(&eu, at(499)), Err(Span::from_millis(1)));
        assert_eq!(pace.take(&eu, at(500)), Ok(()));
        assert_eq!(pace.take(&eu, at(500)), Err(EVERY));
        assert_eq!(pace.take(&eu, at(600_000)), Ok(()));
        assert_eq!(pace.take(&eu, at(0)), Ok(()), "a clock that was set back keeps nobody away");
        assert_eq!(pace.full.lock().unwrap().len(), 1, "who has all turns back is forgotten");
    }
}
