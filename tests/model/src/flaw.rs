//! The bugs that are planted, one at a time, to see that they would be found. Each is a mistake that a design like this
//! one really makes; the shipped rules are wrapped or the glue is bent, and nothing else is changed.

use crate::fleet::Fleet;

/// A planted bug.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Flaw {
    NoCompare,
    StaleRecordDecides,
    OwnerWithoutToken,
    TakeoverKeepsToken,
    DeadlineIgnored,
    GuardGoesForward,
    GuardSleeps,
    AuditApart,
    AuditTwice,
    UnknownIsFailed,
    UnknownIsDone,
    SpeaksFirst,
    EpochNotRaised,
    RollbackWaitsForOwner,
    RollbackOnlyToReachable,
    EndedResumed,
    WaveWithoutGate,
    AckOfAnyEpoch,
    EvidenceOfAnyEpoch,
    NoDataIsSuccess,
    WayBackAssumed,
    BackOnHearsay,
    OldSessionCounts,
    OpensOverHeldLanes,
    RestoreReissues,
    NoFence,
    ActsBeforePersist,
    AcksBeforePersist,
    ForgetsAfterCrash,
    SwitchesBeforeReady,
    StopsBeforeReadBack,
    DoneBeforeReadBack,
    DoneIsKept,
}

/// A planted bug with its sentence, and the fleet in which it shows.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    pub(crate) flaw: Flaw,
    /// Its name on the terminal.
    pub name: &'static str,
    /// What is wrong.
    pub what: &'static str,
    /// Where it shows.
    pub(crate) fleet: Fleet,
}

const LONE: Fleet = Fleet {
    servers: 1,
    regions: 1,
    steps: &[100],
    in_turn: false,
    faults: 1,
    orders: 1,
    ticks: 0,
    restores: 0,
    decisions: 12,
};
const PAIR: Fleet = Fleet { servers: 2, ..LONE };
const REGIONS: Fleet = Fleet { regions: 2, ..LONE };

const fn planted(flaw: Flaw, name: &'static str, what: &'static str, fleet: Fleet) -> Planted {
    Planted { flaw, name, what, fleet }
}

/// All of them.
pub const PLANTED: [Planted; 33] = [
    planted(Flaw::NoCompare, "no-compare", "a transaction does not compare the record", PAIR),
    planted(Flaw::StaleRecordDecides, "stale-record-decides", "an old record, committed over the head of now", PAIR),
    planted(Flaw::OwnerWithoutToken, "owner-without-token", "forward work without comparing the owner token", PAIR),
    planted(Flaw::TakeoverKeepsToken, "takeover-keeps-token", "the next owner has its predecessor's token", PAIR),
    planted(Flaw::DeadlineIgnored, "deadline-ignored", "an owner goes on until it is told", PAIR),
    planted(Flaw::GuardGoesForward, "guard-goes-forward", "who only guards moves things forward", LONE),
    planted(Flaw::GuardSleeps, "guard-sleeps", "only the owner takes anything back", LONE),
    planted(Flaw::AuditApart, "audit-apart", "the audit entry is written after the transaction", LONE),
    planted(Flaw::AuditTwice, "audit-twice", "a transaction sent again leaves a second audit entry", LONE),
    planted(Flaw::UnknownIsFailed, "unknown-is-failed", "a lost answer is taken for a refusal", LONE),
    planted(Flaw::UnknownIsDone, "unknown-is-done", "a lost answer is taken for a commit", LONE),
    planted(Flaw::SpeaksFirst, "speaks-first", "goals are pushed before the decision is committed", LONE),
    planted(Flaw::EpochNotRaised, "epoch-not-raised", "a decision keeps the epoch of the last one", LONE),
    planted(Flaw::RollbackWaitsForOwner, "rollback-waits-for-owner", "a rollback compares the owner token", PAIR),
    planted(Flaw::RollbackOnlyToReachable, "rollback-only-to-reachable", "a lost region is left out", REGIONS),
    planted(
        Flaw::EndedResumed,
        "ended-resumed",
        "an order to go on revives an ended rollout",
        Fleet { orders: 2, ..LONE },
    ),
    planted(
        Flaw::WaveWithoutGate,
        "wave-without-gate",
        "a wave begins before the last is through",
        Fleet { in_turn: true, ..REGIONS },
    ),
    planted(Flaw::AckOfAnyEpoch, "ack-of-any-epoch", "an acknowledgement counts for whatever is ordered now", LONE),
    planted(
        Flaw::EvidenceOfAnyEpoch,
        "evidence-of-any-epoch",
        "evidence counts for whatever is judged now",
        Fleet { faults: 2, orders: 2, ..LONE },
    ),
    planted(Flaw::NoDataIsSuccess, "no-data-is-success", "too little evidence passes", LONE),
    planted(Flaw::WayBackAssumed, "way-back-assumed", "goes forward though the old slot is down", LONE),
    planted(Flaw::BackOnHearsay, "back-on-hearsay", "back is recorded without reading the traffic back", LONE),
    planted(
        Flaw::OldSessionCounts,
        "old-session-counts",
        "a report of a superseded session decides",
        Fleet { faults: 2, ..LONE },
    ),
    planted(Flaw::OpensOverHeldLanes, "opens-over-held-lanes", "a start does not compare the lanes", PAIR),
    planted(Flaw::RestoreReissues, "restore-reissues", "a restore keeps the generation", Fleet { restores: 1, ..LONE }),
    planted(Flaw::NoFence, "no-fence", "an agent takes older goals", LONE),
    planted(Flaw::ActsBeforePersist, "acts-before-persist", "an agent acts on what is not on its disk", LONE),
    planted(Flaw::AcksBeforePersist, "acks-before-persist", "an agent says accepted before it is on its disk", LONE),
    planted(
        Flaw::ForgetsAfterCrash,
        "forgets-after-crash",
        "an unfinished intent is not driven on",
        Fleet { faults: 2, ..LONE },
    ),
    planted(Flaw::SwitchesBeforeReady, "switches-before-ready", "traffic moves to a slot on its way up", LONE),
    planted(Flaw::StopsBeforeReadBack, "stops-before-read-back", "a slot is stopped while it gets traffic", LONE),
    planted(Flaw::DoneBeforeReadBack, "done-before-read-back", "done means ordered", LONE),
    planted(Flaw::DoneIsKept, "done-is-kept", "a new intent is as done as the last one", LONE),
];
