//! Whether an agent's memory is to be believed. An agent that claims an epoch nobody has issued lies or is broken; one that
//! claims less than it was seen to have accepted has lost its memory, and with it the fence that all safety rests on.
//! Until a human has looked, its region gets nothing that moves forward, and what it reports does not count.

use crate::epoch::Epoch;

/// What is known of a lane besides its agent's own word.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Known {
    /// The service's last decision; nothing higher was ever issued.
    pub head: Epoch,
    /// The highest epoch that the agent was seen to have accepted.
    pub acked: Epoch,
    /// That a human has confirmed a loss of memory.
    pub pardon: Option<Pardon>,
}

/// A loss of memory that a human has confirmed. It covers that loss and no later one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Pardon {
    /// What the agent had accepted before.
    pub acked: Epoch,
    /// What it remembered then.
    pub claimed: Epoch,
}

/// Why an agent is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum Distrust {
    /// It claims an epoch that nobody has issued.
    #[error("its agent claims epoch {claimed}, and nothing after {head} was ever issued")]
    NeverIssued {
        /// The claim.
        claimed: Epoch,
        /// The last decision.
        head: Epoch,
    },
    /// It has forgotten what it accepted: its disk is another, or an older one.
    #[error("its agent had accepted epoch {acked} and now remembers {claimed}: its disk was replaced or taken back")]
    Forgot {
        /// The claim.
        claimed: Epoch,
        /// What it had accepted.
        acked: Epoch,
    },
}

impl Distrust {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NeverIssued { .. } => "EPOCH_NEVER_ISSUED",
            Self::Forgot { .. } => "EPOCH_FORGOTTEN",
        }
    }

    /// What a human's confirmation makes of it; `None` where there is nothing to confirm: a memory that nobody gave the
    /// agent has to go first.
    #[must_use]
    pub const fn pardon(&self) -> Option<Pardon> {
        match self {
            Self::NeverIssued { .. } => None,
            Self::Forgot { claimed, acked } => Some(Pardon { acked: *acked, claimed: *claimed }),
        }
    }
}

/// Judges what an agent claims to have accepted on a lane.
///
/// # Errors
/// Why it is not believed.
pub fn believe(claimed: Epoch, known: Known) -> Result<(), Distrust> {
    let Known { head, acked, pardon } = known;
    if claimed > head {
        return Err(Distrust::NeverIssued { claimed, head });
    }
    let floor = pardon.filter(|pardon| pardon.acked >= acked).map_or(acked, |pardon| pardon.claimed.min(acked));
    if claimed < floor {
        return Err(Distrust::Forgot { claimed, acked });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(counter: u64) -> Epoch {
        Epoch::new(1, counter)
    }

    #[test]
    fn a_claim_is_believed_between_what_was_seen_and_what_was_issued() {
        let pardon = |acked, claimed| Some(Pardon { acked: epoch(acked), claimed: epoch(claimed) });
        let known = |acked, pardon| Known { head: epoch(9), acked: epoch(acked), pardon };
        let forgot = |claimed, acked| Err(Distrust::Forgot { claimed: epoch(claimed), acked: epoch(acked) });
        let table = [
            (9, known(5, None), Ok(())),
            (5, known(5, None), Ok(())),
            (4, known(5, None), forgot(4, 5)),
            (0, known(5, None), forgot(0, 5)),
            (10, known(5, None), Err(Distrust::NeverIssued { claimed: epoch(10), head: epoch(9) })),
            // Confirmed: what it remembered then will do, but not less.
            (3, known(5, pardon(5, 3)), Ok(())),
            (2, known(5, pardon(5, 3)), forgot(2, 5)),
            // It has accepted more since; that it forgot once excuses nothing now.
            (3, known(7, pardon(5, 3)), forgot(3, 7)),
            (7, known(7, pardon(5, 3)), Ok(())),
            // No confirmation makes an epoch that was never issued.
            (10, known(5, pardon(5, 3)), Err(Distrust::NeverIssued { claimed: epoch(10), head: epoch(9) })),
        ];
        for (claimed, known, expected) in table {
            assert_eq!(believe(epoch(claimed), known), expected, "{claimed} {known:?}");
        }
        // A restore raises the generation: what agents hold of before is neither unknown nor forgotten.
        let restored = Known { head: Epoch::new(2, 1), acked: epoch(5), pardon: None };
        assert_eq!(believe(epoch(80), restored), Ok(()));
        assert_eq!(believe(Epoch::ZERO, Known::default()), Ok(()), "nobody has decided anything yet");
    }

    #[test]
    fn only_a_lost_memory_can_be_confirmed() {
        let forgot = Distrust::Forgot { claimed: epoch(3), acked: epoch(5) };
        let pardon = forgot.pardon().unwrap();
        assert_eq!(believe(epoch(3), Known { head: epoch(9), acked: epoch(5), pardon: Some(pardon) }), Ok(()));
        assert_eq!(Distrust::NeverIssued { claimed: epoch(9), head: epoch(5) }.pardon(), None);
    }
}
